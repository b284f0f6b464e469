"""A plot of a description as inline SVG, in the colours of the page it stands on, and said in words too."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from workbench.core.numbers import between, plain, signed
from workbench.figures.look import SCATTERED, dash_of, kind_of, marker_of
from workbench.figures.markup import Child, Markup, tag, words
from workbench.figures.spec import Plot, Series

MARKS = {
    "o": "m2.7,0a2.7,2.7 0 1 0-5.4,0a2.7,2.7 0 1 0 5.4,0z",
    "s": "m-2.5-2.5h5v5h-5z",
    "^": "m0-3.2l3.1,5.3h-6.2z",
    "D": "m0-3.4l3.2,3.4l-3.2,3.4l-3.2-3.4z",
    "v": "m0,3.2l3.1-5.3h-6.2z",
    "P": "m-1-3h2v2h2v2h-2v2h-2v-2h-2v-2h2z",
    "X": "m-3-2l1-1l2,2l2-2l1,1l-2,2l2,2l-1,1l-2-2l-2,2l-1-1l2-2z",
    "<": "m-3.2,0l5.3-3.1v6.2z",
}
"""Paths of markers about a point, by matplotlib's letters."""
_DASHES = {"solid": None, "dashed": "6 3", "dashdot": "9 3 2 3", "dotted": "2 3"}
_STEPS = (0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0)
_LABELS, _LETTERS, _ROW = 9, 28, 19
"""Most names along an axis, most letters of a name beside a row, and the height of a row."""


Along = Callable[[float], float]
"""From a number to its place on the page."""


def _along(start: float, end: float, first: float, last: float) -> Along:
    """The places of numbers from `start` to `end`; those outside stand at an end."""
    slope = (last - first) / ((end - start) or 1.0)
    return lambda value: first + (min(max(value, start), end) - start) * slope


@dataclass(frozen=True)
class _Frame:
    """The two axes in dots, the view, and round numbers of the axis of values."""

    x: Along
    y: Along
    view: tuple[float, float, float, float]
    """Left, top, width and height."""
    ticks: Sequence[float] = ()
    lying: bool = False

    def at(self, place: float, value: float) -> tuple[str, str]:
        """Where a value at a place stands."""
        across, up = (value, place) if self.lying else (place, value)
        return _dot(self.x(across)), _dot(self.y(up))


def draw_svg(panel: Plot) -> Markup:
    """A figure with its title, its legend, and the drawing, whose label says in words what it shows."""
    clouds = any(series.look == "cloud" for series in panel.series)
    frame = _framed(panel, clouds)
    svg = tag(
        "svg",
        *_axes(panel, frame, clouds),
        *(_DRAW.get(series.look, _line)(series, frame) for series in panel.series),
        viewBox=" ".join(map(_dot, frame.view)),
        role="img",
        aria_label=f"{panel.title}. {_in_words(panel, clouds)}",
        class_="curve",
    )
    entries: dict[str, Markup] = {}
    for series in panel.series:
        entries.setdefault(series.name, _entry(series))
    legend = tag("span", *entries.values(), class_="legend") if len(entries) > 1 else None
    kind = " forest" if panel.lying else " places" if clouds else ""
    return tag("figure", tag("figcaption", tag("b", panel.title), legend), svg, class_=f"panel{kind}")


def interval_bar(estimate: float, low: float, high: float, left: float, right: float) -> Markup:
    """An estimate and its interval on a scale with its zero: the numbers stand beside it."""
    x = _along(left, right, 4, 156)
    return tag(
        "svg",
        _vertical(x(0), 0, 20, class_="zero"),
        tag("line", x1=_dot(x(low)), x2=_dot(x(high)), y1=10, y2=10, class_="whisker"),
        tag("circle", cx=_dot(x(estimate)), cy=10, r=4, class_="point"),
        viewBox="0 0 160 20",
        class_="bar",
        aria_hidden="true",
    )


def _vertical(x: float, top: float, bottom: float, class_: str) -> Markup:
    return tag("line", x1=_dot(x), x2=_dot(x), y1=_dot(top), y2=_dot(bottom), class_=class_)


# Axes -------------------------------------------------------------------------------------------


def _framed(panel: Plot, clouds: bool) -> _Frame:
    """The axes: of clouds a plane; else values upwards, or to the right of names."""
    if clouds:
        across, up = panel.x.range or (0.0, 1.0), panel.y.range or (0.0, 1.0)
        return _Frame(_along(*across, 2, 258), _along(*up, 258, 2), (-18, 0, 280, 278))
    # What an axis cuts off does not lengthen it.
    low, high = panel.y.range or (-math.inf, math.inf)
    known = [v for s in panel.series for part in (s.y, s.low, s.high) for v in part if v is not None]
    inside = [0.0, *panel.lines, *(min(max(value, low), high) for value in known)]
    rounds = ticks(min(inside), max(inside))
    if panel.lying:
        rows, right = len(panel.x.ticks), 384 if any(panel.aside) else 426
        x, bottom = _along(rounds[0], rounds[-1], 186, right), 8 + _ROW * rows
        return _Frame(x, _along(-0.5, rows - 0.5, 8, bottom), (0, 0, 440, bottom + 34), rounds, lying=True)
    places = [place for place, _ in panel.x.ticks] or [x for series in panel.series for x in series.x]
    x = _along(min(places), max(places), 44, 290)
    return _Frame(x, _along(rounds[0], rounds[-1], 138, 10), (0, 0, 300, 170), rounds)


def _axes(panel: Plot, frame: _Frame, clouds: bool) -> Iterator[Child]:
    height = frame.view[3]
    middle = {"text_anchor": "middle", "class_": "axis"}
    across, up = panel.axes
    if clouds:
        yield tag("rect", x=0, y=0, width=260, height=260, class_="frame")
        yield tag("text", across.title, x=130, y=274, **middle)
        yield tag("text", up.title, x=-130, y=-5, transform="rotate(-90)", **middle)
        return
    center = (frame.x(-math.inf) + frame.x(math.inf)) / 2
    yield tag("text", across.title, x=_dot(center), y=_dot(height - 3), **middle)
    if frame.lying:
        yield from _rows(panel, frame, height - 34)
        return
    for tick in frame.ticks:
        y = frame.y(tick)
        number = tag("text", plain(tick, 2), x=33, y=_dot(y + 4), text_anchor="end")
        yield tag("g", tag("line", x1=38, x2=290, y1=_dot(y), y2=_dot(y), class_="rule"), number)
    for place, name in panel.x.ticks[:: math.ceil(len(panel.x.ticks) / _LABELS) or 1]:
        yield tag("text", name, x=_dot(frame.x(place)), y=152, text_anchor="middle")
    if panel.marked is not None:
        yield _vertical(frame.x(panel.marked), 4, 138, class_="chosen")


def _rows(panel: Plot, frame: _Frame, bottom: float) -> Iterator[Child]:
    """Numbers below; the names of rows to the left, and what stands aside to the right."""
    for tick in frame.ticks:
        x = frame.x(tick)
        number = tag("text", plain(tick, 2), x=_dot(x), y=_dot(bottom + 14), text_anchor="middle")
        yield tag("g", _vertical(x, 8, bottom, class_="rule"), number)
    yield from (_vertical(frame.x(value), 8, bottom, class_="level") for value in panel.lines)
    for at, (place, name) in enumerate(panel.x.ticks):
        shown = words(name) if len(name) <= _LETTERS else f"{words(name)[: _LETTERS - 1]}…"
        y = _dot(frame.y(place) + 4)
        yield tag("text", shown, x=178, y=y, text_anchor="end", class_="name")
        if panel.aside:
            yield tag("text", panel.aside[at], x=436, y=y, text_anchor="end")
    if panel.aside:
        yield tag("text", panel.aside_title, x=436, y=_dot(bottom + 14), text_anchor="end")


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from below the lowest value to above the highest, five at most.

    >>> ticks(-0.1, 0.32)
    [-0.2, 0.0, 0.2, 0.4]
    """
    reach = (high - low) or 1.0
    step = next((s for s in _STEPS if reach / s <= 4), reach / 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * i for i in range(first, max(last, first + 1) + 1)]


# Series -----------------------------------------------------------------------------------------


def _points(series: Series, frame: _Frame) -> list[tuple[int, float, str, str]]:
    """Number, place and dots of each value that is known."""
    known = enumerate(zip(series.x, series.y, strict=True))
    return [(at, place, *frame.at(place, value)) for at, (place, value) in known if value is not None]


def _line(series: Series, frame: _Frame) -> Markup:
    points, name = _points(series, frame), words(series.name)
    path = " ".join(f"{across},{up}" for _, _, across, up in points)
    marks = [
        tag("path", tag("title", f"{name}, {x:g}: {plain(series.y[at])}"), d=f"M{across},{up}{_mark(series)}")
        for at, x, across, up in points
        if series.role != "reference"
    ]
    line = tag("polyline", points=path, stroke_dasharray=_DASHES[dash_of(series)])
    band = series.intervals()
    ends = [(x, high) for x, _, high in band] + [(x, low) for x, low, _ in reversed(band)]
    area = tag("polygon", points=" ".join(",".join(frame.at(*end)) for end in ends)) if ends else None
    return tag("g", area, line, *marks, class_=f"series {_kind(series)}")


def _estimates(series: Series, frame: _Frame) -> Markup:
    """A mark for each, with its interval behind it and all its lines when it is pointed at."""
    class_ = f"est{' control' if series.role == 'control' else ''}"
    ends = {place: (low, high) for place, low, high in series.intervals()}
    drawn = []
    for at, place, across, up in _points(series, frame):
        whisker = None
        if place in ends:
            (x1, y1), (x2, y2) = (frame.at(place, end) for end in ends[place])
            whisker = tag("line", x1=x1, x2=x2, y1=y1, y2=y2)
        hollow = " hollow" if series.hollow and series.hollow[at] else ""
        about = tag("title", "\n".join(series.notes[at])) if series.notes else None
        mark = tag("path", d=f"M{across},{up}{_mark(series)}", class_=class_ + hollow)
        drawn.append(tag("g", about, whisker, mark))
    return tag("g", *drawn, class_=_kind(series))


def _cloud(series: Series, frame: _Frame) -> Markup:
    path = "".join(f"M{across},{up}{_mark(series)}" for _, _, across, up in _points(series, frame))
    return tag("path", d=path, class_=f"cloud {_kind(series)}")


def _mean(series: Series, frame: _Frame) -> Markup:
    across, up = frame.at(series.x[0], series.y[0] or 0.0)
    mark = tag("path", tag("title", f"mean of {series.name}"), d=f"M0,0{_mark(series)}")
    return tag("g", mark, class_=f"middle {_kind(series)}", transform=f"translate({across},{up}) scale(2.6)")


_DRAW = {"estimates": _estimates, "cloud": _cloud, "mean": _mean}


def _entry(series: Series) -> Markup:
    """A sample of a series and its name."""
    mark = tag("path", d=f"M12,7{_mark(series)}", class_="est" + " control" * (series.role == "control"))
    line = tag("polyline", points="1,7 23,7", stroke_dasharray=_DASHES[dash_of(series)])
    scattered = series.look in SCATTERED
    drawn = tag("g", None if scattered else line, mark, class_=f"series {_kind(series)}")
    box = "5 0 14 14" if scattered else "0 0 24 14"
    return tag("span", tag("svg", drawn, viewBox=box, aria_hidden="true"), words(series.name))


def _kind(series: Series) -> str:
    kind, slot = kind_of(series)
    return f"{kind}-{slot}"


def _mark(series: Series) -> str:
    return MARKS[marker_of(series)]


def _dot(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


# Words ------------------------------------------------------------------------------------------


def _in_words(panel: Plot, clouds: bool) -> str:
    if clouds:
        first, second = (series for series in panel.series if series.look == "mean")
        apart = ((first.x[0], second.x[0], panel.x), (first.y[0] or 0.0, second.y[0] or 0.0, panel.y))
        along = " and ".join(f"{plain(abs(b - a), 1)} along {axis.title}" for a, b, axis in apart)
        return f"The means of {first.name} and {second.name} lie {along} apart."
    names = dict(panel.x.ticks)
    if not panel.lying:
        return "; ".join(_curve(series, names) for series in panel.series)
    estimates: list[tuple[float, str]] = []
    for series in panel.series:
        ends = {place: between(low, high) for place, low, high in series.intervals()}
        for place, value in zip(series.x, series.y, strict=True) if series.role == "main" else ():
            text = f"{words(names[place])}: {signed(value)} {ends.get(place, '')}".strip()
            estimates.append((place, text))
    return "; ".join(text for _, text in sorted(estimates))


def _curve(series: Series, names: dict[float, str]) -> str:
    if not (points := [(y, x) for x, y in zip(series.x, series.y, strict=True) if y is not None]):
        return f"{words(series.name)}: no values"
    least, most = (f"{plain(y)} at {names.get(x, f'{x:g}')}" for y, x in (min(points), max(points)))
    return f"{words(series.name)}: smallest {least}, largest {most}, last {plain(points[-1][0])}"
