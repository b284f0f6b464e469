"""Intervals for statistics of a set of rows: CKA, RSA, retrieval, MEXA.

Such a statistic compares rows with each other, so no row may be drawn twice: a copy matches itself, and
a bootstrap of debiased CKA puts unrelated data near 1. Here rows are only left out.

For a statistic that is degenerate (debiased CKA of independent data) both intervals are wider than need
be; they err on the safe side.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy.special import stdtrit

from workbench.core.errors import InputError
from workbench.stats import base
from workbench.stats.base import Floats, Interval, Rows

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
    rows, so that what stands together in a text is left out together; with `groups`, no group is cut. It
    asks for a statistic that changes smoothly with the rows: not for a median.
    """
    base.check_level(level)
    if blocks < 2:
        raise InputError(f"at least 2 blocks are needed, not {blocks}")
    block = _blocks(_checked_groups(groups, n, at_least=2), blocks)
    count = int(block.max()) + 1
    left = _values(statistic, (np.flatnonzero(block != j) for j in range(count)))
    estimate = _value(statistic, np.arange(n))
    times = n / np.bincount(block)
    pseudo = times * estimate - (times - 1) * left
    centre = (pseudo / times).sum()
    error = np.sqrt(((pseudo - centre) ** 2 / (times - 1)).mean())
    half = float(stdtrit(count - 1, (1 + level) / 2) * error)
    return Interval(estimate, estimate - half, estimate + half, level, count)


def _checked_groups(groups: Sequence[object] | None, n: int, at_least: int) -> Rows:
    which = base.group_index(groups, n)
    found = int(which.max()) + 1 if n else 0
    if found < at_least:
        what = "rows" if groups is None else "groups"
        raise InputError(f"leaving out {what} needs at least {at_least} of them, {found} given")
    return which


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


def _values(statistic: Statistic, subsets: Iterable[Rows]) -> Floats:
    return np.array([_value(statistic, rows) for rows in subsets])


def _value(statistic: Statistic, rows: Rows) -> float:
    value = float(statistic(rows))
    if not np.isfinite(value):
        raise InputError(f"the statistic is {value} on {len(rows)} rows: it needs more, or more varied, rows")
    return value
