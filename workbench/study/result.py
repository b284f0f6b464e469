"""What a study found: judged on test items alone, every gain beside its interval."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.align import CONTROLS
from workbench.select import (
    Choice,
    CrossFit,
    Verdict,
    accuracy_difference,
    decide,
    gain_on_test,
    paired_correct,
    rows_of,
)
from workbench.stats import Interval, wilson_interval
from workbench.study.settings import Settings
from workbench.sweep import CLEAN


@dataclass(frozen=True)
class Outcome:
    """What one method's own best branch on dev brings on test."""

    choice: Choice
    is_control: bool
    gain: Interval
    """Accuracy over the unpatched run, paired over the test items."""
    accuracy: Interval
    verdict: Verdict
    crossfit: CrossFit
    """The same choice made without a fifth of dev at a time: how much of the dev gain was choosing."""


@dataclass(frozen=True)
class Judgement:
    """Accuracies and gains on test items."""

    baseline: Interval
    """Source-language accuracy, unpatched."""
    ceiling: Interval
    """Target-language accuracy on the same items, unpatched."""
    gap: Interval
    headline: Outcome
    share_of_gap: float | None
    """Gain over gap; None where the gap's interval touches 0."""
    beyond_half: Interval
    """Gain less half of the gap, over the same items: above 0 where at least half is recovered."""
    retention: Interval | None
    """What the headline's patch does to target-language items; None where nothing was chosen."""
    others: tuple[Outcome, ...]
    headline_over: dict[str, Interval]
    """The headline method's test accuracy less that of each other method, paired."""

    def outcome(self, method: str) -> Outcome:
        """The outcome of a method."""
        return next(o for o in (self.headline, *self.others) if o.choice.method == method)


@dataclass(frozen=True)
class StudyResult(Judgement):
    """All that was found, and where it was written."""

    model: dict[str, Any]
    task: str
    pair: str
    source: str
    target: str
    n: dict[str, int]
    """Sentences (`fit`, `held_out`) and items (`dev`, `test`)."""
    tables: dict[str, pd.DataFrame]
    """`fit`, `similarity`, `sweep`, `selection`."""
    paths: dict[str, Path]
    seconds: dict[str, float]


def judge(test: pd.DataFrame, source: str, crossfits: dict[str, CrossFit], settings: Settings) -> Judgement:
    """Score what was chosen on dev on the rows of a test sweep over both languages' items."""
    own, there = test[test.language == source], test[test.language != source]
    baseline, ceiling = own[own.method == CLEAN], there[there.method == CLEAN]
    patched_target = there[there.method != CLEAN]
    seed = settings.seed
    gap = accuracy_difference(ceiling, baseline, seed)
    outcomes = {}
    for method, found in crossfits.items():
        patched = rows_of(own, found.choice)
        after, before, groups = paired_correct(patched, baseline)
        verdict = decide(after, before, groups, settings.delta, seed)
        outcomes[method] = Outcome(
            found.choice, method in CONTROLS, verdict.gain, _accuracy(patched), verdict, found
        )
    headline = outcomes.pop(settings.headline)
    return Judgement(
        baseline=_accuracy(baseline),
        ceiling=_accuracy(ceiling),
        gap=gap,
        headline=headline,
        share_of_gap=headline.gain.estimate / gap.estimate if gap.low > 0 else None,
        beyond_half=_beyond_half(rows_of(own, headline.choice), baseline, ceiling, seed),
        retention=None if patched_target.empty else accuracy_difference(patched_target, ceiling, seed),
        others=tuple(outcomes.values()),
        headline_over={
            method: gain_on_test(own, headline.choice, other.choice, seed)
            for method, other in outcomes.items()
        },
    )


def _beyond_half(patched: pd.DataFrame, baseline: pd.DataFrame, ceiling: pd.DataFrame, seed: int) -> Interval:
    """patched − (baseline + ceiling) / 2 = gain − gap / 2, item by item."""
    here, there = (rows.set_index("example").correct.astype(float) for rows in (baseline, ceiling))
    half_way = baseline.assign(correct=(here + there.loc[here.index]).to_numpy() / 2)
    return accuracy_difference(patched, half_way, seed)


def _accuracy(rows: pd.DataFrame) -> Interval:
    return wilson_interval(int(rows.correct.sum()), len(rows))
