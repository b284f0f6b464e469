"""Any figure for the browser, from the same description as on paper: drawn with plotly, nothing is saved."""

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.figures.labels import beside_points, corners, is_far
from workbench.figures.look import (
    BLACK,
    SCATTERED,
    UNMEASURED,
    colour_of,
    colours,
    dash_of,
    ink,
    marker_of,
    strokes,
)
from workbench.figures.spec import (
    Axis,
    Cells,
    Panel,
    Plot,
    Scale,
    Series,
    Spec,
    balanced,
    has_names,
    same_rows,
    short,
    thinned,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_WRAP = 110  # characters of a subtitle line


def wrapped(text: str) -> str:
    """Escaped text, broken into lines at spaces."""
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > _WRAP:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "<br>".join(escape(part) for part in [*lines, line])


_DASHES = {"solid": "solid", "dashed": "dash", "dashdot": "dashdot", "dotted": "dot"}
_SIZES: dict[str, dict[str, Any]] = {
    "cloud": {"size": 5},
    "mean": {"size": 14, "line": {"color": BLACK, "width": 2}},
}
_LABELS = 40
"""So many names have room along an axis of one panel that is alone."""
_NUMBERED = 240
"""Cells of larger panels carry no numbers: pointing at them shows them."""


def draw_interactive(spec: Spec) -> "go.Figure":
    """All panels of a figure, one colour scale, one legend; pointing at something shows its numbers."""
    import plotly.graph_objects as go  # a second that a report does not need

    side_by_side = _side_by_side(spec)
    rows = math.ceil(len(spec.panels) / side_by_side)
    heights = [_height(panel) for panel in spec.panels]
    body = sum(max(heights[at : at + side_by_side]) + 90 for at in range(0, len(heights), side_by_side))
    figure = go.Figure()
    named: set[str] = set()
    top = 0.0
    for row in range(rows):
        mine = spec.panels[row * side_by_side : (row + 1) * side_by_side]
        height = max(_height(panel) for panel in mine)
        for column, panel in enumerate(mine):
            number = row * side_by_side + column + 1
            # The first column's names have the margin; those between panels need room of their own.
            named_here = has_names(spec, column)
            inset = 0.0 if column == 0 else 0.18 if named_here else 0.04
            end = 0.86 if isinstance(panel, Plot) and panel.aside else 0.97
            across = ((column + inset) / side_by_side, (column + end) / side_by_side)
            down = (1 - (top + 30 + _height(panel)) / body, 1 - (top + 30) / body)
            _panel(figure, spec, panel, number, (across, down), side_by_side, named)
            if not named_here:
                figure.layout["yaxis" + str(number)].update(showticklabels=False, title_text="")
        top += height + 90
    _dress(figure, spec, body)
    return figure


def _panel(
    figure: "go.Figure",
    spec: Spec,
    panel: Panel,
    number: int,
    box: tuple[tuple[float, float], tuple[float, float]],
    side_by_side: int,
    named: set[str],
) -> None:
    across, down = box
    suffix = "" if number == 1 else str(number)
    axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    if isinstance(panel, Cells):
        assert spec.scale is not None, "cells have a scale"
        _cells(figure, panel, spec.scale, axes)
        x, y = _cell_axes(panel, side_by_side)
    else:
        for line in panel.lines:
            _zero(figure, panel, line, axes)
        if panel.marked is not None:
            upright = {"x0": panel.marked, "x1": panel.marked, "y0": 0, "y1": 1, "xref": axes["xaxis"]}
            upright |= {"yref": f"{axes['yaxis']} domain", "line": {"color": "#777777", "dash": "dot"}}
            figure.add_shape(type="line", name="marked", **upright)
        for series in panel.series:
            _series(figure, panel, series, axes, show=series.role != "faint" and series.name not in named)
            named.add(series.name)
        _labels(figure, panel, axes)
        if panel.aside:
            _aside(figure, panel, axes)
        horizontal, vertical = (panel.y, panel.x) if panel.lying else (panel.x, panel.y)
        x = _plot_axis(horizontal, side_by_side)
        y = _plot_axis(vertical, 1, turned=panel.lying)
    figure.update_layout(
        {
            f"xaxis{suffix}": x | {"domain": across, "anchor": axes["yaxis"]},
            f"yaxis{suffix}": y | {"domain": down, "anchor": axes["xaxis"]},
        }
    )
    texts = [f"<b>{escape(panel.title)}</b>"] if panel.title else []
    texts += [escape(panel.remark)] if isinstance(panel, Plot) and panel.remark else []
    if texts:
        place = {"xref": "paper", "yref": "paper", "x": across[0], "y": down[1]}
        anchor = {"xanchor": "left", "yanchor": "bottom", "showarrow": False, "align": "left"}
        figure.add_annotation(text=" · ".join(texts), name="title", **place, **anchor)


def _cells(figure: "go.Figure", panel: Cells, scale: Scale, axes: dict[str, str]) -> None:
    numbered = panel.numbers and len(panel.rows) * len(panel.columns) <= _NUMBERED
    notes = panel.notes or tuple(((),) * len(panel.columns) for _ in panel.rows)
    stops = colours(scale)
    figure.add_heatmap(
        z=[list(row) for row in panel.values],
        x=list(range(len(panel.columns))),
        y=list(range(len(panel.rows))),
        colorscale=[[at / (len(stops) - 1), colour] for at, colour in enumerate(stops)],
        coloraxis="coloraxis",
        text=[[short(value) if numbered else "" for value in row] for row in panel.values],
        texttemplate="%{text}",
        hovertext=[["<br>".join(map(escape, lines)) or "not measured" for lines in row] for row in notes],
        hovertemplate="%{hovertext}<extra></extra>",
        xgap=1,
        ygap=1,
        name=panel.title,
        **axes,
    )
    found = strokes(panel, scale, numbered)
    for colour in dict.fromkeys(colour for *_, colour in found):
        mine = [(start, end) for start, end, own in found if own == colour]
        figure.add_scatter(
            x=[place for start, end in mine for place in (start[0], end[0], None)],
            y=[place for start, end in mine for place in (start[1], end[1], None)],
            mode="lines",
            line={"color": colour, "width": 1},
            hoverinfo="skip",
            showlegend=False,
            name="strokes",
            **axes,
        )
    refs = {"xref": axes["xaxis"], "yref": axes["yaxis"]}
    for mark in panel.marks:
        box = {"x0": mark.column - 0.5, "x1": mark.column + 0.5, "y0": mark.row - 0.5, "y1": mark.row + 0.5}
        figure.add_shape(type="rect", line={"color": BLACK, "width": 2}, name="frame", **box, **refs)
        if mark.text:
            value = panel.values[mark.row][mark.column]
            figure.add_annotation(
                text=escape(mark.text),
                x=mark.column,
                y=mark.row,
                showarrow=False,
                name="mark",
                font={"size": 11, "color": BLACK if value is None else ink(value, scale)},
                **refs,
            )
    if panel.rule_after is not None:
        at = panel.rule_after - 0.5
        ends = {"x0": -0.5, "x1": len(panel.columns) - 0.5, "y0": at, "y1": at}
        figure.add_shape(type="line", line={"color": BLACK, "width": 2}, name="rule", **ends, **refs)


def _cell_axes(panel: Cells, side_by_side: int) -> tuple[dict[str, Any], dict[str, Any]]:
    plain = {"showgrid": False, "zeroline": False, "automargin": True}
    x = plain | _named(panel.columns, _LABELS // side_by_side)
    x |= {"title": {"text": escape(panel.column_title)}, **({"tickangle": -90} if panel.turned else {})}
    y = plain | _named(panel.rows, 60) | {"title": {"text": escape(panel.row_title)}}
    return x | {"range": [-0.5, len(panel.columns) - 0.5]}, y | {"range": [len(panel.rows) - 0.5, -0.5]}


def _named(labels: Sequence[str], room: int) -> dict[str, Any]:
    step = thinned(len(labels), room)
    shown = [
        at
        for at, label in enumerate(labels)
        if step == 1 or (int(label) % step == 0 if label.isdigit() else at % step == 0 and label != "emb")
    ]
    return {"tickmode": "array", "tickvals": shown, "ticktext": [escape(labels[at]) for at in shown]}


def _plot_axis(axis: Axis, side_by_side: int, turned: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {
        "title": {"text": escape(axis.title)},
        "zeroline": False,
        "gridcolor": "#eeeeee",
        "automargin": True,
    }
    if axis.log:
        made["type"] = "log"
    if axis.range:
        low, high = map(math.log10, axis.range) if axis.log else axis.range
        made["range"] = [high, low] if turned else [low, high]
    if axis.ticks:
        shown = _named([name for _, name in axis.ticks], 60 if turned else _LABELS // side_by_side)
        ticks = [axis.ticks[at] for at in shown["tickvals"]]
        made |= {"tickmode": "array", "tickvals": [place for place, _ in ticks]}
        made["ticktext"] = [escape(name) for _, name in ticks]
    return made


def _series(figure: "go.Figure", panel: Plot, series: Series, axes: dict[str, str], show: bool) -> None:
    colour = colour_of(series)
    about = {"name": escape(series.name), "legendgroup": series.name, "showlegend": show}
    hover = ["<br>".join(map(escape, lines)) for lines in series.notes] or None
    if series.look == "bars":
        figure.add_bar(
            x=series.y,
            y=series.x,
            orientation="h",
            width=0.7,
            marker_color=colour,
            error_x=_whiskers(series),
            hovertext=hover,
            **about,
            **axes,
        )
        return
    if series.look == "estimates":
        _estimates(figure, panel, series, about, axes)
        return
    if series.low and series.high:
        _band(figure, series, colour, about, axes)
    if series.look == "area":
        return
    points = series.look in SCATTERED
    marked = points or (len(series.x) <= 24 and series.role not in ("faint", "reference"))
    figure.add_scatter(
        x=series.x,
        y=series.y,
        mode="markers" if points else "lines+markers" if marked else "lines",
        line={"color": colour, "dash": _DASHES[dash_of(series)], "width": 1 if series.role == "faint" else 2},
        marker={
            "color": colour,
            "symbol": SYMBOLS[marker_of(series)],
            **_SIZES.get(series.look, {"size": 7}),
        },
        opacity=0.5 if series.role == "faint" or series.look == "cloud" else 1,
        hovertext=hover,
        **about,
        **axes,
    )


def _band(
    figure: "go.Figure", series: Series, colour: str, about: dict[str, Any], axes: dict[str, str]
) -> None:
    """The band between two edges: around the values, or of an area the whole of it."""
    whole = series.look == "area"
    both = [
        (x, low, high)
        for x, low, high in zip(series.x, series.low, series.high, strict=True)
        if low is not None and high is not None
    ]
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    figure.add_scatter(
        x=[x for x, _, _ in both] + [x for x, _, _ in reversed(both)],
        y=[low for _, low, _ in both] + [high for _, _, high in reversed(both)],
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},{1 if whole else 0.18})",
        mode="lines",
        line={"width": 0},
        hoverinfo="skip",
        meta="area" if whole else "band",
        **(about if whole else about | {"showlegend": False}),
        **axes,
    )


def _whiskers(series: Series, **look: Any) -> dict[str, Any] | None:
    """The intervals of a series; None where it has none."""
    if not series.low or not series.high:
        return None
    above = [_less(high, y) for high, y in zip(series.high, series.y, strict=True)]
    below = [_less(y, low) for y, low in zip(series.y, series.low, strict=True)]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **look}


def _less(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _zero(figure: "go.Figure", panel: Plot, value: float, axes: dict[str, str]) -> None:
    low, high = panel.y.range or (-math.inf, math.inf)
    if not low <= value <= high:
        return
    here, along = ("x", "y") if panel.lying else ("y", "x")
    place = {f"{here}0": value, f"{here}1": value, f"{here}ref": axes[f"{here}axis"]}
    place |= {f"{along}0": 0, f"{along}1": 1, f"{along}ref": f"{axes[f'{along}axis']} domain"}
    figure.add_shape(type="line", line={"color": "#aaaaaa", "width": 1}, layer="below", name="zero", **place)


def _side_by_side(spec: Spec) -> int:
    panels = spec.panels
    widest = max((len(panel.columns) for panel in panels if isinstance(panel, Cells)), default=0)
    most = 3 if widest <= 12 else 2 if widest <= 34 else 1
    if spec.together > 1:
        most = spec.together
    names = [name for panel in panels for name in _row_names(panel)]
    if not same_rows(panels) and any(len(name) > 5 for name in names):
        most = 1  # long names between panels would lie on the panel before
    return balanced(len(panels), most, spec.together)


def _row_names(panel: Panel) -> Sequence[str]:
    if isinstance(panel, Cells):
        return panel.rows
    return [name for _, name in panel.x.ticks] if panel.lying else ()


def _height(panel: Panel) -> float:
    if isinstance(panel, Cells):
        return 320 if panel.square else max(40, len(panel.rows) * (30 if len(panel.rows) <= 12 else 16))
    return max(60, len(panel.x.ticks) * 26) if panel.lying else 240


def _dress(figure: "go.Figure", spec: Spec, body: float) -> None:
    """Title, footer, legend, scale."""
    # Below the panels the names of columns, the footer, and the legend.
    turned = [len(name) for p in spec.panels if isinstance(p, Cells) and p.turned for name in p.columns]
    upright = 7 * max(turned, default=0)
    footer = wrapped(spec.footer)
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
        plot_bgcolor=UNMEASURED if spec.scale else "#ffffff",
        height=body + 110 + below,
        margin={"l": 20, "r": 20, "t": 110, "b": below},
        legend={"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom"},
        barmode="overlay",
    )
    if spec.scale is not None:
        stops = colours(spec.scale)
        bar = {"title": {"text": escape(spec.scale.title), "side": "right"}, "thickness": 14}
        figure.update_layout(
            coloraxis={
                "cmin": spec.scale.low,
                "cmax": spec.scale.high,
                "colorscale": [[at / (len(stops) - 1), colour] for at, colour in enumerate(stops)],
                "colorbar": bar,
            }
        )
    if spec.footer:
        figure.add_annotation(
            text=footer,
            name="footer",
            xref="paper",
            yref="paper",
            x=0,
            y=0,
            yshift=-70 - upright,
            xanchor="left",
            yanchor="top",
            showarrow=False,
            align="left",
            font={"size": 11, "color": "#555555"},
        )


SYMBOLS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down"} | {
    "P": "cross",
    "X": "x",
    "<": "triangle-left",
}
"""Markers by matplotlib's letters."""
_PANEL = (360.0, 240.0)
"""Labels are placed for a panel of so many dots; on a wider screen they only stand further apart."""
_LETTER, _LINE, _MARK = 7.0, 13.0, 9.0


def _estimates(
    figure: "go.Figure", panel: Plot, series: Series, about: dict[str, Any], axes: dict[str, str]
) -> None:
    """One series of one panel."""
    value, place = ("x", "y") if panel.lying else ("y", "x")
    symbol, hollow = SYMBOLS[marker_of(series)], series.hollow or (False,) * len(series.x)
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
        **{f"error_{value}": _whiskers(series, width=0, thickness=1.5)},
        **about,
        **axes,
    )


def _labels(figure: "go.Figure", panel: Plot, axes: dict[str, str]) -> None:
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


def _aside(figure: "go.Figure", panel: Plot, axes: dict[str, str]) -> None:
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
