"""Simultaneous confidence bands over a grid of configurations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from workbench.core.arrays import as_array
from workbench.core.errors import InputError
from workbench.stats import base
from workbench.stats.base import Floats

_EXACT = 14  # with so many items or fewer, all 2^n flips are taken


@dataclass(frozen=True)
class Band:
    """Per branch: estimate, interval and adjusted p-value; the intervals hold all at once at `level`."""

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

    `differences` is item × configuration (a configuration is a layer, a method, a strength …). Each flip
    turns an item, or a whole group, in all configurations at once: configurations that go together count for
    less than as many that do not. A configuration in which nothing changed has the band [0, 0] and p = 1;
    where there are too few groups for the level, all other bands are infinite.

    What is flipped are deviations from each configuration's mean. Flipping the differences themselves would
    be exact without any effect, but effects that configurations share make them look more alike than their
    noise is, and the band too narrow (at two standard deviations it held in 76 % of trials instead of 95 %).
    """
    x = as_array(differences, "differences").astype(np.float64)
    if x.ndim != 2 or 0 in x.shape:
        raise InputError(f"differences are item × branch, at least one of each; shape {x.shape} given")
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

    largest = _largest_t(residuals, spread, draws, seed)
    reached = len(largest) - np.searchsorted(largest, _ratio(np.abs(estimate), error) * (1 - 1e-9))
    p = (1 + reached) / (1 + len(largest))
    critical = _critical(largest, 1 - level)
    half = np.where(x.any(0), critical, 0) if np.isinf(critical) else critical * error
    return Band(estimate, estimate - half, estimate + half, p, level, n)


def _largest_t(residuals: Floats, spread: Floats, draws: int, seed: int) -> Floats:
    """The largest |t| over configurations under each flip, in rising order.

    Flips leave the sum of squares as it is, so t follows from r = Σ s_i x_i / √(n Σ x_i²) alone, as
    r √((n − 1) / (1 − r²)), and the largest r gives the largest t.
    """
    n = len(residuals)
    scaled = np.divide(residuals, np.sqrt(n) * spread, out=np.zeros_like(residuals), where=spread > 0)
    chunks = _flipped_sums(scaled, draws, seed)
    r = np.sort(np.concatenate([np.abs(chunk).max(1) for chunk in chunks]))
    r[r > 1 - 1e-12] = 1
    return _ratio(r * np.sqrt(n - 1), np.sqrt(1 - r * r))


def _ratio(size: Floats, error: Floats) -> Floats:
    """size / error; infinite for something without error, 0 for nothing."""
    without = np.where(size > 0, np.inf, 0.0)
    return np.divide(size, error, out=without, where=error > 0)


def _critical(largest: Floats, alpha: float) -> float:
    """What t must exceed for p ≤ alpha."""
    rank = int(alpha * (len(largest) + 1) + 1e-9)  # rounding must not turn 0.05 · 20 into 0
    return float(largest[-rank]) if rank else np.inf


def _flipped_sums(x: Floats, draws: int, seed: int) -> Iterator[Floats]:
    """Σ_i s_i x_ij for every pattern of signs and column, in chunks `flip × column` of bounded size.

    One pattern serves all columns, so that whatever links the columns stays.
    """
    base.check_draws(draws)
    n, columns = x.shape
    rng = np.random.default_rng(seed)
    exact = n <= _EXACT
    flips = 2**n if exact else draws
    step = max(1, base.CHUNK // (n + columns + 1))
    total = x.sum(0)
    for start in range(0, flips, step):
        stop = min(start + step, flips)
        if exact:
            words = np.arange(start, stop, dtype="<u8")[:, None]
        else:
            # One 64-bit word per 64 signs: the signs do not depend on the size of the chunks.
            size = (stop - start, -(-n // 64))
            words = rng.integers(0, 2**64, size=size, dtype=np.uint64).astype("<u8")
        turned = np.unpackbits(words.view(np.uint8), axis=1, count=n, bitorder="little")
        yield total - 2 * (turned.astype(np.float64) @ x)
