"""The parts of a figure's description: panels of cells or of curves, with their axes and one scale.

Plain data, made from tables alone. Both renderings, for the browser and for paper, draw what is said here
and nothing else, so that they cannot disagree.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Value = float | None
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

    def scaled(self, value: float) -> float:
        """A value as it is spaced along the axis: of powers of ten, its exponent."""
        return math.log10(value) if self.log else value

    def along(self, value: float) -> float:
        """How far along its range a value lies, from 0 to 1."""
        assert self.range is not None, "axes of numbered estimates have a range"
        low, high = map(self.scaled, self.range)
        return (self.scaled(value) - low) / (high - low)


@dataclass(frozen=True)
class Scale:
    """The colours of all panels of a figure; a diverging scale is as long on either side of zero."""

    title: str
    low: float
    high: float
    diverging: bool = True


@dataclass(frozen=True)
class Mark:
    """A framed cell."""

    row: int
    column: int


@dataclass(frozen=True)
class Cells:
    """Rows × columns of coloured cells; the first row is at the top."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]
    row_title: str = ""
    column_title: str = ""
    hatched: tuple[tuple[bool, ...], ...] = ()
    """Cells that show nothing by themselves, which have a small grey dot; empty where there is none."""
    marks: tuple[Mark, ...] = ()
    numbers: bool = True
    """Whether cells carry their own number where there is room."""
    rule_after: int | None = None
    """Number of rows above a line across, which parts aligners from controls."""
    notes: tuple[tuple[tuple[str, ...], ...], ...] = ()
    """For each cell, the lines shown when it is pointed at."""
    keys: tuple[tuple[int | None, ...], ...] = ()
    """For each cell, a number by which a page finds it in a table; empty where none is needed."""
    counts: tuple[tuple[int | None, ...], ...] = ()
    """Items of each cell that has fewer than the others: it is paler, with its count. Empty if none has."""
    square: bool = False
    turned: bool = False
    """Whether names of columns are long, and stand upright."""
    head: str = ""
    """What the panels beside this one have in common with it; the title says what this one alone shows."""
    right: tuple[Value, ...] = ()
    """A number to the right of each row; empty where there is none."""
    aside_title: str = ""
    """What these numbers are."""
    ticks: tuple[tuple[float, str], ...] = ()
    """Places along the columns with their names, in columns; empty where each column has its own."""

    @property
    def name(self) -> str:
        """Head and title, where the panel stands by itself."""
        return ", ".join(filter(None, (self.head, self.title)))

    @property
    def aside(self) -> tuple[str, ...]:
        """The numbers to the right of rows as they are written."""
        return tuple(map(short, self.right))

    def few(self, row: int, column: int) -> int | None:
        """The number of items of a cell that has fewer than the others."""
        return self.counts[row][column] if self.counts else None


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

    def intervals(self) -> list[tuple[float, float, float]]:
        """Place, low and high end of every interval."""
        ends = zip(self.x, self.low, self.high, strict=True) if self.low and self.high else ()
        return [(x, low, high) for x, low, high in ends if low is not None and high is not None]


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
    head: str = ""
    """As of cells."""

    @property
    def name(self) -> str:
        """Head and title, where the panel stands by itself."""
        return ", ".join(filter(None, (self.head, self.title)))

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """The axis across and the axis up."""
        return (self.y, self.x) if self.lying else (self.x, self.y)

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of rows, which a lying plot alone has."""
        return tuple(name for _, name in self.x.ticks) if self.lying else ()


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
    """What has to be known of the data."""
    together: int = 1
    """So many panels belong together, and stand side by side."""
    signs: str = ""
    """How frames, marks and lines of the drawing are to be read."""
    emphasis: str = ""
    """What bold and italic numbers of the tables are; empty where there are none."""

    @property
    def notes(self) -> str:
        """What stands below the drawing, where it has a title."""
        return " ".join(filter(None, (self.signs.strip(), self.footer.strip())))

    @property
    def caption(self) -> str:
        """The caption of the drawing."""
        return f"{self.title}. {self.subtitle}. {self.notes}".strip()

    @property
    def aligned(self) -> bool:
        """Whether rows of panels have a head each, and their columns the same titles."""
        rows = [self.panels[at : at + self.together] for at in range(0, len(self.panels), self.together)]
        titles = {tuple(panel.title for panel in row) for row in rows}
        return len(titles) == 1 and all(panel.head == row[0].head for row in rows for panel in row)

    @property
    def cells(self) -> list[Cells]:
        """The panels of cells."""
        return [panel for panel in self.panels if isinstance(panel, Cells)]

    @property
    def plots(self) -> list[Plot]:
        """The panels of series."""
        return [panel for panel in self.panels if isinstance(panel, Plot)]

    @property
    def same_rows(self) -> bool:
        """Whether all panels have the same rows, so that names beside the first do for all."""
        return _same_rows(self.panels)

    def has_names(self, column: int) -> bool:
        """Whether panels of this column have names beside their rows, or share those to the left."""
        if column == 0 or self.same_rows:
            return column == 0
        every = range(0, len(self.panels), self.together)
        alike = all(_same_rows(self.panels[at : at + self.together]) for at in every)
        return column % self.together == 0 or not alike

    @property
    def has_legend(self) -> bool:
        """Whether names have to be told: not of one curve alone, which the subtitle names."""
        faint = any(series.role == "faint" for panel in self.plots for series in panel.series)
        return len(self.legend) > (0 if faint else 1)

    @property
    def upright(self) -> list[str]:
        """The names of columns that stand upright."""
        return [name for panel in self.cells if panel.turned for name in panel.columns]

    @property
    def legend(self) -> tuple[Series, ...]:
        """The first series of every name that belongs into the legend."""
        named = [series for panel in self.plots for series in panel.series if series.role != "faint"]
        first = {series.name: series for series in reversed(named)}
        return tuple(first[name] for name in dict.fromkeys(series.name for series in named))

    def texts(self) -> Iterator[str]:
        """Every text that is drawn."""
        yield from (self.title, self.subtitle, self.notes)
        yield from (series.name for series in self.legend)
        if self.scale is not None:
            yield self.scale.title
        yield from (panel.name for panel in self.panels)
        for cells in self.cells:
            yield from (*cells.rows, *cells.columns, cells.row_title, cells.column_title)
            yield from (cells.aside_title, *cells.aside)
        for plot in self.plots:
            yield from (plot.x.title, plot.y.title, plot.remark, plot.aside_title, *plot.aside)
            yield from (label for series in plot.series for label in series.labels)
            yield from (name for axis in plot.axes for _, name in axis.ticks)


def _same_rows(panels: Sequence[Panel]) -> bool:
    rows = [(p.rows, p.row_title) if isinstance(p, Cells) else p.axes[1] for p in panels]
    return all(row == rows[0] for row in rows)


def side_by_side(panels: Sequence[Panel]) -> int:
    """How many panels a head has, where all heads have panels of the same titles; else 1."""
    heads = list(dict.fromkeys(panel.head for panel in panels))
    titles = [[panel.title for panel in panels if panel.head == head] for head in heads]
    return len(titles[0]) if len(heads) > 1 and all(own == titles[0] for own in titles) else 1


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
    steps = (leading * 10**power for power in itertools.count() for leading in (1, 2, 5))
    return next(step for step in steps if count / step <= max(room, 1))
