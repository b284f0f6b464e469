"""Any figure for the browser, from the same description as on paper: drawn with plotly, nothing is saved."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.core.errors import InputError
from workbench.figures import look
from workbench.figures.frames import join_runs, number
from workbench.figures.kinds import find_kind, make_spec
from workbench.figures.spec import Axis, Cells, Panel, Plot, Scale, Series, Spec, balanced, short, thinned
from workbench.results import Run, open_run

if TYPE_CHECKING:
    import plotly.graph_objects as go

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_NAMES = "circle square triangle-up diamond triangle-down cross x triangle-left"
SYMBOLS = dict(zip(look.MARKERS, _NAMES.split(), strict=True))
"""Markers by matplotlib's letters."""
_DASHES = {"solid": "solid", "dashed": "dash", "dashdot": "dashdot", "dotted": "dot"}
_SIZES: dict[str, dict[str, Any]] = {
    "cloud": {"size": 5},
    "mean": {"size": 14, "line": {"color": look.BLACK, "width": 2}},
}
_SIGNS: dict[str, dict[str, Any]] = {
    look.DOT: {"symbol": "circle", "size": 4},
    look.DASH: {"symbol": "line-ew-open", "size": 7},
    look.ABOVE: {"symbol": "triangle-up", "size": 7},
    look.BELOW: {"symbol": "triangle-down", "size": 7},
}
_WRAP = 110
"""Characters of a line of the subtitle or footer."""
_LABELS = 40
"""So many names have room along an axis of one panel that is alone."""
_NUMBERED = 240
"""Cells of larger panels carry no numbers: pointing at them shows them."""
_GAP = 90
"""Dots between rows of panels."""


def plot(run_or_table: Any, kind: str, **options: Any) -> "go.Figure":
    """The interactive figure of a kind (`FIGURES`), to be shown in a notebook or written by plotly.

    `options` are those of `make_spec`.

    It is made from a run or its folder, from tables by name (`result.tables`), or from one table where the
    kind needs no other.
    """
    needs = find_kind(kind).needs
    source = open_run(run_or_table) if isinstance(run_or_table, str | Path) else run_or_table
    if isinstance(source, Run):
        joined = join_runs(source)
        return draw_interactive(make_spec(kind, joined.frames, joined.cautions, **options))
    if isinstance(source, pd.DataFrame):
        if len(needs) > 1:
            raise InputError(f"figure {kind} needs the tables {' and '.join(needs)}: give them by name")
        source = {needs[0]: source}
    tables = getattr(source, "tables", source)
    if not isinstance(tables, Mapping):
        raise InputError(
            f"a figure is made from a run, its folder or its tables, not from a {type(tables).__name__}: "
            'plot(open_run("runs/demo"), "layers")'
        )
    return draw_interactive(make_spec(kind, tables, **options))


def draw_interactive(spec: Spec) -> "go.Figure":
    """All panels of a figure, one colour scale, one legend; pointing at something shows its numbers."""
    import plotly.graph_objects as go  # a second that a report does not need

    side_by_side = _side_by_side(spec)
    rows = [spec.panels[at : at + side_by_side] for at in range(0, len(spec.panels), side_by_side)]
    heights = [max(map(_height, row)) + _GAP for row in rows]
    body = sum(heights)
    figure = go.Figure()
    legend: set[str] = set()
    for at, row in enumerate(rows):
        top = sum(heights[:at]) + 30
        for column, panel in enumerate(row):
            # The first column's names have the margin; those between panels need room of their own.
            named = spec.has_names(column)
            inset = 0.0 if column == 0 else 0.18 if named else 0.04
            end = 0.97 if not panel.aside else 0.86 if side_by_side == 1 else 0.78
            across = ((column + inset) / side_by_side, (column + end) / side_by_side)
            down = (1 - (top + _height(panel)) / body, 1 - top / body)
            suffix = str(at * side_by_side + column + 1) if at or column else ""
            axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
            if isinstance(panel, Cells):
                assert spec.scale is not None, "cells have a scale"
                _cells(figure, panel, spec.scale, axes)
            else:
                _plot(figure, panel, axes, legend)
            x, y = _axes(panel, _LABELS // side_by_side)
            x |= {"domain": across, "anchor": axes["yaxis"]}
            y |= {"domain": down, "anchor": axes["xaxis"]}
            y |= {} if named else {"showticklabels": False, "title": {"text": ""}}
            figure.update_layout({f"xaxis{suffix}": x, f"yaxis{suffix}": y})
            _title(figure, panel, across[0], down[1])
    _dress(figure, spec, body)
    return figure


def _side_by_side(spec: Spec) -> int:
    widest = max((len(panel.columns) for panel in spec.cells), default=0)
    most = spec.together if spec.together > 1 else 3 if widest <= 12 else 2 if widest <= 34 else 1
    if not spec.same_rows and any(len(name) > 5 for panel in spec.panels for name in panel.rows):
        most = 1  # long names between panels would lie on the panel before
    return balanced(len(spec.panels), most, spec.together)


def _height(panel: Panel) -> float:
    rows = len(panel.rows)
    if isinstance(panel, Cells):
        return 320 if panel.square else max(40, rows * (30 if rows <= 12 else 16))
    return max(60, rows * 26) if panel.lying else 240


def _title(figure: "go.Figure", panel: Panel, x: float, y: float) -> None:
    remark = panel.remark if isinstance(panel, Plot) else ""
    texts = [f"<b>{escape(panel.name)}</b>" if panel.name else "", escape(remark)]
    if text := " · ".join(filter(None, texts)):
        _write(figure, text, name="title", x=x, y=y, yanchor="bottom")


def _write(figure: "go.Figure", text: str, **style: Any) -> None:
    """A text that begins at a place of the whole figure."""
    refs = {"xref": "paper", "yref": "paper", "xanchor": "left", "align": "left"}
    figure.add_annotation(text=text, showarrow=False, **refs, **style)


# Axes -------------------------------------------------------------------------------------------


def _axes(panel: Panel, room: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The axes across and up; `room` is for so many names across."""
    if isinstance(panel, Plot):
        across, up = (panel.y, panel.x) if panel.lying else (panel.x, panel.y)
        return _plot_axis(across, room), _plot_axis(up, _ROWS if panel.lying else _LABELS, panel.lying)
    plain = {"showgrid": False, "zeroline": False, "automargin": True}
    ticks = panel.ticks or list(enumerate(panel.columns))
    x = plain | _ticks(ticks, room) | {"title": {"text": escape(panel.column_title)}}
    x |= {"tickangle": -90} if panel.turned else {}
    y = plain | _ticks(list(enumerate(panel.rows)), _ROWS) | {"title": {"text": escape(panel.row_title)}}
    return x | {"range": [-0.5, len(panel.columns) - 0.5]}, y | {"range": [len(panel.rows) - 0.5, -0.5]}


_ROWS = 60
"""So many names have room beside rows."""


def _ticks(ticks: Sequence[tuple[float, str]], room: int) -> dict[str, Any]:
    """All names, or every k-th of them; of layers, those that are multiples of k."""
    step = thinned(len(ticks), room)
    shown = [
        (place, escape(name))
        for at, (place, name) in enumerate(ticks)
        if step == 1 or (int(name) % step == 0 if name.isdigit() else at % step == 0 and name != "emb")
    ]
    return {
        "tickmode": "array",
        "tickvals": [place for place, _ in shown],
        "ticktext": [name for _, name in shown],
    }


def _plot_axis(axis: Axis, room: int, turned: bool = False) -> dict[str, Any]:
    ends = list(map(axis.scaled, axis.range or ()))
    return {
        "title": {"text": escape(axis.title)},
        "zeroline": False,
        "gridcolor": "#eeeeee",
        "automargin": True,
        **({"type": "log"} if axis.log else {}),
        **({"range": ends[::-1] if turned else ends} if ends else {}),
        **(_ticks(axis.ticks, room) if axis.ticks else {}),
    }


# Cells ------------------------------------------------------------------------------------------


def _written(value: float | None, few: int | None, sign: bool) -> str:
    """A number in its cell, with the items below it where they are fewer than elsewhere."""
    number = short(value, sign=sign)
    return number if few is None else f"{number}<br><sub>{few}</sub>"


def _veil(figure: "go.Figure", panel: Cells, axes: dict[str, str]) -> None:
    """White over the cells with few items."""
    if not panel.counts:
        return
    veil = f"rgba(255, 255, 255, {look.VEIL})"
    figure.add_heatmap(
        z=[[None if few is None else 1 for few in row] for row in panel.counts],
        x=list(range(len(panel.columns))),
        y=list(range(len(panel.rows))),
        colorscale=[[0, veil], [1, veil]],
        showscale=False,
        hoverinfo="skip",
        xgap=1,
        ygap=1,
        name="few items",
        **axes,
    )


def _cells(figure: "go.Figure", panel: Cells, scale: Scale, axes: dict[str, str]) -> None:
    numbered = panel.numbers and len(panel.rows) * len(panel.columns) <= _NUMBERED
    notes = panel.notes or [[()] * len(panel.columns)] * len(panel.rows)
    figure.add_heatmap(
        z=[list(row) for row in panel.values],
        x=list(range(len(panel.columns))),
        y=list(range(len(panel.rows))),
        coloraxis="coloraxis",
        text=[
            [
                _written(value, panel.few(row, column), scale.diverging) if numbered else ""
                for column, value in enumerate(values)
            ]
            for row, values in enumerate(panel.values)
        ],
        texttemplate="%{text}",
        hovertext=[[_hover(lines) or "not measured" for lines in row] for row in notes],
        hovertemplate="%{hovertext}<extra></extra>",
        xgap=1,
        ygap=1,
        name=panel.name,
        **axes,
    )
    _veil(figure, panel, axes)
    for marker, found in look.signs(panel, scale, numbered).items():
        x, y, shades = zip(*found, strict=True)
        figure.add_scatter(
            x=x,
            y=y,
            mode="markers",
            marker=_SIGNS[marker] | {"color": shades},
            hoverinfo="skip",
            showlegend=False,
            name=f"sign {marker}",
            **axes,
        )
    refs = {"xref": axes["xaxis"], "yref": axes["yaxis"]}
    black = {"color": look.BLACK, "width": 2}
    for mark in panel.marks:
        box = {"x0": mark.column - 0.5, "x1": mark.column + 0.5, "y0": mark.row - 0.5, "y1": mark.row + 0.5}
        figure.add_shape(type="rect", line=black, name="frame", **box, **refs)
    if panel.aside:
        _aside(figure, panel, axes)
    if panel.rule_after is not None:
        at = panel.rule_after - 0.5
        ends = {"x0": -0.5, "x1": len(panel.columns) - 0.5, "y0": at, "y1": at}
        figure.add_shape(type="line", line=black, name="rule", **ends, **refs)


def _hover(lines: Sequence[str]) -> str:
    return "<br>".join(map(escape, lines))


# Series -----------------------------------------------------------------------------------------


def _plot(figure: "go.Figure", panel: Plot, axes: dict[str, str], legend: set[str]) -> None:
    """The series of a panel; `legend` are the names that the legend has already."""
    low, high = panel.y.range or (-math.inf, math.inf)
    across = {"name": "zero", "line": {"color": "#aaaaaa", "width": 1}, "layer": "below"}
    for value in panel.lines:
        if low <= value <= high:
            _rule(figure, axes, "x" if panel.lying else "y", value, **across)
    if panel.marked is not None:
        _rule(figure, axes, "x", panel.marked, name="marked", line={"color": "#777777", "dash": "dot"})
    for series in panel.series:
        shown = series.role != "faint" and series.name not in legend
        about = {"name": escape(series.name), "legendgroup": series.name, "showlegend": shown}
        if series.look not in ("bars", "estimates") and series.low and series.high:
            _band(figure, series, about, axes)
        if series.look != "area":
            _series(figure, panel, series, about | axes)
        legend.add(series.name)
    _labels(figure, panel, axes)
    if panel.aside:
        _aside(figure, panel, axes)


def _rule(figure: "go.Figure", axes: dict[str, str], axis: str, value: float, **style: Any) -> None:
    """A line across the panel at a value of an axis."""
    other = "y" if axis == "x" else "x"
    place = {f"{axis}0": value, f"{axis}1": value, f"{axis}ref": axes[f"{axis}axis"]}
    place |= {f"{other}0": 0, f"{other}1": 1, f"{other}ref": f"{axes[f'{other}axis']} domain"}
    figure.add_shape(type="line", **style, **place)


def _series(figure: "go.Figure", panel: Plot, series: Series, about: dict[str, Any]) -> None:
    colour, symbol = look.colour_of(series), SYMBOLS[look.marker_of(series)]
    hover = list(map(_hover, series.notes)) or None
    x, y = (series.y, series.x) if panel.lying else (series.x, series.y)
    if series.look == "bars":
        style = {"orientation": "h", "width": 0.7, "marker_color": colour, "error_x": _whiskers(series)}
        figure.add_bar(x=x, y=y, hovertext=hover, **style, **about)
        return
    if series.look == "estimates":
        hollow = series.hollow or (False,) * len(series.x)
        style = {
            "mode": "markers",
            "marker": {
                "color": colour,
                "symbol": [f"{symbol}-open" if empty else symbol for empty in hollow],
                "size": 9,
                # An open symbol is drawn in the colour itself; a full one stands out from those behind it.
                "line": {"width": [1.5 if empty else 0.7 for empty in hollow], "color": "white"},
            },
            "hoverinfo": "text",
            "meta": "estimates",
            "error_x" if panel.lying else "error_y": _whiskers(series, width=0, thickness=1.5),
        }
    else:
        faint, points = series.role == "faint", series.look in look.SCATTERED
        marked = len(series.x) <= 24 and series.role not in ("faint", "reference")
        style = {
            "mode": "markers" if points else "lines+markers" if marked else "lines",
            "line": {"color": colour, "dash": _DASHES[look.dash_of(series)], "width": 1 if faint else 2},
            "marker": {"color": colour, "symbol": symbol, **_SIZES.get(series.look, {"size": 7})},
            "opacity": 0.5 if faint or series.look == "cloud" else 1,
        }
    figure.add_scatter(x=x, y=y, hovertext=hover, **style, **about)


def _band(figure: "go.Figure", series: Series, about: dict[str, Any], axes: dict[str, str]) -> None:
    """The band between two edges: around the values, or of an area the whole of it."""
    whole = series.look == "area"
    red, green, blue = look.channels(look.colour_of(series))
    band = series.intervals()
    figure.add_scatter(
        x=[x for x, _, _ in band] + [x for x, _, _ in reversed(band)],
        y=[low for _, low, _ in band] + [high for _, _, high in reversed(band)],
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},{1 if whole else 0.18})",
        mode="lines",
        line={"width": 0},
        hoverinfo="skip",
        meta="area" if whole else "band",
        **(about if whole else about | {"showlegend": False}),
        **axes,
    )


def _whiskers(series: Series, **style: Any) -> dict[str, Any] | None:
    """The intervals of a series; None where it has none."""
    if not series.low or not series.high:
        return None
    y, low, high = (pd.Series(values, dtype=float) for values in (series.y, series.low, series.high))
    above, below = (list(map(number, ends)) for ends in (high - y, y - low))
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **style}


_PANEL = (360.0, 240.0)
"""Labels are placed for a panel of so many dots; on a wider screen they only stand further apart."""
_LETTER, _LINE, _MARK = 7.0, 13.0, 9.0


def _labels(figure: "go.Figure", panel: Plot, axes: dict[str, str]) -> None:
    """The numbers beside estimates, each with a line to its own."""

    def placed(x: float, y: float) -> tuple[float, float]:
        return panel.x.along(x) * _PANEL[0], panel.y.along(y) * _PANEL[1]

    def size(label: str) -> tuple[float, float]:
        return _LETTER * (len(label) + 0.5) * bool(label), _LINE

    for label in look.place_labels(panel, placed, size, _PANEL, _MARK):
        across, up = label.place[0] - label.point[0], label.place[1] - label.point[1]
        where: dict[str, Any] = {"xshift": across, "yshift": up, "showarrow": False}
        if label.far:
            where = {"ax": across, "ay": -up, "showarrow": True, "arrowhead": 0, "arrowwidth": 0.7}
            where |= {"arrowcolor": "#888888", "standoff": 4, "borderpad": 0}
        place = {"x": panel.x.scaled(label.x), "y": label.y, "xref": axes["xaxis"], "yref": axes["yaxis"]}
        figure.add_annotation(text=escape(label.text), name="label", font={"size": 10}, **place, **where)


def _aside(figure: "go.Figure", panel: Panel, axes: dict[str, str]) -> None:
    """The texts to the right of rows, and above them what they say."""
    right = {"xref": f"{axes['xaxis']} domain", "x": 1, "xanchor": "left", "xshift": 6, "showarrow": False}
    places = range(len(panel.rows)) if isinstance(panel, Cells) else [place for place, _ in panel.x.ticks]
    for place, text in zip(places, panel.aside, strict=True):
        if text:
            figure.add_annotation(text=escape(text), name="aside", y=place, yref=axes["yaxis"], **right)
    above = {"y": 1, "yref": f"{axes['yaxis']} domain", "yanchor": "bottom"}
    figure.add_annotation(text=escape(panel.aside_title), name="aside title", **above, **right)


# Around the panels ------------------------------------------------------------------------------


def wrapped(text: str) -> str:
    """Escaped text, broken into lines at spaces."""
    return "<br>".join(map(escape, wrap(text, _WRAP, break_long_words=False, break_on_hyphens=False)))


def _dress(figure: "go.Figure", spec: Spec, body: float) -> None:
    """Title, footer, legend, scale."""
    # Below the panels the names of columns, the footer, and the legend.
    upright = 7 * max(map(len, spec.upright), default=0)
    footer = wrapped(spec.notes)
    below = max(140, 70 + upright + 15 * (footer.count("<br>") + 1) + (45 if spec.legend else 0))
    figure.update_layout(
        title={
            "text": f"<b>{escape(spec.title)}</b>",
            "subtitle": {"text": wrapped(spec.subtitle)},
            "x": 0.01,
            "xanchor": "left",
        },
        font={"family": FONT, "size": 12},
        paper_bgcolor="#ffffff",
        plot_bgcolor=look.UNMEASURED if spec.scale else "#ffffff",
        height=body + 110 + below,
        margin={"l": 20, "r": 20, "t": 110, "b": below},
        legend={"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom"},
        barmode="overlay",
    )
    if spec.scale is not None:
        stops = look.colours(spec.scale)
        figure.update_layout(
            coloraxis={
                "cmin": spec.scale.low,
                "cmax": spec.scale.high,
                "colorscale": [[at / (len(stops) - 1), colour] for at, colour in enumerate(stops)],
                "colorbar": {"title": {"text": escape(spec.scale.title), "side": "right"}, "thickness": 14},
            }
        )
    if spec.notes:
        font = {"size": 11, "color": "#555555"}
        _write(figure, footer, name="footer", x=0, y=0, yshift=-70 - upright, yanchor="top", font=font)


def to_page(figure: "go.Figure", title: str) -> str:
    """A whole HTML page with the drawing code in it: it works with no network."""
    body = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        include_mathjax=False,
        div_id="figure",
        config={"displaylogo": False, "responsive": True},
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="generator" content="alignment-workbench">\n'
        f"<title>{escape(title)}</title>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
