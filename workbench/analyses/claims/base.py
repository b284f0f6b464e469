"""Claims, the data they are tested on, the decision rule, and the findings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite, nan
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.align import LayerMaps, fit_layers
from workbench.core.errors import InputError, TextError, quoted
from workbench.core.languages import canonical
from workbench.core.numbers import estimated
from workbench.core.reading import read_lines
from workbench.organism.config import WorldConfig
from workbench.select import Choice, paired_correct, rows_of
from workbench.states import Activations
from workbench.stats import (
    Interval,
    MarginTest,
    equivalence,
    holm_rejections,
    noninferiority,
    paired_interval,
    paired_test,
)
from workbench.study import Study, StudyResult
from workbench.study.alignment import COMPONENT, estimators
from workbench.sweeps import CLEAN, CONFIGURATION, Configuration


@dataclass(frozen=True)
class Scale:
    """A number for each language."""

    what: str
    """What the numbers are, in words."""
    values: Mapping[str, float]

    def of(self, language: str) -> float:
        """The number of a language."""
        if language not in self.values:
            raise InputError(f"{self.what} has no number for {language}: add a line for it")
        return self.values[language]


def read_scale(path: Path) -> Scale:
    """A file of lines `language<TAB>number` (or with a comma); a first line of names is passed over."""
    values: dict[str, float] = {}
    for at, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        separator = "\t" if "\t" in line else ","
        code, _, text = line.partition(separator)
        try:
            number = float(text)
        except ValueError:
            number = nan
        if not isfinite(number):
            if at == 1 and line.count(separator) == 1:
                continue
            raise TextError(f"{quoted(line)} is not a language, a tab and a number", path, at)
        try:
            language = canonical(code.strip())
        except InputError as error:
            raise TextError(str(error), path, at) from error
        if language in values:
            raise TextError(f"{language} occurs twice", path, at)
        values[language] = number
    if not values:
        raise TextError("holds no line with a language and a number", path)
    return Scale(path.name, values)


def world_scales(config: WorldConfig) -> tuple[Scale, Scale]:
    """Of an organism: each language's share of the training text, and its distance from the main one."""
    resources = {language.code: language.resource for language in config.languages}
    distances = {
        language.code: 0.0
        if language.script == config.main.script
        else 2.0
        if language.morphology == "fused"
        else 1.0
        for language in config.languages
    }
    return Scale("share of the training text", resources), Scale("near 0, far 1, fused 2", distances)


Verdict = Literal["supported", "not supported", "not decidable"]
BAND = (0.60, 0.75)
"""Which part of the depth is called mid-to-high."""
LEVEL = 0.95

Number = float | int | str | None


@dataclass(eq=False)
class Case:
    """One pair and task: a study and what it found."""

    study: Study
    result: StudyResult

    @property
    def choice(self) -> Choice:
        """What the study chose on dev, of the aligner that it is about."""
        return self.result.headline.choice

    @property
    def aligner(self) -> str:
        """The aligner that the study is about."""
        return self.choice.aligner

    @property
    def facts(self) -> dict[str, Any]:
        """The columns that every table carries."""
        return {"task": self.result.task} | self.study.alignment.facts

    @cached_property
    def dev(self) -> pd.DataFrame:
        """Rows over source-language dev items: the clean run, and the aligner at one layer each.

        Claims ask about layers that a race may have dropped: then the aligner is swept whole.
        """
        rows = self._rows("dev")
        rows = rows[(rows.aligner == CLEAN) | ((rows.aligner == self.aligner) & (rows.joint == "one"))]
        if (rows.groupby(CONFIGURATION, dropna=False).size() == (rows.aligner == CLEAN).sum()).all():
            return rows
        alone = [one for one in self.study.configurations({self.aligner: self.maps}) if not one.also]
        rows = self.study.sweep("dev", alone, folder="claims/dev")
        return rows[rows.language == self.study.source]

    def tested(self) -> pd.DataFrame:
        """Rows over source-language test items of what each aligner chose, without refits."""
        rows = self._rows("test")
        return rows[rows.seed.isna() | (rows.seed == self.study.settings.seed)]

    def on_test(self, configurations: Sequence[Configuration], folder: str) -> pd.DataFrame:
        """Configurations and the clean run, scored over source-language test items."""
        rows = self.study.sweep("test", configurations, folder=f"claims/{folder}")
        return rows[rows.language == self.study.source]

    def configuration(self, choice: Choice) -> Configuration:
        """The configuration that a choice of the study's own aligner names."""
        return self.study.configuration({self.aligner: self.maps}, choice)

    def configurations(self, *choices: Choice) -> list[Configuration]:
        """The configurations of those choices that patch anything, each once."""
        patches = [self.configuration(choice) for choice in choices if choice.layer is not None]
        return list({str(configuration): configuration for configuration in patches}.values())

    @cached_property
    def states(self) -> Activations:
        """The states of both languages, from the study's folder."""
        return self.study.alignment.capture()

    @cached_property
    def maps(self) -> LayerMaps:
        """The aligner's map at each layer, as the study fitted it."""
        return self.fitted(estimators(self.study.settings)[self.aligner])

    def fitted(self, aligner: Any) -> LayerMaps:
        """Another aligner, fitted at each layer on the same sentences."""
        source, target = (
            self.states.states(code, COMPONENT) for code in (self.study.source, self.study.target)
        )
        return fit_layers(aligner, source, target, self.study.alignment.split.fit)

    def _rows(self, split: str) -> pd.DataFrame:
        rows = self.result.tables["sweep"]
        return rows[(rows.split == split) & (rows.language == self.study.source)]


@dataclass(frozen=True, eq=False)
class Ground:
    """What claims are tested on: the studies of a diagnosis, and what is known beside them."""

    cases: tuple[Case, ...]
    folder: Path
    delta: float
    """A change in accuracy this small would not matter."""
    seed: int = 0
    predictors: pd.DataFrame | None = None
    """Which measures go along with the gain, over all studies."""
    comparison: pd.DataFrame | None = None
    """What `workbench compare` left in the folder."""
    resources: Scale | None = None
    """How much of each language was read, where that is known."""
    distances: Scale | None = None
    """How far each language is from the main one, where that is known."""
    band: tuple[float, float] = BAND
    compare: str = "workbench compare"
    """The command that would make the comparison."""


@dataclass(frozen=True, eq=False)
class Finding:
    """What the ground says of one claim."""

    verdict: Verdict
    sentence: str
    """The numbers in words; what they amount to is the verdict's to say."""
    numbers: Mapping[str, Number]
    table: pd.DataFrame | None = None
    """Pair by pair, or point by point."""
    p: float | None = None
    """Of the test that the verdict rests on; None where there is none, or none that could decide."""
    adjusted_p: float | None = None
    """By Holm, over all claims that were tested together."""


@dataclass(frozen=True)
class Claim:
    """A sentence of the literature, as a hypothesis with a rule that was fixed beforehand."""

    name: str
    statement: str
    rule: str
    """When it is supported, and when not; all else is not decidable."""
    reference: str
    test: Callable[[Ground], Finding]
    reproducible: bool = True
    """Whether a second run gives the same numbers; times are none such and stay out of the tables."""


def in_numbers(interval: Interval) -> dict[str, Number]:
    """An interval as the numbers of a finding."""
    return {name: getattr(interval, name) for name in ("estimate", "low", "high", "level")}


def undecided(sentence: str, table: pd.DataFrame | None = None) -> Finding:
    """Nothing to decide by."""
    return Finding("not decidable", sentence, {}, table)


# The decision rule for claims about paired differences.
#
# Items of several pairs are pooled. Pairs may ask the same items, so an item (or its group) is one unit,
# however many pairs it was asked in: the result is about new items for these pairs, not about new languages.


@dataclass(frozen=True, eq=False)
class Part:
    """What one case adds: the same items under two configurations."""

    about: Mapping[str, Any]
    """Which model, pair and task, and whatever else its line in the table should say."""
    first: pd.DataFrame
    second: pd.DataFrame


def part_of(case: Case, rows: pd.DataFrame, first: Choice, second: Choice, about: Mapping[str, Any]) -> Part:
    """Two choices over the same test rows."""
    return Part(
        case.facts | {"aligner": case.aligner} | dict(about), rows_of(rows, first), rows_of(rows, second)
    )


def where(choice: Choice, prefix: str = "") -> dict[str, Any]:
    """Layer and strength of a choice, as columns."""
    return {f"{prefix}layer": choice.layer, f"{prefix}strength": choice.strength}


@dataclass(frozen=True)
class Difference:
    """Accuracy of the first configuration less that of the second, over the items of one or several cases."""

    interval: Interval
    p: float
    """Of no difference, two-sided."""
    same: MarginTest
    """Whether it is shown to lie within ±δ."""
    no_worse: MarginTest
    """Whether it is shown to lie above −δ."""
    pairs: int

    @property
    def numbers(self) -> dict[str, Number]:
        """Those that every table of verdicts has."""
        return in_numbers(self.interval) | {"pairs": self.pairs, "items": self.interval.n}

    def __str__(self) -> str:
        return estimated(self.interval)


@dataclass(frozen=True)
class Ruling:
    """A verdict and the p that it rests on."""

    verdict: Verdict
    p: float | None


def difference(parts: Sequence[Part], delta: float) -> Difference:
    """The pooled difference, and what it is shown to be."""
    a, b, groups = _pooled(parts)
    return Difference(
        paired_interval(a, b, groups, LEVEL),
        paired_test(a, b, groups),
        equivalence(a, b, delta, groups, LEVEL),
        noninferiority(a, b, delta, groups, LEVEL),
        len(parts),
    )


def brings_more(pooled: Difference) -> Ruling:
    """For claims that the first brings more: supported where the interval lies above 0.

    Not supported where it lies below 0, or where the difference is shown to lie within ±δ.
    """
    if pooled.interval.low > 0:
        return Ruling("supported", pooled.p)
    if pooled.interval.high < 0:
        return Ruling("not supported", pooled.p)
    return Ruling("not supported", pooled.same.p) if pooled.same.holds else Ruling("not decidable", pooled.p)


def does_as_well(pooled: Difference) -> Ruling:
    """For claims that the first does as well: supported where it is shown to lose less than δ.

    Not supported where it is not, and the interval lies below 0.
    """
    if pooled.no_worse.holds:
        return Ruling("supported", pooled.no_worse.p)
    if pooled.interval.high < 0:
        return Ruling("not supported", pooled.p)
    return Ruling("not decidable", pooled.no_worse.p)


def finding_of(
    ground: Ground,
    parts: Iterable[Part | None],
    columns: tuple[str, str],
    what: str,
    none: str,
    rule: Callable[[Difference], Ruling] = does_as_well,
) -> Finding:
    """The finding on all cases that have a part; `none` is said where none has."""
    own = [part for part in parts if part is not None]
    if not own:
        return undecided(none)
    pooled = difference(own, ground.delta)
    ruling, table = rule(pooled), table_of(own, *columns, ground.delta, rule)
    return Finding(ruling.verdict, f"{what}: {pooled}{alone(table)}", pooled.numbers, table, ruling.p)


def table_of(
    parts: Sequence[Part], first: str, second: str, delta: float, rule: Callable[[Difference], Ruling]
) -> pd.DataFrame:
    """One row per case: both configurations' accuracy, their difference, and the verdict on it."""
    rows = []
    for part in parts:
        own = difference([part], delta)
        rows.append(
            {
                **part.about,
                "split": "test",
                first: float(part.first.correct.astype(float).mean()),
                second: float(part.second.correct.astype(float).mean()),
                "difference": own.interval.estimate,
                **{name: getattr(own.interval, name) for name in ("low", "high", "level")},
                "p": own.p,
                "n": len(part.first),
                "verdict": rule(own).verdict,
            }
        )
    return pd.DataFrame(rows)


def with_holm(findings: Mapping[str, Finding]) -> dict[str, Finding]:
    """p adjusted over all claims that have one; a verdict that does not outlast it becomes not decidable.

    A claim that could not have had a p of 0.05 or less, whatever its items said, is not counted.
    """
    tested = {name: finding.p for name, finding in findings.items() if finding.p is not None}
    adjusted, rejected = holm_rejections(list(tested.values()), LEVEL)
    corrected = dict(findings)
    for name, p, stands in zip(tested, adjusted, rejected, strict=True):
        verdict = findings[name].verdict if stands else "not decidable"
        corrected[name] = replace(findings[name], adjusted_p=float(p), verdict=verdict)
    return corrected


def alone(table: pd.DataFrame) -> str:
    """What the pairs say one by one, in words; nothing where there is but one.

    >>> alone(pd.DataFrame({"verdict": ["supported", "not supported", "supported"]}))
    '; by pair: 2 supported, 1 not supported'
    """
    if len(table) < 2:
        return ""
    counts = [(int((table.verdict == one).sum()), one) for one in get_args(Verdict)]
    return "; by pair: " + ", ".join(f"{count} {one}" for count, one in counts if count)


def _pooled(parts: Sequence[Part]) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str] | None]:
    after, before, units = [], [], list[str]()
    for part in parts:
        a, b, groups = paired_correct(part.first, part.second)
        names = part.first.example.astype(str).tolist() if groups is None else groups
        after.append(a)
        before.append(b)
        units += [f"{part.about.get('task')}/{name}" for name in names]
    distinct = len(set(units)) == len(units)
    return np.concatenate(after), np.concatenate(before), None if distinct else units
