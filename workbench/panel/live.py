"""Widgets that tell where they are clicked: a figure, and a list of buttons.

plotly's own FigureWidget sends all of plotly.js with every figure: on a slow machine figures stay empty or as
they were. Here one figure carries it for all.
"""

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from workbench.core.errors import InputError


class Click(NamedTuple):
    """A point of a figure that was clicked, in the units of its axes."""

    axis: str
    """plotly's name of the y-axis, which tells panels of one column apart."""
    name: str
    """Name of the curve or cloud."""
    x: float
    y: float
    number: Any
    """Number of the point in its curve or cloud."""


def live(figure: Any, clicked: Callable[[Click], None] | None = None, carries: bool = False) -> Any:
    """A plotly figure as a widget. One of those that are shown together `carries` the drawing code."""
    code = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8") if carries else ""
    widget = _widgets()["figure"](figure=figure.to_json(), code=code)
    if clicked is not None:
        widget.observe(lambda change: clicked(Click(*change["new"][:5])), names="clicked")
    return widget


def listing(clicked: Callable[[str], None]) -> Any:
    """HTML whose buttons with `data-entry` tell when they are clicked."""
    widget = _widgets()["list"]()
    widget.observe(lambda change: clicked(str(change["new"][0])), names="clicked")
    return widget


@cache
def _widgets() -> dict[str, Any]:
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise InputError("a live figure needs anywidget: pip install 'alignment-workbench[lab]'") from error

    def code_of(name: str) -> str:
        return Path(__file__).with_name(name).read_text(encoding="utf-8")

    class Figure(anywidget.AnyWidget):
        """A figure as JSON, and the last click on it."""

        _esm = code_of("live.js")
        code = traitlets.Unicode("").tag(sync=True)
        figure = traitlets.Unicode("").tag(sync=True)
        clicked: Any = traitlets.List().tag(sync=True)

    class Listing(anywidget.AnyWidget):
        """HTML with buttons, and the last one that was clicked."""

        _esm = code_of("list.js")
        html = traitlets.Unicode("").tag(sync=True)
        clicked: Any = traitlets.List().tag(sync=True)

    return {"figure": Figure, "list": Listing}
