"""A figure as a page of its own, and as a live widget of a notebook, which tells where it is clicked.

plotly's own FigureWidget sends all of plotly.js with every figure: on a slow machine figures stay empty or as
they were. Here one figure carries it for all.
"""

from collections.abc import Callable
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import InputError

if TYPE_CHECKING:
    import plotly.graph_objects as go

Clicked = Callable[[float, float], None]
"""Gets the x and y of what was clicked, in the units of the axes."""
HERE = "here"
"""Name of the frame that shows which layer is looked at."""
_INK = "#d4145a"


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


def live(figure: "go.Figure", clicked: Clicked | None = None, carries: bool = False) -> Any:
    """The figure as a widget. One of those that are shown together `carries` the drawing code."""
    code = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8") if carries else ""
    widget = _widget()(figure=figure.to_json(), code=code)
    if clicked is not None:
        widget.observe(lambda change: clicked(*change["new"][:2]), names="clicked")
    return widget


@cache
def _widget() -> Any:
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise InputError("a live figure needs anywidget: pip install 'alignment-workbench[lab]'") from error

    class Live(anywidget.AnyWidget):
        """The widget: a figure as JSON, and the last click on it."""

        _esm = Path(__file__).with_name("live.js").read_text(encoding="utf-8")
        code = traitlets.Unicode("").tag(sync=True)
        figure = traitlets.Unicode("").tag(sync=True)
        clicked: Any = traitlets.List().tag(sync=True)

    return Live


def tighten(figure: "go.Figure", height: int, legend: bool = False) -> "go.Figure":
    """The same figure in less room, for a place among other widgets; it is as wide as that."""
    if len({axis.domain for axis in figure.select_yaxes()}) == 1:
        # Panels in one row need no room below for others; above, only titles of their own.
        top = 0.92 if any(note.name == "title" for note in figure.layout.annotations) else 1.0
        figure.update_yaxes(domain=[0, top])
        figure.update_annotations(y=top, selector={"name": "title"})
    title = figure.layout.title
    figure.update_layout(
        height=height,
        showlegend=legend,
        margin={"l": 20, "r": 20, "t": 66, "b": 84 if legend else 20},
        # Plotly keeps the first subtitle of a figure that is drawn anew, so that it goes into the title.
        title={
            "text": f'{title.text}<br><span style="font-size: 11px">{title.subtitle.text or ""}</span>',
            "subtitle": {"text": ""},
            "font": {"size": 14},
            "y": 1,
            "pad": {"t": 16},
            "yanchor": "top",
            "yref": "container",
        },
        hovermode="closest",
    )
    return figure


def point_at(figure: "go.Figure", column: float) -> None:
    """Move the frame to a column of the figure; the first call makes it."""
    ends = {"x0": column - 0.5, "x1": column + 0.5}
    if any(shape.name == HERE for shape in figure.layout.shapes):
        figure.update_shapes(ends, selector={"name": HERE})
    else:
        line = {"color": _INK, "width": 2, "dash": "dot"}
        figure.add_shape(type="rect", name=HERE, yref="y domain", y0=0, y1=1, line=line, **ends)
