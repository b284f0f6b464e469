"""Estimates in the browser: marks with whiskers, full or hollow, numbered where they are asked to be."""

from html import escape
from typing import Any

import plotly.graph_objects as go

from workbench.figures.labels import beside_points, corners, is_far
from workbench.figures.look import colour_of, marker_of
from workbench.figures.spec_parts import Axis, Plot, Series

SYMBOLS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down"} | {
    "P": "cross",
    "X": "x",
    "<": "triangle-left",
}
"""Markers by matplotlib's letters."""
_PANEL = (360.0, 240.0)
"""Labels are placed for a panel of so many dots; on a wider screen they only stand further apart."""
_LETTER, _LINE, _MARK = 7.0, 13.0, 9.0


def add_estimates(
    figure: go.Figure, panel: Plot, series: Series, about: dict[str, Any], axes: dict[str, str]
) -> None:
    """One series of one panel."""
    value, place = ("x", "y") if panel.lying else ("y", "x")
    symbol, hollow = SYMBOLS[marker_of(series)], series.hollow or (False,) * len(series.x)
    whiskers = {}
    if series.low and series.high:
        whiskers[f"error_{value}"] = {
            "type": "data",
            "symmetric": False,
            "array": [_less(high, y) for high, y in zip(series.high, series.y, strict=True)],
            "arrayminus": [_less(y, low) for y, low in zip(series.y, series.low, strict=True)],
            "width": 0,
            "thickness": 1.5,
        }
    figure.add_scatter(
        **{place: series.x, value: series.y},
        mode="markers",
        marker={
            "color": colour_of(series),
            "symbol": [f"{symbol}-open" if empty else symbol for empty in hollow],
            "size": 9,
            # An open symbol is drawn in the colour itself; a full one stands out from those behind it.
            "line": {"width": [1.5 if empty else 0.7 for empty in hollow], "color": "white"},
        },
        hovertext=["<br>".join(map(escape, lines)) for lines in series.notes] or None,
        hoverinfo="text",
        meta="estimates",
        **whiskers,
        **about,
        **axes,
    )


def add_labels(figure: go.Figure, panel: Plot, axes: dict[str, str]) -> None:
    """The numbers beside estimates, each with a line to its own."""
    marked = [
        (x, y, label)
        for series in panel.series
        for x, y, label in zip(series.x, series.y, series.labels, strict=False)
        if y is not None
    ]
    if not marked:
        return

    def placed(x: float, y: float) -> tuple[float, float]:
        return _along(panel.x, x) * _PANEL[0], _along(panel.y, y) * _PANEL[1]

    points = [placed(x, y) for x, y, _ in marked]
    sizes = [(_LETTER * (len(label) + 0.5), _LINE) for *_, label in marked]
    lines = [placed(x, y) for x, y in corners(panel)]
    places = beside_points(points, sizes, _PANEL, _MARK, lines)
    for (x, y, label), here, there, room in zip(marked, points, places, sizes, strict=True):
        if there is None:
            continue
        across, up = there[0] - here[0], there[1] - here[1]
        if is_far(here, there, room, _MARK):
            line = {"arrowhead": 0, "arrowwidth": 0.7, "arrowcolor": "#888888", "standoff": 4, "borderpad": 0}
            where = {"ax": across, "ay": -up, "showarrow": True, **line}
        else:
            where = {"xshift": across, "yshift": up, "showarrow": False}
        figure.add_annotation(
            text=escape(label),
            name="label",
            x=panel.x.scaled(x),
            y=y,
            font={"size": 10},
            xref=axes["xaxis"],
            yref=axes["yaxis"],
            **where,
        )


def add_aside(figure: go.Figure, panel: Plot, axes: dict[str, str]) -> None:
    """The texts to the right of named places, and below them what they say."""
    right = {"xref": f"{axes['xaxis']} domain", "x": 1, "xanchor": "left", "xshift": 6, "showarrow": False}
    for (place, _), text in zip(panel.x.ticks, panel.aside, strict=True):
        if text:
            figure.add_annotation(text=escape(text), name="aside", y=place, yref=axes["yaxis"], **right)
    below = {"y": 0, "yref": f"{axes['yaxis']} domain", "yanchor": "top", "yshift": -3}
    figure.add_annotation(text=escape(panel.aside_title), name="aside title", **below, **right)


def _along(axis: Axis, value: float) -> float:
    """How far along an axis a value lies, from 0 to 1."""
    assert axis.range is not None, "axes of numbered estimates have a range"
    low, high = map(axis.scaled, axis.range)
    return (axis.scaled(value) - low) / (high - low)


def _less(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b
