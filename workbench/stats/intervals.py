"""Intervals for means and shares of items.

Resampling here is for means over items. It must not be used for similarities between sets of
sentences (CKA, retrieval): a row drawn twice matches itself there; those are for `subsets.py`.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from workbench.errors import InputError
from workbench.stats import base
from workbench.stats.base import Floats, Interval


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
    x = base.finite(values, "values")
    base.check_level(level)
    sums, sizes = base.group_sums(x, groups)
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
    a, b = base.paired(after, before)
    return mean_interval(a - b, groups, level, draws, seed)


def wilson_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """(p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n), Wilson's score interval for a proportion.

    >>> interval = wilson_interval(9, 10)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.596, 0.982)
    """
    base.check_level(level)
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


def _resampled_means(sums: Floats, sizes: Floats, draws: int, seed: int) -> Floats:
    """Mean of each of `draws` resamples of the groups: how often each was drawn, times its sum."""
    base.check_draws(draws)
    rng = np.random.default_rng(seed)
    n = len(sums)
    share = np.full(n, 1 / n)
    step = max(1, base.CHUNK // n)
    means = []
    for start in range(0, draws, step):
        counts = rng.multinomial(n, share, size=min(step, draws - start))
        means.append((counts @ sums) / (counts @ sizes))
    return np.concatenate(means)
