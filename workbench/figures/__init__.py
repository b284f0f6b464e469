"""Figures from tables: a description says what is shown; it is drawn for the browser or for paper.

`FIGURES` are the kinds; `make_spec` describes one from the tables of `join_runs`; `draw_interactive` draws a
description with plotly, `workbench.figures.paper.draw_paper` with matplotlib (loaded only when asked for).
"""

from workbench.figures.frames import NothingToShow, RunTables, join_runs
from workbench.figures.gains import Heatmap, draw_heatmap, gain_heatmap
from workbench.figures.interactive import draw_interactive
from workbench.figures.kinds import FIGURES, Kind, find_kind, lacking, make_spec
from workbench.figures.live import to_page
from workbench.figures.spec import Axis, Cells, Mark, Plot, Scale, Series, Spec
from workbench.figures.tables_out import to_latex, to_markdown

__all__ = [
    "FIGURES",
    "Axis",
    "Cells",
    "Heatmap",
    "Kind",
    "Mark",
    "NothingToShow",
    "Plot",
    "RunTables",
    "Scale",
    "Series",
    "Spec",
    "draw_heatmap",
    "draw_interactive",
    "find_kind",
    "gain_heatmap",
    "join_runs",
    "lacking",
    "make_spec",
    "to_latex",
    "to_markdown",
    "to_page",
]
