"""The result of a study on test items, with intervals."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.align import CONTROLS
from workbench.core.errors import InputError
from workbench.core.settings import Settings
from workbench.select import (
    Choice,
    CrossFit,
    Refits,
    Verdict,
    accuracy_difference,
    accuracy_of,
    decide_choice,
    gain_on_test,
    refit_spread,
    retained,
    rows_of,
    verdict_sentence,
)
from workbench.stats import Interval, MarginTest
from workbench.study.estimators import headline_of
from workbench.study.facts import FirstFacts
from workbench.study.shown import result_card, result_line
from workbench.sweeps import CLEAN

if TYPE_CHECKING:
    from workbench.panel import Panel


@dataclass(frozen=True)
class Outcome:
    """What the configuration that one aligner chose on dev gains on test."""

    choice: Choice
    is_control: bool
    gain: Interval
    """Accuracy over the unpatched run, paired over the test items."""
    accuracy: Interval
    verdict: Verdict
    crossfit: CrossFit
    """The choice repeated on 5 folds of dev: how much of the gain on dev is selection bias."""


@dataclass(frozen=True)
class Judgement:
    """Accuracies and gains on test items."""

    baseline: Interval
    """Source-language accuracy, unpatched."""
    target_accuracy: Interval | None
    """Target-language accuracy on the same items, unpatched; None where the task has no such items."""
    gap: Interval | None
    headline: Outcome
    share_of_gap: float | None
    """Gain over gap; None where the gap's interval touches 0."""
    beyond_half: Interval | None
    """Gain less half of the gap, over the same items: above 0 where at least half is recovered."""
    retention: Interval | None
    """Change in accuracy on target-language items under the headline's patch; None where there is none."""
    retained: MarginTest | None
    """Whether it is shown to cost them less than δ."""
    refits: Refits | None
    """The headline's gain with maps refitted on other random samples; None where no patch was chosen."""
    others: tuple[Outcome, ...]
    headline_over: dict[str, Interval]
    """The headline aligner's test accuracy less that of each other aligner, paired."""

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The headline's and all others."""
        return (self.headline, *self.others)

    @property
    def known_target_accuracy(self) -> Interval:
        """Target-language accuracy (`target_accuracy`), for tasks that have items in both languages."""
        return _known(self.target_accuracy)

    @property
    def known_gap(self) -> Interval:
        """The gap, likewise."""
        return _known(self.gap)

    def outcome(self, aligner: str) -> Outcome:
        """The outcome of an aligner."""
        return next(o for o in self.outcomes if o.choice.aligner == aligner)


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
    facts: FirstFacts
    """What was known before anything was patched."""
    tables: dict[str, pd.DataFrame]
    """`fit`, `similarity`, `confounds`, `pca`, `sweep`, `exploration`, `selection` and others."""
    paths: dict[str, Path]
    seconds: dict[str, float]

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, with the numbers it rests on."""
        return verdict_sentence(
            self.headline.verdict,
            self.headline.choice,
            self.gap,
            {
                other.choice.aligner: None if other.choice.layer is None else other.gain
                for other in self.others
            },
            self.retained,
            self.target,
        )

    def plot(self, kind: str) -> Any:
        """The interactive figure (plotly) of a kind, such as `layers`, `aligners` or `gap`."""
        from workbench.figures import plot

        return plot(self, kind)

    def explore(self, *more: str | Path) -> "Panel":
        """A panel in the notebook to look at layers; `more` are folders with further tables (`grid`)."""
        from workbench.panel import explore

        return explore(self.paths["manifest"].parent, *more)

    def __repr__(self) -> str:
        return result_line(self)

    def _repr_html_(self) -> str:
        return result_card(self)


def judge(test: pd.DataFrame, source: str, crossfits: dict[str, CrossFit], settings: Settings) -> Judgement:
    """Score what was chosen on dev on the rows of a test sweep over both languages' items."""
    own, there = test[test.language == source], test[test.language != source]
    itself = own[own.seed.isna() | (own.seed == settings.seed)]
    baseline, target_accuracy = itself[itself.aligner == CLEAN], there[there.aligner == CLEAN]
    name = headline_of({aligner: found.choice for aligner, found in crossfits.items()}, settings)
    outcomes = {aligner: _outcome(itself, found, settings.delta) for aligner, found in crossfits.items()}
    headline = outcomes.pop(name)
    gap = None if there.empty else accuracy_difference(target_accuracy, baseline)
    patched = rows_of(itself, headline.choice)
    on_target = there[there.aligner != CLEAN]
    return Judgement(
        baseline=accuracy_of(baseline),
        target_accuracy=None if there.empty else accuracy_of(target_accuracy),
        gap=gap,
        headline=headline,
        share_of_gap=headline.gain.estimate / gap.estimate if gap and gap.low > 0 else None,
        beyond_half=None if there.empty else _beyond_half(patched, baseline, target_accuracy),
        retention=accuracy_difference(rows_of(there, headline.choice), target_accuracy)
        if len(on_target)
        else None,
        retained=retained(there, headline.choice, settings.delta) if len(on_target) else None,
        refits=refit_spread(own, headline.choice) if settings.refits else None,
        others=tuple(outcomes.values()),
        headline_over={
            aligner: gain_on_test(itself, headline.choice, other.choice)
            for aligner, other in outcomes.items()
        },
    )


def _outcome(own: pd.DataFrame, found: CrossFit, delta: float) -> Outcome:
    verdict = decide_choice(own, found.choice, delta)
    accuracy = accuracy_of(rows_of(own, found.choice))
    return Outcome(found.choice, found.choice.aligner in CONTROLS, verdict.gain, accuracy, verdict, found)


def _beyond_half(patched: pd.DataFrame, baseline: pd.DataFrame, target_accuracy: pd.DataFrame) -> Interval:
    """patched − (baseline + target_accuracy) / 2 = gain − gap / 2, item by item."""
    here, there = (rows.set_index("example").correct.astype(float) for rows in (baseline, target_accuracy))
    half_way = baseline.assign(correct=(here + there.loc[here.index]).to_numpy() / 2)
    return accuracy_difference(patched, half_way)


def _known(interval: Interval | None) -> Interval:
    if interval is None:
        raise InputError(
            "the task has no items in the target language, so target-language accuracy and gap are unknown"
        )
    return interval
