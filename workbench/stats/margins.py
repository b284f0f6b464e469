"""Non-inferiority and equivalence tests with a margin fixed in advance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtr, stdtrit

from workbench.core.errors import InputError
from workbench.stats import base
from workbench.stats.base import Floats, Interval
from workbench.stats.paired import score, tango_interval


@dataclass(frozen=True)
class MarginTest:
    """Whether a claim about a margin holds, and on what ground."""

    holds: bool
    interval: Interval
    """Each of its ends is a one-sided bound at the level asked for, so its own level is 2 · level − 1."""
    margin: float
    p: float


def noninferiority(
    after: ArrayLike,
    before: ArrayLike,
    margin: float,
    groups: Sequence[object] | None = None,
    level: float = 0.95,
) -> MarginTest:
    """H₀: mean(after − before) ≤ −margin; rejected where the one-sided lower bound exceeds −margin.

    Right-or-wrong items have Tango's score bound, which keeps its width when no item changed: three items
    that all stayed right prove little. Other numbers, and groups, have Student's t bound over items or
    groups; for right-or-wrong items in groups the wider of the two bounds counts.
    """
    a, b = base.paired(after, before)
    interval = _bounds(a, b, groups, margin, level)
    p = _p_above(a, b, groups, -margin)
    return MarginTest(interval.low > -margin, interval, margin, p)


def equivalence(
    after: ArrayLike,
    before: ArrayLike,
    margin: float,
    groups: Sequence[object] | None = None,
    level: float = 0.95,
) -> MarginTest:
    """H₀: |mean(after − before)| ≥ margin; rejected where both one-sided bounds lie within ± margin.

    Two one-sided tests (Schuirmann 1987), with the bounds of `noninferiority`; p is the larger of the two.
    """
    a, b = base.paired(after, before)
    interval = _bounds(a, b, groups, margin, level)
    p = max(_p_above(a, b, groups, -margin), _p_above(b, a, groups, -margin))
    return MarginTest(-margin < interval.low and interval.high < margin, interval, margin, p)


def _bounds(a: Floats, b: Floats, groups: Sequence[object] | None, margin: float, level: float) -> Interval:
    """The wider of Student's and Tango's interval, of those that apply."""
    if not margin > 0:
        raise InputError(f"a margin is the loss that would not matter, above 0; {margin} given")
    if not 0.5 < level < 1:
        raise InputError(f"level is a probability above 0.5 such as 0.95, not {level}")
    estimate, error, n = _mean(a - b, groups)
    ends = []
    if _by_score(a, b):
        tango = tango_interval(*_changes(a, b), level=2 * level - 1)
        ends.append((tango.low, tango.high))
    if _by_t(a, b, groups):
        half = float(stdtrit(n - 1, level)) * error
        ends.append((estimate - half, estimate + half))
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    return Interval(estimate, low, high, 2 * level - 1, n)


def _p_above(a: Floats, b: Floats, groups: Sequence[object] | None, value: float) -> float:
    """One-sided p of H₀: mean(a − b) ≤ value; the larger one where two tests apply."""
    found = []
    if _by_score(a, b):
        found.append(float(ndtr(-score(*_changes(a, b), value))))
    if _by_t(a, b, groups):
        estimate, error, n = _mean(a - b, groups)
        distance = estimate - value
        t = distance / error if error > 0 else np.copysign(np.inf, distance)
        found.append(float(stdtr(n - 1, -t)))
    return max(found)


def _by_score(a: Floats, b: Floats) -> bool:
    return all(bool(np.isin(x, (0, 1)).all()) for x in (a, b))


def _by_t(a: Floats, b: Floats, groups: Sequence[object] | None) -> bool:
    return groups is not None or not _by_score(a, b)


def _changes(a: Floats, b: Floats) -> tuple[int, int, int]:
    return len(a), int((a > b).sum()), int((a < b).sum())


def _mean(x: Floats, groups: Sequence[object] | None) -> tuple[float, float, int]:
    """Mean, its standard error over items or groups, and their number."""
    sums, sizes = base.group_sums(x, groups)
    n = len(sums)
    if n < 2:
        raise InputError("a margin test needs at least two items or groups")
    residuals = sums - sizes * x.mean()
    return float(x.mean()), float(np.sqrt(n / (n - 1) * np.square(residuals).sum()) / len(x)), n
