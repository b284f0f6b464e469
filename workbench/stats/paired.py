"""Two proportions on the same items: only the items that changed sides count.

b items are right only after the change, c only before it; all others stayed as they were.
"""

import math
from collections.abc import Callable
from statistics import NormalDist

from workbench.core.errors import InputError
from workbench.stats import base
from workbench.stats.base import Interval


def tango_interval(n: int, b: int, c: int, level: float = 0.95) -> Interval:
    """{Δ : |b − c − nΔ| ≤ z √(n (2 q + Δ(1 − Δ)))}, q the likeliest P(only before) given Δ (Tango 1998).

    The score interval for Δ = P(after) − P(before) on n items, of which b are right only after and c only
    before. It keeps a sensible width where nothing changed: ± z² / (n + z²).

    >>> interval = tango_interval(21, 1, 7)
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.517, -0.026)
    """
    base.check_level(level)
    _check_counts(n, b, c)
    low, high = score_bounds(n, b, c, NormalDist().inv_cdf((1 + level) / 2))
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


def _check_counts(n: int, b: int, c: int) -> None:
    if min(b, c) < 0 or b + c > n or n < 1:
        raise InputError(f"{b} and {c} changed items among {n} make no table")
