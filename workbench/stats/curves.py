"""Curves over layers: simultaneous bands, and whether two of them rise and fall together."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import circulant
from scipy.stats import spearmanr

from workbench.core.errors import InputError
from workbench.core.numbers import as_array
from workbench.stats import base
from workbench.stats.base import Alternative, Floats
from workbench.stats.intervals import score_band, score_t

_EXACT_BANDS = 14  # with so many items or fewer, all 2^n flips are taken


@dataclass(frozen=True)
class Band:
    """Per configuration: estimate, adjusted p-value, and an interval; all hold jointly at `level`."""

    estimate: Floats
    low: Floats
    high: Floats
    p: Floats
    """Single-step max-T: a grid without any effect shows a p ≤ α somewhere with probability α. It is at most
    1 − level where the band excludes 0."""
    level: float
    n: int
    """What was flipped: items, or whole groups."""


def max_t_band(
    differences: ArrayLike,
    groups: Sequence[object] | None = None,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Band:
    """mean_j ± c · se_j, c the `level` quantile of max_j |t_j| under sign flips shared by all configurations.

    `differences` is item × configuration. Each flip turns an item, or a whole group, in all configurations at
    once, so that correlated configurations count for less. Differences of right-or-wrong items (−1, 0 and 1)
    have Tango's score interval, as in `paired_interval`, with c in place of z: where few or no items changed
    it keeps a sensible width, and mean ± c · se does not. Elsewhere a configuration in which nothing changed
    has the band [0, 0]. If there are too few groups for the level, bands are infinite (of items that are
    right or wrong, [−1, 1]).

    Deviations from each configuration's mean are flipped. Flipping the differences would be exact without any
    effect, but effects that configurations share would make the band too narrow (at two standard deviations
    it held in 76 % of trials instead of 95 %).
    """
    x = as_array(differences, "differences").astype(np.float64)
    if x.ndim != 2 or 0 in x.shape:
        raise InputError(f"differences are item × configuration, at least one of each; shape {x.shape} given")
    base.check_finite(x, "differences")
    base.check_level(level)
    sums, sizes = base.group_sums(x, groups)
    n = len(sums)
    if n < 2:
        raise InputError("a band needs at least two items or groups")
    estimate = x.mean(0)
    residuals = sums - sizes[:, None] * estimate
    spread = np.sqrt(np.square(residuals).sum(0))
    # A configuration that moves every item alike has no spread but rounding.
    spread[spread <= 1e-12 * np.sqrt(np.square(sums).sum(0))] = 0
    error = np.sqrt(n / (n - 1)) * spread / len(x)

    largest = _largest_r(residuals, spread, draws, seed)
    if base.changes(x):
        t, largest = np.array([score_t(column, groups) for column in x.T]), largest * np.sqrt(n)
    else:
        t = _ratio(estimate, error)
        largest = _ratio(largest * np.sqrt(n - 1), np.sqrt(1 - largest * largest))
    reached = len(largest) - np.searchsorted(largest, np.abs(t) * (1 - 1e-9))
    p = (1 + reached) / (1 + len(largest))
    rank = int((1 - level) * (len(largest) + 1) + 1e-9)  # rounding must not turn 0.05 · 20 into 0
    critical = largest[-rank] if rank else np.inf  # what t must exceed for p ≤ 1 − level
    if base.changes(x):
        low, high = np.transpose([score_band(column, groups, critical) for column in x.T])
    else:
        half = np.where(x.any(0), critical, 0) if np.isinf(critical) else critical * error
        low, high = estimate - half, estimate + half
    return Band(estimate, low, high, p, level, n)


def _largest_r(residuals: Floats, spread: Floats, draws: int, seed: int) -> Floats:
    """The largest |r| over configurations under each flip, in rising order; r = Σ s_i x_i / √(n Σ x_i²).

    Flips leave the sum of squares as it is, so both statistics follow from r: Student's t is
    r √((n − 1) / (1 − r²)), and the score of right-or-wrong items, Σ x_i / √(Σ x_i²), is r √n.
    """
    n = len(residuals)
    scaled = np.divide(residuals, np.sqrt(n) * spread, out=np.zeros_like(residuals), where=spread > 0)
    chunks = _flipped_sums(scaled, draws, seed)
    r = np.sort(np.concatenate([np.abs(chunk).max(1) for chunk in chunks]))
    r[r > 1 - 1e-12] = 1
    return r


def _ratio(size: Floats, error: Floats) -> Floats:
    """size / error; infinite for something without error, 0 for nothing."""
    without = np.where(size > 0, np.inf, 0.0)
    return np.divide(size, error, out=without, where=error > 0)


def _flipped_sums(x: Floats, draws: int, seed: int) -> Iterator[Floats]:
    """Σ_i s_i x_ij for every pattern of signs and column, in chunks `flip × column` of bounded size."""
    base.check_draws(draws)
    n, columns = x.shape
    rng = np.random.default_rng(seed)
    exact = n <= _EXACT_BANDS
    flips = 2**n if exact else draws
    step = max(1, base.CHUNK // (n + columns + 1))
    for start in range(0, flips, step):
        stop = min(start + step, flips)
        if exact:
            words = np.arange(start, stop, dtype="<u8")[:, None]
        else:
            # One 64-bit word per 64 signs: the signs do not depend on the size of the chunks.
            size = (stop - start, -(-n // 64))
            words = rng.integers(0, 2**64, size=size, dtype=np.uint64).astype("<u8")
        turned = np.unpackbits(words.view(np.uint8), axis=1, count=n, bitorder="little")
        yield x.sum(0) - 2 * (turned.astype(np.float64) @ x)


# Neighbouring layers are not independent: the usual test of a correlation rejects for unrelated smooth curves
# two times in five.

Curves = Floats | Sequence[float] | Sequence[Sequence[float]] | Sequence[Floats]
"""One curve, or several, which may differ in length."""

_EXACT_CURVES = 2**14  # combinations of shifts; up to so many, all are taken


def rank_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Spearman's ρ: Pearson's correlation of the ranks; equal values share the mean of their ranks."""
    x, y = base.finite(a, "values"), base.finite(b, "values")
    if len(x) != len(y):
        raise InputError(f"a correlation needs two values per item: {len(x)} and {len(y)} given")
    for values in (x, y):
        _standardised(values)  # refuses what correlates with nothing
    return float(spearmanr(x, y).statistic)


def rank_interval(rho: float, n: int, variance: float, level: float = 0.95) -> tuple[float, float]:
    """tanh(atanh ρ ± z √(variance / (n − 3))): Fisher's interval for Spearman's ρ of n items.

    `variance` is 1.06 (Fieller et al. 1957) or 1 + ρ²/2 (Bonett & Wright 2000). It is too narrow for items
    that are not independent. For ρ = ±1 both ends are ρ.
    """
    if n < 4:
        raise InputError(f"an interval for a rank correlation needs 4 items or more, not {n}")
    centre = math.atanh(rho) if abs(rho) < 1 else math.copysign(math.inf, rho)
    half = base.normal_quantile(level) * math.sqrt(variance / (n - 3))
    return math.tanh(centre - half), math.tanh(centre + half)


def circular_shift_test(
    a: Curves,
    b: Curves,
    groups: Sequence[object] | None = None,
    alternative: Alternative = "two-sided",
    reversal: bool = True,
    draws: int = 10_000,
    seed: int = 0,
) -> float:
    """P(|r(a, shifted b)| ≥ |r(a, b)|) over all circular shifts of b, and of b reversed.

    A shifted curve is as smooth as before, but no longer tied to the other layer by layer. With L layers
    the smallest p is 1 / 2L (1 / L without `reversal`), so 10 layers are needed for 0.05. For ranks, pass
    `scipy.stats.rankdata` of both. For curves that mostly drift in one direction the test is too lenient
    (unrelated random walks of 32 steps: 20 % at 5 %); take `np.diff` of both.

    Several curves of each kind are tested by the mean of their correlations. Each is shifted on its own, but
    curves of one group (all pairs of one model) are shifted together. More than 2^14 combinations are drawn.
    """
    first, second = _each(a, "a"), _each(b, "b")
    if [len(x) for x in first] != [len(y) for y in second]:
        raise InputError("curves are compared layer by layer: both sides need the same layers, in order")
    profiles = _by_group([_profile(x, y, reversal) for x, y in zip(first, second, strict=True)], groups)
    exact = math.prod(map(len, profiles)) <= _EXACT_CURVES
    if exact:
        null = reduce(lambda sums, profile: np.add.outer(sums, profile).ravel(), profiles)
    else:
        base.check_draws(draws)
        rng = np.random.default_rng(seed)
        null = np.sum([rng.choice(profile, draws) for profile in profiles], axis=0)
    sides = {"two-sided": np.abs, "greater": np.positive, "less": np.negative}
    if alternative not in sides:
        raise InputError(f"the alternative is one of {', '.join(sides)}, not {alternative!r}")
    observed, side = sum(profile[0] for profile in profiles), sides[alternative]
    reached = int((side(null) >= side(observed) - 1e-9).sum())
    # The observed value is one of all shifts; a random sample of them does not hold it, so it is added.
    return reached / len(null) if exact else (1 + reached) / (1 + len(null))


def _profile(a: Floats, b: Floats, reversal: bool) -> Floats:
    """r(a, b) first, then with b shifted by 1, 2, … layers, and the same with b reversed."""
    x, y = _standardised(a), _standardised(b)
    curves = (y, y[::-1]) if reversal else (y,)
    return np.concatenate([circulant(curve).T @ x for curve in curves])


def _by_group(profiles: list[Floats], groups: Sequence[object] | None) -> list[Floats]:
    """Sum of the profiles of each group: one shift for all its curves."""
    which = base.group_index(groups, len(profiles))
    members = [[profiles[i] for i in np.flatnonzero(which == group)] for group in np.unique(which)]
    if any(len({len(profile) for profile in group}) > 1 for group in members):
        raise InputError("curves of one group are shifted together and so need the same layers")
    return [np.sum(group, axis=0) for group in members]


def _each(curves: Curves, name: str) -> list[Floats]:
    several = any(np.ndim(curve) > 0 for curve in curves)
    return [base.finite(curve, name) for curve in (curves if several else [curves])]


def _standardised(x: Floats) -> Floats:
    centred = x - x.mean()
    length = np.sqrt(centred @ centred)
    # What rounding leaves of a constant is no variation.
    if len(x) < 3 or length <= 1e-12 * np.sqrt(x @ x):
        raise InputError("a curve that is constant, or of fewer than 3 points, has no correlation")
    return centred / length
