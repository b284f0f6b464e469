"""Intervals: arrays in, numbers out. Nothing here knows what was measured.

Resampling here is for means over items. It must not be used for similarities between sets of
sentences (CKA, retrieval): a row drawn twice matches itself there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import InputError

_CHUNK = 4_000_000  # resampled counts held at once


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; `n` counts what was resampled (items, or whole clusters)."""

    estimate: float
    low: float
    high: float
    level: float
    n: int

    def excludes(self, value: float) -> bool:
        """Whether a value lies outside the interval."""
        return not self.low <= value <= self.high


def mean_interval(
    values: ArrayLike,
    groups: Sequence[object] | None = None,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Interval:
    """mean(values), with the percentile interval of `draws` resampled means.

    Items are resampled with replacement; with `groups`, whole groups are, so that items which belong
    together (one paragraph, one document) count as what they are.
    """
    x = _finite(values, "values")
    _check_level(level)
    sums, sizes = _by_group(x, groups)
    means = _resampled_means(sums, sizes, draws, seed)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(x.mean()), float(low), float(high), level, len(sums))


def paired_interval(
    after: ArrayLike,
    before: ArrayLike,
    groups: Sequence[object] | None = None,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Interval:
    """mean(after − before) over the same items in the same order, with its bootstrap interval."""
    a, b = _finite(after, "after"), _finite(before, "before")
    if len(a) != len(b):
        raise InputError(f"a paired difference needs the same items twice: {len(a)} and {len(b)} given")
    return mean_interval(a - b, groups, level, draws, seed)


def wilson_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """(p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n), Wilson's score interval for a proportion.

    >>> interval = wilson_interval(9, 10)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.596, 0.982)
    """
    _check_level(level)
    if n < 1 or not 0 <= successes <= n:
        raise InputError(f"{successes} successes in {n} trials is no proportion")
    z = NormalDist().inv_cdf((1 + level) / 2)
    p = successes / n
    centre = p + z * z / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # At 0 and n the bound is exact; rounding would put it a hair outside [0, 1] or inside.
    low = 0.0 if successes == 0 else float((centre - half) / scale)
    high = 1.0 if successes == n else float((centre + half) / scale)
    return Interval(p, low, high, level, n)


def _finite(values: ArrayLike, name: str) -> NDArray[np.float64]:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) == 0:
        raise InputError(f"{name} must be one number per item, and at least one; shape {x.shape} given")
    if not np.isfinite(x).all():
        raise InputError(f"{name} holds {int((~np.isfinite(x)).sum())} NaN or infinite numbers")
    return x


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"level is a probability such as 0.95, not {level}")


def _by_group(
    x: NDArray[np.float64], groups: Sequence[object] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and size of each group (of each item, without groups)."""
    if groups is None:
        return x, np.ones_like(x)
    if len(groups) != len(x):
        raise InputError(f"{len(groups)} groups for {len(x)} items")
    index: dict[object, int] = {}
    which = np.array([index.setdefault(group, len(index)) for group in groups])
    sums: NDArray[np.float64] = np.bincount(which, weights=x).astype(np.float64)
    return sums, np.bincount(which).astype(np.float64)


def _resampled_means(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], draws: int, seed: int
) -> NDArray[np.float64]:
    """Mean of each of `draws` resamples of the groups: how often each was drawn, times its sum."""
    rng = np.random.default_rng(seed)
    n = len(sums)
    share = np.full(n, 1 / n)
    step = max(1, _CHUNK // n)
    means = []
    for start in range(0, draws, step):
        counts = rng.multinomial(n, share, size=min(step, draws - start))
        means.append((counts @ sums) / (counts @ sizes))
    return np.concatenate(means)
