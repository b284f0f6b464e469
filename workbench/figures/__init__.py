"""Figures from tables: a description says what is shown; it is drawn for the browser or for paper.

`FIGURES` are the kinds; `make_spec` describes one from the tables of `join_runs`; `draw_interactive` draws a
description with plotly, `workbench.figures.paper.draw_paper` with matplotlib (loaded only when asked for).
"""

from workbench.figures.frames import NothingToShow, RunTables, join_runs
from workbench.figures.interactive import draw_interactive
from workbench.figures.kinds import FIGURES, Kind, find_kind, lacking, make_spec, with_notes
from workbench.figures.kinds.sweep import branches, headlines
from workbench.figures.live import to_page
from workbench.figures.spec import Axis, Cells, Mark, Plot, Scale, Series, Spec
from workbench.figures.tables_out import to_latex, to_markdown

__all__ = [
    "FIGURES",
    "Axis",
    "Cells",
    "Kind",
    "Mark",
    "NothingToShow",
    "Plot",
    "RunTables",
    "Scale",
    "Series",
    "Spec",
    "branches",
    "draw_interactive",
    "find_kind",
    "headlines",
    "join_runs",
    "lacking",
    "make_spec",
    "to_latex",
    "to_markdown",
    "to_page",
    "with_notes",
]
