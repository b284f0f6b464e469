"""The decision rule for claims about paired differences.

Items of several pairs are pooled: the mean over all items of all pairs. Pairs may ask the same items, so an
item (or the group it belongs to) is one unit, however many pairs it was asked in. What follows is about new
items for these very pairs, not about new languages.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.analyses.claims.base import LEVEL, Case, Finding, Number, Verdict, undecided
from workbench.core.numbers import estimated
from workbench.select import Choice, paired_correct, rows_of
from workbench.stats import (
    Interval,
    MarginTest,
    equivalence,
    holm_rejections,
    noninferiority,
    paired_interval,
    paired_test,
)

Floats = NDArray[np.float64]


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
        numbers = {name: getattr(self.interval, name) for name in ("estimate", "low", "high", "level")}
        return numbers | {"pairs": self.pairs, "items": self.interval.n}

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
    parts: Iterable[Part | None],
    delta: float,
    rule: Callable[[Difference], Ruling],
    columns: tuple[str, str],
    what: str,
    none: str,
) -> Finding:
    """The finding on all cases that have a part; `none` is said where none has."""
    own = [part for part in parts if part is not None]
    if not own:
        return undecided(none)
    pooled = difference(own, delta)
    ruling, table = rule(pooled), table_of(own, *columns, delta, rule)
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
                "low": own.interval.low,
                "high": own.interval.high,
                "level": own.interval.level,
                "p": own.p,
                "n": len(part.first),
                "verdict": rule(own).verdict,
            }
        )
    return pd.DataFrame(rows)


def with_holm(findings: Mapping[str, Finding]) -> dict[str, Finding]:
    """p adjusted over all claims that have one; a verdict that does not outlast it becomes not decidable.

    A claim that could not have had a p of 0.05 or less, whatever its items said, is no chance of being wrong
    and is not counted.
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


def _pooled(parts: Sequence[Part]) -> tuple[Floats, Floats, list[str] | None]:
    after, before, units = [], [], list[str]()
    for part in parts:
        a, b, groups = paired_correct(part.first, part.second)
        names = part.first.example.astype(str).tolist() if groups is None else groups
        after.append(a)
        before.append(b)
        units += [f"{part.about.get('task')}/{name}" for name in names]
    distinct = len(set(units)) == len(units)
    return np.concatenate(after), np.concatenate(before), None if distinct else units
