"""First facts and the result of a study on test items, as objects, tables, JSON and cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.align import CONTROLS
from workbench.core.cards import card
from workbench.core.errors import InputError
from workbench.core.numbers import estimated, percent, signed
from workbench.core.settings import Settings
from workbench.core.types import Site
from workbench.figures import plot
from workbench.measures import METRICS
from workbench.panel import Panel, explore
from workbench.results import bounds
from workbench.select import (
    Choice,
    CrossFit,
    Refits,
    Verdict,
    accuracy_difference,
    accuracy_of,
    decide_choice,
    gain_on_test,
    kept_columns,
    predicts,
    refit_spread,
    retained,
    rows_of,
    verdict_sentence,
)
from workbench.stats import Interval, MarginTest, detectable_effect
from workbench.study.alignment import headline_of
from workbench.study.similarity import as_table
from workbench.sweeps import CLEAN

_ACCURACIES = ("baseline", "target_accuracy", "gap")


@dataclass(frozen=True)
class FirstFacts:
    """Token counts, unpatched accuracies on dev items, the gap, and the minimum detectable gain."""

    tokens: pd.DataFrame
    """Tokens a sentence, a word and a character, one row a language."""
    baseline: Interval
    """Accuracy on dev in the source language."""
    target_accuracy: Interval | None
    """The same items in the target language; None where the task does not have them."""
    gap: Interval | None
    chance: float | None
    """Accuracy of guessing, for tasks of choices."""
    n_dev: int
    n_test: int
    """Items, of each language."""
    detectable: float
    """Minimum detectable gain on test, at 80 % power."""
    delta_gap: float = 0.05
    """A gap below this is none."""

    @property
    def cautions(self) -> list[str]:
        """What has to be said beside the gap."""
        sides = (self.baseline, self.target_accuracy)
        if self.chance is None or not all(side and side.low <= self.chance for side in sides):
            return []
        return [
            f"both languages are near chance ({self.chance:.2f}) on dev, so the gap means little: the model "
            "may not be able to do the task"
        ]

    @property
    def worth_going_on(self) -> bool:
        """False where the gap is shown to be smaller than `delta_gap` (its whole interval lies below)."""
        return self.gap is None or self.gap.high >= self.delta_gap

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        accuracies = {name: value for name, value in _as_json(self, *_ACCURACIES).items() if value}
        counts = {name: getattr(self, name) for name in ("n_dev", "n_test", "detectable", "chance")}
        return accuracies | counts | {"tokens": self.tokens.to_dict("records")}


def both_sides(rows: pd.DataFrame, source: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows in the source language, and the others."""
    return rows[rows.language == source], rows[rows.language != source]


def first_facts(
    tokens: pd.DataFrame,
    clean: pd.DataFrame,
    source: str,
    n_test: int,
    chance: float | None,
    delta_gap: float = 0.05,
) -> FirstFacts:
    """From unpatched dev rows of one or both languages."""
    clean = clean[clean.aligner == CLEAN]
    own, there = both_sides(clean, source)
    return FirstFacts(
        tokens=tokens,
        baseline=accuracy_of(own),
        target_accuracy=None if there.empty else accuracy_of(there),
        gap=None if there.empty else accuracy_difference(there, own),
        chance=chance,
        n_dev=len(own),
        n_test=n_test,
        detectable=detectable_effect(n_test),
        delta_gap=delta_gap,
    )


@dataclass(frozen=True)
class Outcome:
    """The test scores of the configuration that one aligner chose on dev."""

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
    """First facts, known before any patch."""
    tables: dict[str, pd.DataFrame]
    """`fit`, `similarity`, `confounds`, `pca`, `sweep`, `exploration`, `selection` and others."""
    paths: dict[str, Path]
    seconds: dict[str, float]
    cautions: tuple[str, ...] = ()
    """What has to be said beside the verdict."""

    @property
    def aligner(self) -> str:
        """The aligner that the verdict is about."""
        return self.headline.choice.aligner

    @property
    def verdict(self) -> Verdict:
        """The verdict on it."""
        return self.headline.verdict

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

    def verdict_json(self) -> dict[str, Any]:
        """The verdict in words, and the numbers on test that it rests on and the tables do not hold."""
        return {
            "kind": self.headline.verdict.kind,
            "sentence": self.sentence,
            "delta": self.headline.verdict.delta,
            "share_of_gap": self.share_of_gap,
            "source": self.source,
            "target": self.target,
        } | _as_json(self, *_ACCURACIES, "beyond_half", "retention")

    def plot(self, kind: str) -> Any:
        """The interactive figure (plotly) of a kind, such as `layers`, `aligners` or `gap`."""
        return plot(self, kind)

    @property
    def folder(self) -> Path:
        """The folder of the study."""
        return self.paths["manifest"].parent

    @property
    def without_patch(self) -> dict[str, float]:
        """Of aligners that chose no patch: their gain on dev where the headline's patch was chosen."""
        best, dev = self.headline.choice, self.tables["exploration"]
        if best.layer is None or best.also.get("joint", "one") != "one":
            return {}
        same = (dev.layer == best.layer) & (dev.intervention == best.intervention) & (dev.joint == "one")
        rows = dev[same & (dev.strength == best.strength)].drop_duplicates("aligner")
        there = rows.set_index("aligner").gain
        unpatched = [one.choice.aligner for one in self.others if one.choice.layer is None]
        return {name: float(there[name]) for name in unpatched if name in there}

    def explore(self, *more: str | Path) -> Panel:
        """A panel in the notebook to look at layers; `more` are folders with further tables (`grid`)."""
        return explore(self.folder, *more)

    def __repr__(self) -> str:
        return f"StudyResult({self.model['name']}, {self.pair}, {self.task}: {self.sentence})"

    def _repr_html_(self) -> str:
        """The verdict, each aligner's choice with its gain, and the folder."""
        n = self.n
        facts = {
            f"{self.source}, unpatched": estimated(self.baseline, 2, sign=False),
            f"{self.target}, the same items": self.target_accuracy
            and estimated(self.target_accuracy, 2, sign=False),
            "gap": self.gap and estimated(self.gap, 2),
            "measured on": f"{n['fit']:,} sentences fitted, {n['held_out']:,} held out, "
            f"{n['dev']:,} dev items, {n['test']:,} test items",
        }
        gain = f"gain on test [{percent(self.headline.gain.level)}]"
        return card(
            "Result",
            f"{self.model['name']}, {self.pair}, {self.task}",
            lead=self.sentence,
            facts=facts,
            heads=["aligner", gain, "accuracy", "chosen on dev", "verdict"],
            rows=[_card_row(outcome, self.without_patch) for outcome in self.outcomes],
            note=f"In {self.folder}: {', '.join(sorted(self.paths))}. Layer by layer: explore().",
            edge=self.headline.verdict.kind,
        )


def _card_row(outcome: Outcome, without_patch: Mapping[str, float]) -> tuple[object, ...]:
    choice = outcome.choice
    name = choice.aligner.replace("_", " ") + (" (control)" if outcome.is_control else "")
    if choice.layer is None:
        there = without_patch.get(choice.aligner)
        more = "" if there is None else f" ({signed(there, 2)} on dev at the headline's layer)"
        return name, "", "", f"no patch chosen{more}", ""
    where = choice.name.removeprefix(f"{choice.aligner} ").replace("_", " ")
    accuracy = estimated(outcome.accuracy, 2, sign=False)
    return name, estimated(outcome.gain, 2), accuracy, where, outcome.verdict.headline


def _as_json(result: Any, *names: str) -> dict[str, Any]:
    """Some intervals of a result by name, as JSON values."""
    return {name: None if (one := getattr(result, name)) is None else vars(one) for name in names}


def judge(test: pd.DataFrame, source: str, crossfits: dict[str, CrossFit], settings: Settings) -> Judgement:
    """Score the choices of dev on the rows of a test sweep over both languages' items."""
    own, there = both_sides(test, source)
    itself = own[own.seed.isna() | (own.seed == settings.seed)]
    baseline, target_accuracy = itself[itself.aligner == CLEAN], there[there.aligner == CLEAN]
    outcomes = {}
    for aligner, crossfit in crossfits.items():
        choice = crossfit.choice
        verdict = decide_choice(itself, choice, settings.delta)
        accuracy, control = accuracy_of(rows_of(itself, choice)), aligner in CONTROLS
        outcomes[aligner] = Outcome(choice, control, verdict.gain, accuracy, verdict, crossfit)
    name = headline_of({aligner: outcome.choice for aligner, outcome in outcomes.items()}, settings)
    headline = outcomes.pop(name)
    choice = headline.choice
    gap = None if there.empty else accuracy_difference(target_accuracy, baseline)
    is_patched = (there.aligner != CLEAN).any()
    return Judgement(
        baseline=accuracy_of(baseline),
        target_accuracy=None if there.empty else accuracy_of(target_accuracy),
        gap=gap,
        headline=headline,
        share_of_gap=headline.gain.estimate / gap.estimate if gap and gap.low > 0 else None,
        beyond_half=None if there.empty else _beyond_half(rows_of(itself, choice), baseline, target_accuracy),
        retention=accuracy_difference(rows_of(there, choice), target_accuracy) if is_patched else None,
        retained=retained(there, choice, settings.delta) if is_patched else None,
        refits=refit_spread(own, choice) if settings.refits else None,
        others=tuple(outcomes.values()),
        headline_over={
            aligner: gain_on_test(itself, choice, other.choice) for aligner, other in outcomes.items()
        },
    )


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


def selection_table(facts: dict[str, Any], task: str, judgement: Judgement) -> pd.DataFrame:
    """One row per aligner: the configuration chosen on dev, and its scores on test."""
    rows = [facts | _selection_row(outcome, judgement) | {"task": task} for outcome in judgement.outcomes]
    numbers = ("strength", "regret", "refit_sd", "refit_low", "refit_high", "retention", "retention_low")
    floats = dict.fromkeys(numbers, "Float64")
    return as_table("selection", rows, refits="Int64", noninferior="boolean", **floats)


def _selection_row(outcome: Outcome, judgement: Judgement) -> dict[str, Any]:
    choice, verdict, crossfit = outcome.choice, outcome.verdict, outcome.crossfit
    # Refits and retention are known of the headline alone.
    headline = outcome is judgement.headline
    refits, kept = (judgement.refits, judgement.retained) if headline else (None, None)
    return {
        "site": None if choice.layer is None else choice.also.get("site", str(Site(choice.layer))),
        "layer": choice.layer,
        "aligner": choice.aligner,
        "split": "test",
        "intervention": choice.intervention,
        "positions": choice.also.get("positions"),
        "joint": choice.also.get("joint"),
        "strength": choice.strength,
        "control": outcome.is_control,
        "headline": headline,
        "dev_margin_gain": choice.margin_gain,
        "dev_gain": choice.accuracy_gain,
        "accuracy": outcome.accuracy.estimate,
        **bounds("gain", outcome.gain),
        **bounds("headline_over", judgement.headline_over.get(choice.aligner)),
        "level": outcome.gain.level,
        "n": outcome.gain.n,
        "verdict": verdict.kind,
        **{name: getattr(verdict, name) for name in ("p", "detectable", "gained", "lost")},
        "crossfit_gain": crossfit.gain,
        **{name: getattr(crossfit, name) for name in ("selection_bias", "regret", "agreement")},
        "refits": refits and refits.n,
        "refit_sd": refits and refits.sd,
        "refit_low": refits and refits.smallest,
        "refit_high": refits and refits.largest,
        **kept_columns(kept),
    }


def predictors_table(studies: Sequence[Mapping[str, pd.DataFrame]], seed: int) -> pd.DataFrame:
    """Which measure's curve over layers goes along with the headline's gains on dev, for one task."""
    similarity, selection = (
        stacked([tables[name] for tables in studies]) for name in ("similarity", "selection")
    )
    gains = []
    for tables in studies:
        # A pair's curve is that of its own headline.
        name = tables["selection"].aligner[tables["selection"].headline].iloc[0]
        looked = tables["exploration"]
        gains.append(looked[(looked.aligner == name) & (looked.joint == "one")])
    lower = tuple(name for name, metric in METRICS.items() if not metric.higher_is_better)
    table = predicts(similarity, pd.concat(gains), selection[selection.headline], lower, seed=seed)
    return table.assign(site=None, layer=pd.array([None] * len(table), "Int64"), seed=seed, split="dev")


def stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables of several studies as one; studies of one pair with several tasks share their similarities."""
    return pd.concat(tables, ignore_index=True).drop_duplicates(ignore_index=True)
