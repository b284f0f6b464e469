"""Figures from tables: a description says what is shown; it is drawn for the browser or for paper.

`FIGURES` are the kinds; `make_spec` describes one from the tables of `join_runs`; `draw_interactive` draws a
description with plotly, `draw_paper` with matplotlib (loaded when asked for). `plot` does all in one call.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from workbench.figures.frames import NothingToShow, join_runs
from workbench.figures.interactive import draw_interactive, plot, to_page
from workbench.figures.kinds import FIGURES, Kind, find_kind, lacking, make_spec, with_notes
from workbench.figures.kinds.sweep import configurations, headlines
from workbench.figures.look import Preset, preset
from workbench.figures.spec import Axis, Cells, Plot, Scale, Series, Spec
from workbench.figures.tables_out import to_latex, to_markdown

if TYPE_CHECKING:
    from workbench.figures.paper import draw_paper, save_paper
    from workbench.figures.writing import write_figures

__all__ = [
    "FIGURES",
    "Axis",
    "Cells",
    "Kind",
    "NothingToShow",
    "Plot",
    "Preset",
    "Scale",
    "Series",
    "Spec",
    "configurations",
    "draw_interactive",
    "draw_paper",
    "find_kind",
    "headlines",
    "join_runs",
    "lacking",
    "make_spec",
    "plot",
    "preset",
    "save_paper",
    "to_latex",
    "to_markdown",
    "to_page",
    "with_notes",
    "write_figures",
]

# What draws for paper loads matplotlib, so it is imported on first use.
_ON_PAPER = {
    "draw_paper": "workbench.figures.paper",
    "save_paper": "workbench.figures.paper",
    "write_figures": "workbench.figures.writing",
}


def __getattr__(name: str) -> object:
    """Import what draws for paper the first time it is asked for."""
    if name not in _ON_PAPER:
        raise AttributeError(f"module 'workbench.figures' has no attribute {name!r}")
    return getattr(import_module(_ON_PAPER[name]), name)
