"""Sampling units: the group of an item if it has one, else the item itself."""

from collections.abc import Iterable

import numpy as np
import pandas as pd


def units_of(groups: Iterable[object], names: Iterable[object]) -> list[str] | None:
    """The group of each item, its own name where it has no group (None, NaN); None where no item has one.

    >>> units_of(["p1", "p1", None], ["a", "b", "c"])
    ['p1', 'p1', 'c']
    >>> units_of([None, None], ["a", "b"]) is None
    True
    """
    given = np.array(list(groups), dtype=object)
    missing = np.asarray(pd.isna(given), dtype=bool)
    if missing.all():
        return None
    return [str(unit) for unit in np.where(missing, np.array(list(names), dtype=object), given)]
