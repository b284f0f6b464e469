"""Shared by all of `stats`: the interval, checks of input, groups and sampling units."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from workbench.core.errors import InputError
from workbench.core.numbers import as_array

Alternative = Literal["two-sided", "greater", "less"]
Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

CHUNK = 4_000_000  # resampled numbers held at once


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; `n` counts what was resampled (items, or whole clusters)."""

    estimate: float
    low: float
    high: float
    level: float
    n: int


def finite(values: ArrayLike, name: str) -> Floats:
    """One finite number per item, in double precision."""
    x = as_array(values, name).astype(np.float64)
    if x.ndim != 1 or len(x) == 0:
        raise InputError(f"{name} must be one number per item, and at least one; shape {x.shape} given")
    check_finite(x, name)
    return x


def paired(after: ArrayLike, before: ArrayLike) -> tuple[Floats, Floats]:
    """Two numbers per item, in the same order."""
    a, b = finite(after, "after"), finite(before, "before")
    if len(a) != len(b):
        raise InputError(f"a paired difference needs the same items twice: {len(a)} and {len(b)} given")
    return a, b


def check_finite(x: Floats, name: str) -> None:
    """Refuse what holds a NaN or an infinite number."""
    if not np.isfinite(x).all():
        raise InputError(f"{name} holds {int((~np.isfinite(x)).sum())} NaN or infinite numbers")


def check_level(level: float) -> None:
    """Refuse a level in percent."""
    if not 0 < level < 1:
        raise InputError(f"level is a probability such as 0.95, not {level}")


def check_draws(draws: int) -> None:
    """Refuse a resampling without draws."""
    if draws < 1:
        raise InputError(f"at least one draw is needed, not {draws}")


def group_index(groups: Sequence[object] | None, n: int) -> Rows:
    """The group of each item, numbered by first appearance (each item its own, without groups)."""
    if groups is None:
        return np.arange(n)
    if len(groups) != n:
        raise InputError(f"{len(groups)} groups for {n} items")
    index = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    return np.array([index[group] for group in groups], dtype=np.intp)


def group_sums(x: Floats, groups: Sequence[object] | None) -> tuple[Floats, Floats]:
    """Sum and size of each group; `x` holds one number per item, or one row of them."""
    if groups is None:
        return x, np.ones(len(x))
    which = group_index(groups, len(x))
    sizes = np.bincount(which).astype(np.float64)
    sums = np.zeros((len(sizes), *x.shape[1:]))
    np.add.at(sums, which, x)
    return sums, sizes


def right_or_wrong(*values: Floats) -> bool:
    """Whether all values are 0 or 1."""
    return bool(np.isin(values, (0, 1)).all())


def changes(differences: Floats) -> bool:
    """Whether all are −1, 0 or 1: an item that is right or wrong became wrong, stayed, or became right."""
    return bool(np.isin(differences, (-1, 0, 1)).all())


def normal_quantile(level: float) -> float:
    """z of a two-sided interval at this level."""
    return float(ndtri((1 + level) / 2))


def units_of(groups: Iterable[object], names: Iterable[object]) -> list[str] | None:
    """The group of each item, its own name where it has no group (None, NaN); None where no item has one.

    >>> units_of(["p1", "p1", None], ["a", "b", "c"])
    ['p1', 'p1', 'c']
    >>> units_of([None, None], ["a", "b"]) is None
    True
    """
    given = np.array(list(groups), dtype=object)
    if (missing := pd.isna(given)).all():
        return None
    return [str(unit) for unit in np.where(missing, np.array(list(names), dtype=object), given)]
