"""A plot of a description as inline SVG, in the colours of the page it stands on, and said in words too."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workbench.core.numbers import between, plain, signed
from workbench.figures.look import SCATTERED, dash_of, kind_of, marker_of
from workbench.figures.markup import Child, Markup, tag, words
from workbench.figures.spec import Plot, Series, Value

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


class Along:
    """From a number to a place; numbers outside of the axis stand at its end."""

    def __init__(self, start: float, end: float, first: float, last: float):
        self.start, self.end, self.first = start, end, first
        self.slope = (last - first) / ((end - start) or 1.0)

    def __call__(self, value: float) -> float:
        """The place."""
        return self.first + (min(max(value, self.start), self.end) - self.start) * self.slope


@dataclass(frozen=True)
class _Frame:
    """The two axes in dots, the box that panels are drawn in, and round numbers of the axis of values."""

    x: Along
    y: Along
    box: tuple[float, float, float, float]
    """Left, top, width and height of the view."""
    ticks: Sequence[float] = ()
    lying: bool = False

    def at(self, place: float, value: float) -> tuple[str, str]:
        """Where a value at a place stands."""
        across, up = (value, place) if self.lying else (place, value)
        return _dot(self.x(across)), _dot(self.y(up))


def draw_svg(panel: Plot) -> Markup:
    """A figure with its title, its legend, and the drawing, whose label says in words what it shows."""
    clouds = any(series.look == "cloud" for series in panel.series)
    frame = _lying(panel) if panel.lying else _square(panel) if clouds else _upright(panel)
    drawn: list[Child] = [*_axes(panel, frame, clouds)]
    for series in panel.series:
        drawn.append(_DRAW.get(series.look, _line)(series, frame))
    svg = tag(
        "svg",
        *drawn,
        viewBox=" ".join(map(_dot, frame.box)),
        role="img",
        aria_label=f"{panel.title}. {_in_words(panel, clouds)}",
        class_="curve",
    )
    first = {series.name: series for series in reversed(panel.series)}
    entries = [_entry(first[name]) for name in dict.fromkeys(series.name for series in panel.series)]
    legend = tag("span", *entries, class_="legend") if len(entries) > 1 else None
    kind = " forest" if panel.lying else " places" if clouds else ""
    return tag("figure", tag("figcaption", tag("b", panel.title), legend), svg, class_=f"panel{kind}")


def interval_bar(estimate: float, low: float, high: float, left: float, right: float) -> Markup:
    """An estimate and its interval on a scale with its zero: the numbers stand beside it."""
    x = Along(left, right, 4, 156)
    return tag(
        "svg",
        tag("line", x1=_dot(x(0)), x2=_dot(x(0)), y1=0, y2=20, class_="zero"),
        tag("line", x1=_dot(x(low)), x2=_dot(x(high)), y1=10, y2=10, class_="whisker"),
        tag("circle", cx=_dot(x(estimate)), cy=10, r=4, class_="point"),
        viewBox="0 0 160 20",
        class_="bar",
        aria_hidden="true",
    )


# Axes -------------------------------------------------------------------------------------------


def _upright(panel: Plot) -> _Frame:
    """Places from left to right, values upwards."""
    found = ticks(*_reach(panel))
    places = [place for place, _ in panel.x.ticks] or [x for series in panel.series for x in series.x]
    x = Along(min(places), max(places), 44, 290)
    return _Frame(x, Along(found[0], found[-1], 138, 10), (0, 0, 300, 170), found)


def _lying(panel: Plot) -> _Frame:
    """Names from top to bottom, values to the right."""
    found = ticks(*_reach(panel))
    rows, right = len(panel.x.ticks), 384 if any(panel.aside) else 426
    bottom = 8 + _ROW * rows
    x = Along(found[0], found[-1], 186, right)
    return _Frame(x, Along(-0.5, rows - 0.5, 8, bottom), (0, 0, 440, bottom + 34), found, lying=True)


def _square(panel: Plot) -> _Frame:
    """A plane of two directions, without numbers."""
    across, up = panel.x.range or (0.0, 1.0), panel.y.range or (0.0, 1.0)
    return _Frame(Along(*across, 2, 258), Along(*up, 258, 2), (-18, 0, 280, 278))


def _reach(panel: Plot) -> tuple[float, float]:
    """The lowest and highest value, and 0; what an axis cuts off does not lengthen it."""
    low, high = panel.y.range or (-math.inf, math.inf)
    known = [v for s in panel.series for part in (s.y, s.low, s.high) for v in part if v is not None]
    inside = [0.0, *panel.lines, *(min(max(value, low), high) for value in known)]
    return min(inside), max(inside)


def _axes(panel: Plot, frame: _Frame, clouds: bool) -> Iterator[Child]:
    height = frame.box[3]
    middle = {"text_anchor": "middle", "class_": "axis"}
    if clouds:
        yield tag("rect", x=0, y=0, width=260, height=260, class_="frame")
        yield tag("text", panel.x.title, x=130, y=274, **middle)
        yield tag("text", panel.y.title, x=-130, y=-5, transform="rotate(-90)", **middle)
        return
    across = panel.y if frame.lying else panel.x
    center = (frame.x.first + frame.x(math.inf)) / 2
    yield tag("text", across.title, x=_dot(center), y=_dot(height - 3), **middle)
    ends = (8.0, height - 34) if frame.lying else (10.0, 138.0)
    for tick in frame.ticks:
        x, y = (frame.x(tick), ends[1] + 14) if frame.lying else (33.0, frame.y(tick) + 4)
        anchor = "middle" if frame.lying else "end"
        number = tag("text", plain(tick, 2), x=_dot(x), y=_dot(y), text_anchor=anchor)
        yield tag("g", _across(frame, tick, "rule", ends), number)
    if frame.lying:
        yield from (_across(frame, value, "level", ends) for value in panel.lines)
        yield from _names(panel, frame, ends[1])
        return
    every = math.ceil(len(panel.x.ticks) / _LABELS)
    for place, name in panel.x.ticks[:: every or 1]:
        yield tag("text", name, x=_dot(frame.x(place)), y=152, text_anchor="middle")
    if panel.marked is not None:
        x = frame.x(panel.marked)
        yield tag("line", x1=_dot(x), x2=_dot(x), y1=4, y2=138, class_="chosen")


def _names(panel: Plot, frame: _Frame, bottom: float) -> Iterator[Child]:
    """The names of rows to the left, and what stands aside to the right."""
    for at, (place, name) in enumerate(panel.x.ticks):
        shown = words(name) if len(name) <= _LETTERS else f"{words(name)[: _LETTERS - 1]}…"
        y = _dot(frame.y(place) + 4)
        yield tag("text", shown, x=178, y=y, text_anchor="end", class_="name")
        if panel.aside:
            yield tag("text", panel.aside[at], x=436, y=y, text_anchor="end")
    if panel.aside:
        yield tag("text", panel.aside_title, x=436, y=_dot(bottom + 14), text_anchor="end")


def _across(frame: _Frame, value: float, class_: str, ends: tuple[float, float]) -> Markup:
    """A line across the places at a value."""
    if frame.lying:
        x = _dot(frame.x(value))
        return tag("line", x1=x, x2=x, y1=_dot(ends[0]), y2=_dot(ends[1]), class_=class_)
    y = _dot(frame.y(value))
    return tag("line", x1=38, x2=290, y1=y, y2=y, class_=class_)


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


def _line(series: Series, frame: _Frame) -> Markup:
    points = [(x, y, *frame.at(x, y)) for x, y in zip(series.x, series.y, strict=True) if y is not None]
    path = " ".join(f"{across},{up}" for _, _, across, up in points)
    marks = [
        tag(
            "path",
            tag("title", f"{words(series.name)}, {x:g}: {plain(y)}"),
            d=f"M{across},{up}{_mark(series)}",
        )
        for x, y, across, up in points
        if series.role != "reference"
    ]
    line = tag("polyline", points=path, stroke_dasharray=_DASHES[dash_of(series)])
    return tag("g", _band(series, frame), line, *marks, class_=f"series {_kind(series)}")


def _band(series: Series, frame: _Frame) -> Markup | None:
    if not series.low or not series.high:
        return None
    both = [
        (x, low, high)
        for x, low, high in zip(series.x, series.low, series.high, strict=True)
        if low is not None and high is not None
    ]
    if not both:
        return None
    ends = [(x, high) for x, _, high in both] + [(x, low) for x, low, _ in reversed(both)]
    return tag("polygon", points=" ".join(",".join(frame.at(*end)) for end in ends))


def _estimates(series: Series, frame: _Frame) -> Markup:
    """A mark for each, with its interval behind it and all its lines when it is pointed at."""
    class_ = f"est{' control' if series.role == 'control' else ''}"
    drawn = []
    for at, (place, value) in enumerate(zip(series.x, series.y, strict=True)):
        if value is None:
            continue
        across, up = frame.at(place, value)
        whisker = None
        if series.low and (low := series.low[at]) is not None and (high := series.high[at]) is not None:
            (x1, y1), (x2, y2) = frame.at(place, low), frame.at(place, high)
            whisker = tag("line", x1=x1, x2=x2, y1=y1, y2=y2)
        hollow = " hollow" if series.hollow and series.hollow[at] else ""
        about = tag("title", "\n".join(series.notes[at])) if series.notes else None
        mark = tag("path", d=f"M{across},{up}{_mark(series)}", class_=class_ + hollow)
        drawn.append(tag("g", about, whisker, mark))
    return tag("g", *drawn, class_=_kind(series))


def _cloud(series: Series, frame: _Frame) -> Markup:
    known = ((x, y) for x, y in zip(series.x, series.y, strict=True) if y is not None)
    path = "".join(f"M{','.join(frame.at(x, y))}{_mark(series)}" for x, y in known)
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
    if panel.lying:
        main = [series for series in panel.series if series.role == "main"]
        rows = sorted((place, series, at) for series in main for at, place in enumerate(series.x))
        return "; ".join(_estimate(words(names[place]), series, at) for place, series, at in rows)
    return "; ".join(_curve(series, names) for series in panel.series)


def _estimate(name: str, series: Series, at: int) -> str:
    low, high = (part[at] if part else None for part in (series.low, series.high))
    return f"{name}: {signed(series.y[at])} {between(low, high)}".strip()


def _curve(series: Series, names: dict[float, str]) -> str:
    def said(point: tuple[Value, float]) -> str:
        return f"{plain(point[0])} at {names.get(point[1], f'{point[1]:g}')}"

    points = [(y, x) for x, y in zip(series.x, series.y, strict=True) if y is not None]
    if not points:
        return f"{words(series.name)}: no values"
    least, most = min(points), max(points)
    return f"{words(series.name)}: smallest {said(least)}, largest {said(most)}, last {plain(points[-1][0])}"
