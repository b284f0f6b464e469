"""Tests: paired proportions, margins, what can be detected, and p-values adjusted for several."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit
from scipy.stats import binom

from workbench.core.errors import InputError
from workbench.stats import base
from workbench.stats.base import Floats, Interval


def tango_interval(n: int, b: int, c: int, level: float = 0.95) -> Interval:
    """{Δ : |b − c − nΔ| ≤ z √(n (2 q + Δ(1 − Δ)))}, q the likeliest P(only before) given Δ (Tango 1998).

    The score interval for Δ = P(after) − P(before) on n items, of which b are right only after and c only
    before. It keeps a sensible width where nothing changed: ± z² / (n + z²).

    >>> interval = tango_interval(21, 1, 7)
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.517, -0.026)
    """
    base.check_level(level)
    if min(b, c) < 0 or b + c > n or n < 1:
        raise InputError(f"{b} and {c} changed items among {n} make no table")
    low, high = score_bounds(n, b, c, base.normal_quantile(level))
    return Interval((b - c) / n, low, high, level, n)


def score_bounds(n: float, b: float, c: float, z: float) -> tuple[float, float]:
    """Where the score is z and −z. Counts may be fractions: those of items that are worth fewer."""
    estimate = (b - c) / n
    low = _crossing(lambda delta: score(n, b, c, delta) > z, -1.0, estimate)
    high = _crossing(lambda delta: score(n, b, c, delta) >= -z, estimate, 1.0)
    return low, high


def score(n: float, b: float, c: float, delta: float) -> float:
    """(b − c − nΔ) / √(n (2 q + Δ(1 − Δ))), standard normal where Δ is the true difference.

    q solves 2n q² + (−b − c + (2n − b + c) Δ) q − c Δ (1 − Δ) = 0.
    """
    linear = -b - c + (2 * n - b + c) * delta
    constant = -c * delta * (1 - delta)
    root = math.sqrt(max(linear * linear - 8 * n * constant, 0.0))
    # Of the two forms of the same root, the one that subtracts no like numbers.
    q = -2 * constant / (root + linear) if linear > 0 else (root - linear) / (4 * n)
    variance = n * (2 * q + delta * (1 - delta))
    distance = b - c - n * delta
    if variance <= 1e-12 * n:  # only at Δ = 0 without changes, and at ±1
        return 0.0 if abs(distance) < 1e-9 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _crossing(before: Callable[[float], bool], left: float, right: float) -> float:
    """Where a condition that holds on the left ceases to hold, by bisection."""
    if not before(left):
        return left
    if before(right):
        return right
    for _ in range(60):
        middle = (left + right) / 2
        left, right = (middle, right) if before(middle) else (left, middle)
    return (left + right) / 2


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

    Right-or-wrong items have Tango's score bound, which keeps its width when no item changed. Other numbers,
    and groups, have Student's t bound; for right-or-wrong items in groups the wider of the two bounds counts.
    """
    interval, p = _one_sided(after, before, margin, groups, level, sides=(1,))
    return MarginTest(interval.low > -margin, interval, margin, p)


def equivalence(
    after: ArrayLike,
    before: ArrayLike,
    margin: float,
    groups: Sequence[object] | None = None,
    level: float = 0.95,
) -> MarginTest:
    """H₀: |mean(after − before)| ≥ margin; rejected where both one-sided bounds lie within ± margin.

    Two one-sided tests (Schuirmann 1987) with the bounds of `noninferiority`; p is the larger one.
    """
    interval, p = _one_sided(after, before, margin, groups, level, sides=(1, -1))
    return MarginTest(-margin < interval.low and interval.high < margin, interval, margin, p)


def _one_sided(
    after: ArrayLike,
    before: ArrayLike,
    margin: float,
    groups: Sequence[object] | None,
    level: float,
    sides: tuple[int, ...],
) -> tuple[Interval, float]:
    """The wider of Student's and Tango's interval, and the larger p of H₀: ± mean(difference) ≤ −margin."""
    a, b = base.paired(after, before)
    if not margin > 0:
        raise InputError(f"a margin is the loss that would not matter, above 0; {margin} given")
    if not 0.5 < level < 1:
        raise InputError(f"level is a probability above 0.5 such as 0.95, not {level}")
    estimate, error, n = _mean(a - b, groups)
    ends, p = [], []
    if base.right_or_wrong(a, b):
        changed = {side: int((side * (a - b) > 0).sum()) for side in (1, -1)}
        tango = tango_interval(len(a), changed[1], changed[-1], 2 * level - 1)
        ends.append((tango.low, tango.high))
        p += [ndtr(-score(len(a), changed[side], changed[-side], -margin)) for side in sides]
    if groups is not None or not ends:
        half = float(stdtrit(n - 1, level)) * error
        ends.append((estimate - half, estimate + half))
        for distance in (side * estimate + margin for side in sides):
            t = distance / error if error > 0 else np.copysign(np.inf, distance)
            p.append(stdtr(n - 1, -t))
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    return Interval(estimate, low, high, 2 * level - 1, n), float(max(p))


def _mean(x: Floats, groups: Sequence[object] | None) -> tuple[float, float, int]:
    sums, sizes = base.group_sums(x, groups)
    n = len(sums)
    if n < 2:
        raise InputError("a margin test needs at least two items or groups")
    residuals = sums - sizes * x.mean()
    return float(x.mean()), float(np.sqrt(n / (n - 1) * np.square(residuals).sum()) / len(x)), n


DISCORDANCE = 1 / 6
"""The default share of items that change sides under a patch."""


def detectable_effect(
    n: float,
    power: float = 0.8,
    level: float = 0.95,
    discordance: float = DISCORDANCE,
    sd: float | None = None,
) -> float:
    """The smallest true gain on n right-or-wrong items whose `paired_interval` leaves 0 out with this power.

    Exact: of n items m ~ Bin(n, ψ) change sides and b ~ Bin(m, ½ + δ/2ψ) of them to the better, and 0 is
    left out where (b − c)² / (b + c) > t². A gain of δ needs at least δ changed items, so ψ is raised to δ
    where it is smaller. With `sd`, the standard deviation of other paired differences, δ is
    (z_level + z_power) sd / √n. For groups of m items with correlation ρ, give n / (1 + (m − 1) ρ). Infinite
    if no gain can be detected.

    >>> [round(100 * detectable_effect(n), 1) for n in (100, 500)]  # in points
    [10.9, 5.1]
    """
    base.check_level(level)
    if not 0.5 <= power < 1:
        raise InputError(f"power is a probability from 0.5 up, such as 0.8, not {power}")
    if n <= 0:
        raise InputError(f"{n} items are too few for any detectable effect")
    if sd is not None:
        if not sd > 0:
            raise InputError(f"a standard deviation lies above 0; {sd} given")
        return float(base.normal_quantile(level) + ndtri(power)) * sd / math.sqrt(n)
    if not 0 < discordance <= 1:
        raise InputError(f"discordance is the share of items that change sides, not {discordance}")
    items = round(n)
    if items < 2 or _power(items, 1.0, 1.0, level) < power:
        return math.inf
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        enough = _power(items, middle, max(discordance, middle), level) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def _power(n: int, gain: float, discordance: float, level: float) -> float:
    """P(the interval lies above 0) for a true gain."""
    # All numbers of changed items but those that come up once in a billion trials.
    changed = np.arange(max(binom.ppf(1e-9, n, discordance), 1), binom.isf(1e-9, n, discordance) + 1)
    t = float(stdtrit(n - 1, (1 + level) / 2))
    most = np.floor((changed + t * np.sqrt(changed)) / 2)  # to the better, and still not enough
    likely = binom.pmf(changed, n, discordance)
    return float((likely * binom.sf(most, changed, (1 + gain / discordance) / 2)).sum())


def holm(p: ArrayLike) -> Floats:
    """max_{j ≤ i} min(1, (m − j + 1) p_(j)): bounds the chance of even one false rejection.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    values = base.finite(p, "p")
    if values.min() < 0 or values.max() > 1:
        raise InputError(f"p-values lie between 0 and 1; {values.min():g} to {values.max():g} given")
    order = np.argsort(values)
    adjusted = np.maximum.accumulate((len(values) - np.arange(len(values))) * values[order])
    return np.asarray(np.minimum(adjusted, 1)[np.argsort(order)], dtype=np.float64)


def holm_rejections(p: ArrayLike, level: float = 0.95) -> tuple[Floats, NDArray[np.bool_]]:
    """`holm`, and which hypotheses it rejects, so that all rejections hold at once at `level`.

    >>> adjusted, rejected = holm_rejections([0.01, 0.04, 0.03])
    >>> rejected
    array([ True, False, False])
    """
    if np.size(p) == 0:
        return np.zeros(0), np.zeros(0, dtype=bool)
    adjusted = holm(p)
    return adjusted, adjusted <= 1 - level + 1e-12
