"""The parts of a figure's description: panels of cells or of curves, with their axes and one scale.

Plain data, made from tables alone. Both renderings, for the browser and for paper, draw what is said here
and nothing else, so that they cannot disagree.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Value = float | None
Matrix = tuple[tuple[Value, ...], ...]
Look = Literal["line", "points", "bars", "area", "cloud", "mean", "estimates"]
"""A cloud is many points that say something together; a mean stands for such a cloud, and is larger.
Estimates have whiskers where they have intervals, and may be hollow or numbered."""
Role = Literal["main", "control", "faint", "reference"]


@dataclass(frozen=True)
class Axis:
    """What an axis measures, and which of its places have names."""

    title: str
    ticks: tuple[tuple[float, str], ...] = ()
    """Places with their names; empty where the axis is of plain numbers."""
    range: tuple[float, float] | None = None
    log: bool = False
    up: bool = True
    """Whether larger is further up (or to the right)."""

    def scaled(self, value: float) -> float:
        """A value as it is spaced along the axis: of powers of ten, its exponent."""
        return math.log10(value) if self.log else value


@dataclass(frozen=True)
class Scale:
    """The colours of all panels of a figure; a diverging scale is as long on either side of zero."""

    title: str
    low: float
    high: float
    diverging: bool = True


@dataclass(frozen=True)
class Mark:
    """A framed cell and the number it carries."""

    row: int
    column: int
    text: str


@dataclass(frozen=True)
class Cells:
    """Rows × columns of coloured cells; the first row is at the top."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Matrix
    row_title: str = ""
    column_title: str = ""
    hatched: tuple[tuple[bool, ...], ...] = ()
    """Cells that show nothing by themselves; empty where none is hatched."""
    marks: tuple[Mark, ...] = ()
    numbers: bool = True
    """Whether cells carry their own number where there is room."""
    rule_after: int | None = None
    """Number of rows above a line across, which parts methods from controls."""
    notes: tuple[tuple[tuple[str, ...], ...], ...] = ()
    """For each cell, the lines shown when it is pointed at."""
    keys: tuple[tuple[int | None, ...], ...] = ()
    """For each cell, a number by which a page finds it in a table; empty where none is needed."""
    square: bool = False
    turned: bool = False
    """Whether names of columns are long, and stand upright."""

    def hatched_at(self) -> Iterator[tuple[int, int]]:
        """Row and column of every hatched cell that holds a value."""
        for row, flags in enumerate(self.hatched):
            for column, flag in enumerate(flags):
                if flag and self.values[row][column] is not None:
                    yield row, column

    def negative_at(self) -> Iterator[tuple[int, int]]:
        """Row and column of every cell below zero that is not hatched: grey print does not tell its sign."""
        hatched = set(self.hatched_at())
        for row, values in enumerate(self.values):
            for column, value in enumerate(values):
                if value is not None and value < 0 and (row, column) not in hatched:
                    yield row, column


@dataclass(frozen=True)
class Series:
    """One curve, cloud, row of bars or band, of one look and one name in the legend."""

    name: str
    x: tuple[float, ...]
    y: tuple[Value, ...]
    low: tuple[Value, ...] = ()
    high: tuple[Value, ...] = ()
    """Interval of each value; of an area its edges."""
    look: Look = "line"
    role: Role = "main"
    slot: int = 0
    """Which colour, marker and dash: the same name has the same in every panel."""
    notes: tuple[tuple[str, ...], ...] = ()
    hollow: tuple[bool, ...] = ()
    """Of estimates, those drawn as an outline; empty where none is."""
    labels: tuple[str, ...] = ()
    """Of estimates, a short text beside each; empty where there is none."""


@dataclass(frozen=True)
class Plot:
    """Curves, clouds or bars on two axes. Bars lie: `x` are their places from the top, `y` their lengths."""

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    lines: tuple[float, ...] = (0.0,)
    """Values across which a thin line runs, where they are in range."""
    remark: str = ""
    """A line that belongs to the panel, such as a correlation."""
    lying: bool = False
    """Whether places go down the page and values to the right, as for bars with names."""
    aside: tuple[str, ...] = ()
    """Of a lying plot, a short text to the right of each named place; empty where there is none."""
    aside_title: str = ""
    marked: float | None = None
    """A place with an upright line, such as the layer that was chosen."""


Panel = Cells | Plot


@dataclass(frozen=True)
class Spec:
    """A figure: panels of one sort, with what has to be known to read them."""

    kind: str
    title: str
    subtitle: str
    panels: tuple[Panel, ...]
    scale: Scale | None = None
    footer: str = ""
    together: int = 1
    """So many panels belong together, and stand side by side."""

    @property
    def legend(self) -> tuple[Series, ...]:
        """The first series of every name that belongs into the legend."""
        found: dict[str, Series] = {}
        for panel in self.panels:
            if isinstance(panel, Plot):
                for series in panel.series:
                    if series.role != "faint":
                        found.setdefault(series.name, series)
        return tuple(found.values())

    def texts(self) -> Iterator[str]:
        """Every text that is drawn."""
        yield from (self.title, self.subtitle, self.footer)
        yield from (series.name for series in self.legend)
        if self.scale is not None:
            yield self.scale.title
        for panel in self.panels:
            yield panel.title
            if isinstance(panel, Cells):
                yield from (*panel.rows, *panel.columns, panel.row_title, panel.column_title)
                yield from (mark.text for mark in panel.marks)
            else:
                yield from (panel.x.title, panel.y.title, panel.remark, panel.aside_title, *panel.aside)
                yield from (label for series in panel.series for label in series.labels)
                yield from (name for axis in (panel.x, panel.y) for _, name in axis.ticks)


def same_rows(panels: Sequence[Panel]) -> bool:
    """Whether the panels side by side have the same rows, so that names beside the first do for all."""
    first = panels[0]
    if isinstance(first, Cells):
        return all(
            isinstance(p, Cells) and (p.rows, p.row_title) == (first.rows, first.row_title) for p in panels
        )
    vertical = [(p.x if p.lying else p.y) for p in panels if isinstance(p, Plot)]
    return all(axis == vertical[0] for axis in vertical)


def has_names(spec: Spec, column: int) -> bool:
    """Whether panels of this column have the names of their rows beside them, or share those to the left."""
    if column == 0:
        return True
    if same_rows(spec.panels):
        return False
    every = range(0, len(spec.panels), spec.together)
    alike = all(same_rows(spec.panels[at : at + spec.together]) for at in every)
    return column % spec.together == 0 or not alike


def balanced(count: int, most: int, together: int = 1) -> int:
    """How many of `count` panels stand side by side: at most `most`, as few as need no further row.

    >>> balanced(9, 4), balanced(8, 4), balanced(3, 4), balanced(6, 4, together=2)
    (3, 4, 3, 4)
    """
    rows = -(-count // max(1, min(count, most)))
    columns = -(-count // rows)
    return min(count, -(-columns // together) * together)


def short(value: Value, places: int = 2, sign: bool = True) -> str:
    """A number for a cell, without the nought before its point.

    >>> short(0.508), short(-0.25), short(1.0), short(0.0), short(None)
    ('+.51', '−.25', '+1.00', '.00', '')
    """
    if value is None:
        return ""
    digits = f"{abs(value):.{places}f}"
    if float(digits) == 0:
        return digits.removeprefix("0")
    return ("−" if value < 0 else "+" if sign else "") + digits.removeprefix("0")


def thinned(count: int, room: float) -> int:
    """Label every how many-th of `count` places, where `room` labels fit: 1, 2, 5, 10, 20, 50.

    >>> thinned(80, 20), thinned(6, 20), thinned(80, 9)
    (5, 1, 10)
    """
    step, factors, at = 1, (2, 2.5, 2), 0
    while count / step > max(room, 1):
        step, at = round(step * factors[at % 3]), at + 1
    return step
