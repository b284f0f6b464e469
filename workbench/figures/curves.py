"""Curves over places, one for each group of a table: of many, each is faint and the median stands out."""

from collections.abc import Sequence

import pandas as pd

from workbench.figures.frames import MANY, number, numbers, parts
from workbench.figures.spec_parts import Series


def curves_of(
    mine: pd.DataFrame, keys: Sequence[str], names: Sequence[str], whole: pd.DataFrame
) -> tuple[Series, ...]:
    """A curve of `value` over `place` for each group; `whole` has all groups, so that colours stay theirs."""
    order = [tuple(named.values()) for _, named, _ in parts(whole, keys)]
    found = []
    for _, named, rows in parts(mine, keys):
        slot = order.index(tuple(named.values()))
        rows = rows.drop_duplicates("place").sort_values("place")
        found.append(
            Series(
                names[slot],
                tuple(map(float, rows.place)),
                numbers(rows.value),
                numbers(rows.low) if "low" in rows else (),
                numbers(rows.high) if "high" in rows else (),
                slot=slot,
            )
        )
    if len(order) <= MANY:
        return tuple(found)
    faint = tuple(Series(one.name, one.x, one.y, role="faint", slot=one.slot) for one in found)
    return (*faint, _median(mine, len(order)))


def _median(mine: pd.DataFrame, count: int) -> Series:
    middle = mine.assign(value=mine.value.astype(float)).groupby("place").value.median()
    return Series(
        f"median of {count}",
        tuple(map(float, middle.index)),
        tuple(number(value) for value in middle),
        slot=0,
    )
