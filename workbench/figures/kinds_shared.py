"""Small things that several kinds of figures share."""

from collections.abc import Sequence
from typing import TypeVar

from workbench.figures.spec_parts import Axis

FLOOR = -0.5
"""Axes of R² end here: how far below zero a control falls says nothing more."""
T = TypeVar("T")


def some_of(values: Sequence[T], count: int) -> list[T]:
    """So many of the values, evenly spread, first and last among them.

    >>> some_of(range(9), 4), some_of([1, 2], 4)
    ([0, 3, 5, 8], [1, 2])
    """
    if len(values) <= count:
        return list(values)
    return [values[round(at * (len(values) - 1) / (count - 1))] for at in range(count)]


def bar_axis(names: Sequence[str]) -> Axis:
    """Places from the top for lying bars, under their names."""
    ticks = tuple((float(place), name) for place, name in enumerate(names))
    return Axis("", ticks, (-0.6, len(names) - 0.4))
