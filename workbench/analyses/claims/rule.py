"""The decision rule for claims about paired differences.

Items of several pairs are pooled: the mean over all items of all pairs. Pairs may ask the same items, so an
item (or the group it belongs to) is one unit, however many pairs it was asked in. What follows is about new
items for these very pairs, not about new languages.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.analyses.claims.base import LEVEL, Finding, Number, Verdict
from workbench.core.numbers import estimated
from workbench.select import paired_correct
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
        one = self.interval
        return {
            "estimate": one.estimate,
            "low": one.low,
            "high": one.high,
            "level": one.level,
            "pairs": self.pairs,
            "items": one.n,
        }

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


def brings_more(found: Difference) -> Ruling:
    """For claims that the first brings more: supported where the interval lies above 0.

    Not supported where it lies below 0, or where the difference is shown to lie within ±δ.
    """
    if found.interval.low > 0:
        return Ruling("supported", found.p)
    if found.interval.high < 0:
        return Ruling("not supported", found.p)
    return Ruling("not supported", found.same.p) if found.same.holds else Ruling("not decidable", found.p)


def does_as_well(found: Difference) -> Ruling:
    """For claims that the first does as well: supported where it is shown to lose less than δ.

    Not supported where it is not, and the interval lies below 0.
    """
    if found.no_worse.holds:
        return Ruling("supported", found.no_worse.p)
    if found.interval.high < 0:
        return Ruling("not supported", found.p)
    return Ruling("not decidable", found.no_worse.p)


def table_of(
    parts: Sequence[Part], first: str, second: str, delta: float, rule: Callable[[Difference], Ruling]
) -> pd.DataFrame:
    """One row per case: both configurations' accuracy, their difference, and the verdict on it."""
    rows = []
    for part in parts:
        found = difference([part], delta)
        rows.append(
            dict(part.about)
            | {
                "split": "test",
                first: float(part.first.correct.astype(float).mean()),
                second: float(part.second.correct.astype(float).mean()),
                "difference": found.interval.estimate,
                "low": found.interval.low,
                "high": found.interval.high,
                "level": found.interval.level,
                "p": found.p,
                "n": len(part.first),
                "verdict": rule(found).verdict,
            }
        )
    return pd.DataFrame(rows)


def with_holm(findings: Mapping[str, Finding]) -> dict[str, Finding]:
    """p adjusted over all claims that have one; a verdict that does not outlast it becomes not decidable.

    A claim that could not have had a p of 0.05 or less, whatever its items said, is no chance of being wrong
    and is not counted.
    """
    tested = {name: one.p for name, one in findings.items() if one.p is not None}
    adjusted, rejected = holm_rejections(list(tested.values()), LEVEL)
    found = dict(findings)
    for name, p, stands in zip(tested, adjusted, rejected, strict=True):
        one = findings[name]
        verdict = one.verdict if stands else "not decidable"
        found[name] = replace(one, adjusted_p=float(p), verdict=verdict)
    return found


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
    after, before, units = [], [], []
    for part in parts:
        a, b, groups = paired_correct(part.first, part.second)
        names = part.first.example.astype(str).tolist() if groups is None else groups
        after.append(a)
        before.append(b)
        units += [f"{part.about.get('task')}/{name}" for name in names]
    alone = len(set(units)) == len(units)
    return np.concatenate(after), np.concatenate(before), None if alone else units
