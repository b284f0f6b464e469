"""Small pictures as inline SVG: curves over layers, and an interval as a bar."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.core.numbers import plain
from workbench.figures.markup import Markup, tag

_WIDTH, _HEIGHT = 300, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 38, 10, 10, 32
_STEPS = (0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0)
_MOST_LABELS = 9
STYLES = 6
"""How many lines of a panel look different, by colour, dashes and marks."""


@dataclass(frozen=True)
class Line:
    """One curve: a value for each place on the axis, None where there is none."""

    name: str
    values: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


def panel(title: str, places: Sequence[str], lines: Sequence[Line], mark: int | None) -> Markup:
    """Curves over the same places, with the chosen one marked; what it shows is said in words too."""
    known = [
        v for line in lines for part in (line.values, line.low, line.high) for v in part if v is not None
    ]
    marks = ticks(min([0.0, *known]), max([0.0, *known]))
    x = Along(0, max(len(places) - 1, 1), _LEFT + 6, _WIDTH - _RIGHT)
    y = Along(marks[0], marks[-1], _HEIGHT - _BOTTOM, _TOP)
    every = math.ceil(len(places) / _MOST_LABELS)
    drawn = [
        *(_across(y(tick), plain(tick, 2)) for tick in marks),
        *(
            tag("text", place, x=_dot(x(i)), y=_HEIGHT - _BOTTOM + 14, text_anchor="middle")
            for i, place in enumerate(places)
            if i % every == 0
        ),
        tag("text", "layer", x=(_LEFT + _WIDTH) / 2, y=_HEIGHT - 3, text_anchor="middle", class_="axis"),
        None if mark is None else _upright(x(mark)),
        *(_curve(line, i % STYLES, places, x, y) for i, line in enumerate(lines)),
    ]
    svg = tag(
        "svg",
        *drawn,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=f"{title}. {_in_words(places, lines)}",
        class_="curve",
    )
    legend = [_legend(line.name, i % STYLES) for i, line in enumerate(lines)] if len(lines) > 1 else []
    caption = tag("figcaption", tag("b", title), tag("span", *legend, class_="legend") if legend else None)
    return tag("figure", caption, svg, class_="panel")


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


class Along:
    """From a number to a place."""

    def __init__(self, start: float, end: float, first: float, last: float):
        self.start, self.first = start, first
        self.slope = (last - first) / ((end - start) or 1.0)

    def __call__(self, value: float) -> float:
        """The place."""
        return self.first + (value - self.start) * self.slope


def _curve(line: Line, style: int, places: Sequence[str], x: Along, y: Along) -> Markup:
    points = [(i, value) for i, value in enumerate(line.values) if value is not None]
    path = " ".join(f"{_dot(x(i))},{_dot(y(value))}" for i, value in points)
    dots = [
        tag(
            "circle",
            tag("title", f"{line.name}, {places[i]}: {plain(value)}"),
            cx=_dot(x(i)),
            cy=_dot(y(value)),
            r=2.5,
        )
        for i, value in points
    ]
    return tag("g", _band(line, x, y), tag("polyline", points=path), *dots, class_=f"s{style}")


def _band(line: Line, x: Along, y: Along) -> Markup | None:
    ends = [
        (i, low, high)
        for i, (low, high) in enumerate(zip(line.low, line.high, strict=True))
        if low is not None and high is not None
    ]
    if not ends:
        return None
    there = [f"{_dot(x(i))},{_dot(y(high))}" for i, _, high in ends]
    back = [f"{_dot(x(i))},{_dot(y(low))}" for i, low, _ in reversed(ends)]
    return tag("polygon", points=" ".join(there + back))


def _across(y: float, label: str) -> Markup:
    return tag(
        "g",
        tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=_dot(y), y2=_dot(y), class_="rule"),
        tag("text", label, x=_LEFT - 5, y=_dot(y + 4), text_anchor="end"),
    )


def _upright(x: float) -> Markup:
    return tag("line", x1=_dot(x), x2=_dot(x), y1=_TOP - 6, y2=_HEIGHT - _BOTTOM, class_="chosen")


def _legend(name: str, style: int) -> Markup:
    line = tag("polyline", points="1,6 23,6")
    sample = tag("svg", tag("g", line, class_=f"s{style}"), viewBox="0 0 24 12", aria_hidden="true")
    return tag("span", sample, name)


def _in_words(places: Sequence[str], lines: Sequence[Line]) -> str:
    said = []
    for line in lines:
        points = [
            (value, place) for place, value in zip(places, line.values, strict=True) if value is not None
        ]
        if not points:
            said.append(f"{line.name}: no values")
            continue
        (low, at_low), (high, at_high) = min(points), max(points)
        said.append(
            f"{line.name}: smallest {plain(low)} at {at_low}, largest {plain(high)} at {at_high}, "
            f"last {plain(points[-1][0])}"
        )
    return "; ".join(said)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from below the lowest value to above the highest, five at most."""
    reach = (high - low) or 1.0
    step = next((s for s in _STEPS if reach / s <= 4), reach / 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * i for i in range(first, max(last, first + 1) + 1)]


def _dot(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
