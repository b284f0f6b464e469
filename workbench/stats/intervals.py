"""Intervals for means, shares, differences between two runs, and statistics of a set of rows."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from workbench.core.errors import InputError
from workbench.stats import base
from workbench.stats.base import Floats, Interval, Rows
from workbench.stats.tests import score, score_bounds


def mean_interval(values: ArrayLike, groups: Sequence[object] | None = None, level: float = 0.95) -> Interval:
    """mean ± t · se; with `groups`, se² = Σ_g e_g² / (1 − n_g/n) / n² for the residual sum e_g of each group.

    That is the bias-reduced cluster-robust variance (CR2 of Bell & McCaffrey 2002), and t has Satterthwaite's
    degrees of freedom for it: G − 1 for G groups of equal size, fewer where some are much larger. Without
    groups it is Student's interval. The interval of one item or group is infinite.
    """
    x = base.finite(values, "values")
    base.check_level(level)
    estimate, spread = float(x.mean()), _spread(x, groups)
    if spread.df == 0:
        return Interval(estimate, -math.inf, math.inf, level, spread.n)
    half = float(stdtrit(spread.df, (1 + level) / 2)) * spread.error
    return Interval(estimate, estimate - half, estimate + half, level, spread.n)


def paired_interval(
    after: ArrayLike, before: ArrayLike, groups: Sequence[object] | None = None, level: float = 0.95
) -> Interval:
    """mean(after − before) over the same items in the same order, with its interval.

    Right-or-wrong items (0 and 1) have Tango's score interval (`tango_interval`), which keeps a sensible
    width where few or none changed, with Student's t of n − 1 degrees of freedom in place of z. With
    `groups`, its counts are divided by the design effect, the variance of `mean_interval` over that of as
    many unrelated items, and t has the degrees of freedom found there. Other numbers have `mean_interval`
    of their differences.

    Coverage of the 95 % interval (table in docs/verdict.md): 93.7 to 97.0 % where 10 to 40 % of 100 or 500
    items change, alone or in 10 to 50 groups; 97 to 99.7 % with 3 changes expected among 100 items; 91 %
    where 3 % of the items change, all in one direction and by 10 whole groups.
    """
    a, b = base.paired(after, before)
    if not base.right_or_wrong(a, b):
        return mean_interval(a - b, groups, level)
    base.check_level(level)
    estimate, spread = float((a - b).mean()), _spread(a - b, groups)
    if spread.df == 0:
        return Interval(estimate, -1.0, 1.0, level, spread.n)
    t = float(stdtrit(spread.df, (1 + level) / 2))
    low, high = score_bounds(*_changes(a - b, spread), t)
    return Interval(estimate, low, high, level, spread.n)


def unpaired_interval(after: Interval, before: Interval) -> Interval:
    """after − before of two unrelated estimates, from the interval of each (MOVER, Zou & Donner 2008).

    The lower half-width is √((after − its low)² + (before's high − before)²), the upper one likewise; of two
    Wilson intervals it is Newcombe's interval. Of estimates with a positive correlation it is too wide.

    >>> one, other = wilson_interval(56, 70), wilson_interval(48, 80)
    >>> difference = unpaired_interval(one, other)
    >>> round(difference.low, 4), round(difference.high, 4)
    (0.0524, 0.3339)
    """
    if after.level != before.level:
        raise InputError(f"the intervals are of different levels: {after.level} and {before.level}")
    estimate = after.estimate - before.estimate
    down = math.hypot(after.estimate - after.low, before.high - before.estimate)
    up = math.hypot(after.high - after.estimate, before.estimate - before.low)
    return Interval(estimate, estimate - down, estimate + up, after.level, after.n + before.n)


def paired_test(after: ArrayLike, before: ArrayLike, groups: Sequence[object] | None = None) -> float:
    """p of H₀: mean(after − before) = 0, two-sided; at most 1 − level where `paired_interval` excludes 0.

    For right-or-wrong items this is McNemar's test without continuity correction, (b − c)² / (b + c); in
    groups, divided by the design effect and compared with t².
    """
    a, b = base.paired(after, before)
    mean, spread = float((a - b).mean()), _spread(a - b, groups)
    if spread.df == 0 or mean == 0:
        return 1.0
    if base.right_or_wrong(a, b):
        t = score(*_changes(a - b, spread), 0.0)
    else:
        t = mean / spread.error if spread.error > 0 else math.inf
    return 2 * float(stdtr(spread.df, -abs(t)))


def score_band(differences: Floats, groups: Sequence[object] | None, critical: float) -> tuple[float, float]:
    """Tango's interval of the mean of differences of right-or-wrong items, for a given critical value."""
    if math.isinf(critical):
        return -1.0, 1.0
    return score_bounds(*_changes(differences, _spread(differences, groups)), critical)


def score_t(differences: Floats, groups: Sequence[object] | None) -> float:
    """The score of a mean difference of 0; beyond the critical value where `score_band` excludes 0."""
    return score(*_changes(differences, _spread(differences, groups)), 0.0)


def effective_items(after: ArrayLike, before: ArrayLike, groups: Sequence[object] | None = None) -> float:
    """The number of unrelated items with the same information; without groups, all of them."""
    a, b = base.paired(after, before)
    return len(a) / max(_spread(a - b, groups).effect, 1.0)


def wilson_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """(p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n), Wilson's score interval for a proportion.

    >>> interval = wilson_interval(9, 10)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.596, 0.982)
    """
    base.check_level(level)
    if n < 1 or not 0 <= successes <= n:
        raise InputError(f"{successes} successes in {n} trials is no proportion")
    return Interval(successes / n, *_wilson(successes / n, n, base.normal_quantile(level)), level, n)


def accuracy(correct: ArrayLike, units: Sequence[object] | None = None, level: float = 0.95) -> Interval:
    """The share of items that are right, with Wilson's interval for the effective number of items.

    Without `units` (see `units_of`) that is n. With units it is n / d · (z/t)², at most n (Korn & Graubard
    1998): the design effect d is the variance of the mean in `mean_interval` over that of n unrelated items,
    and t is Student's with the degrees of freedom found there. If all items are right, or all wrong, d cannot
    be estimated, and each unit counts as one item. The interval of one unit is [0, 1]. `n` counts units.
    """
    x = base.finite(correct, "correct")
    base.check_level(level)
    if not base.right_or_wrong(x):
        raise InputError("an accuracy is about items that are right or wrong: give 0 and 1")
    rate, spread = float(x.mean()), _spread(x, units)
    if spread.n == len(x):
        return wilson_interval(int(x.sum()), len(x), level)
    if spread.df == 0:
        return Interval(rate, 0.0, 1.0, level, spread.n)
    z, t = base.normal_quantile(level), float(stdtrit(spread.df, (1 + level) / 2))
    worth = len(x) / spread.effect if 0 < rate < 1 else spread.n
    return Interval(rate, *_wilson(rate, min(len(x), worth * (z / t) ** 2), z), level, spread.n)


@dataclass(frozen=True)
class _Spread:
    """Standard error of a mean, its degrees of freedom, and the number of items or groups."""

    n: int
    error: float = 0.0
    df: float = 0.0
    effect: float = 1.0
    """Design effect: the variance of the mean over that of unrelated items; 1 where either has no spread."""


def _spread(x: Floats, groups: Sequence[object] | None) -> _Spread:
    """CR2 with (tr C)² / tr C² degrees of freedom, C the covariance of e_g / √(1 − w_g) for unrelated items.

    w_g are the groups' shares: C_gg = w_g and C_gh = −w_g w_h / √((1 − w_g)(1 − w_h)), up to a factor; so
    tr C = 1 and the sum of squares off the diagonal is (Σ u)² − Σ u² for u = w² / (1 − w).
    """
    sums, sizes = base.group_sums(x, groups)
    count, n = len(sums), len(x)
    if count < 2:
        return _Spread(count)
    residuals = sums - sizes * x.mean()
    # What rounding leaves of groups that are all alike is no spread.
    residuals[np.abs(residuals) <= 1e-12 * np.abs(sums).max()] = 0
    w = sizes / n
    error = math.sqrt((residuals**2 / (1 - w)).sum()) / n
    if groups is None:
        return _Spread(count, error, n - 1)
    u = w * w / (1 - w)
    df = float(1 / ((w * w).sum() + u.sum() ** 2 - (u * u).sum()))
    unrelated = float(x.var(ddof=1)) / n
    return _Spread(count, error, df, error**2 / unrelated if unrelated and error else 1.0)


def _changes(differences: Floats, spread: _Spread) -> tuple[float, float, float]:
    """All items, those that became 1 and those that became 0, in items that are worth as unrelated ones."""
    n, gained, lost = len(differences), int((differences > 0).sum()), int((differences < 0).sum())
    return n / spread.effect, gained / spread.effect, lost / spread.effect


def _wilson(p: float, n: float, z: float) -> tuple[float, float]:
    # scipy's binomtest has the same interval for whole counts alone; items in groups are worth a fraction.
    centre = p + z * z / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # At 0 and 1 the bound is exact, but not its rounding.
    low = 0.0 if p == 0 else float((centre - half) / scale)
    high = 1.0 if p == 1 else float((centre + half) / scale)
    return low, high


# CKA, RSA, retrieval and MEXA compare rows with each other, so no row may be drawn twice: a copy matches
# itself, and a bootstrap of debiased CKA puts unrelated data near 1. Here rows are only left out.

Statistic = Callable[[Rows], float]
"""A number computed from the rows with these indices; they come in rising order, each once."""


def jackknife_interval(
    statistic: Statistic,
    n: int,
    groups: Sequence[object] | None = None,
    blocks: int = 20,
    level: float = 0.95,
) -> Interval:
    """θ ± t √(Σ_j (θ̃_j − mean θ̃)² / (h_j − 1) / B), θ̃_j = h_j θ − (h_j − 1) θ_(−j), h_j = n / m_j.

    Delete-a-group jackknife for B blocks of unequal sizes m_j (Busing, Meijer & van der Leeden 1999), with
    Student's t of B − 1 degrees of freedom; mean θ̃ weighs the blocks by size. Blocks are runs of neighbouring
    rows; with `groups`, no group is cut. The statistic must change smoothly with the rows, unlike a median.
    """
    base.check_level(level)
    if blocks < 2:
        raise InputError(f"at least 2 blocks are needed, not {blocks}")
    which = base.group_index(groups, n)
    if (given := len(np.unique(which))) < 2:
        what = "rows" if groups is None else "groups"
        raise InputError(f"leaving out {what} needs at least 2 of them, {given} given")
    block = _blocks(which, blocks)
    count = int(block.max()) + 1
    left = np.array([_value(statistic, np.flatnonzero(block != j)) for j in range(count)])
    estimate = _value(statistic, np.arange(n))
    times = n / np.bincount(block)
    pseudo = times * estimate - (times - 1) * left
    centre = (pseudo / times).sum()
    error = np.sqrt(((pseudo - centre) ** 2 / (times - 1)).mean())
    half = float(stdtrit(count - 1, (1 + level) / 2) * error)
    return Interval(estimate, estimate - half, estimate + half, level, count)


def _blocks(which: Rows, blocks: int) -> Rows:
    """Whole groups gathered into at most `blocks` blocks of about the same number of rows."""
    sizes = np.bincount(which)
    if len(sizes) <= blocks:
        return which
    middle = np.cumsum(sizes) - sizes / 2
    # A group larger than a block leaves a number unused; numbers are closed up again.
    _, block = np.unique(np.floor(middle / len(which) * blocks), return_inverse=True)
    if block.max() == 0:
        raise InputError("one group holds nearly all rows: nothing is left to compare when it is left out")
    return np.asarray(block, dtype=np.intp)[which]


def _value(statistic: Statistic, rows: Rows) -> float:
    value = float(statistic(rows))
    if not np.isfinite(value):
        raise InputError(f"the statistic is {value} on {len(rows)} rows: it needs more, or more varied, rows")
    return value
