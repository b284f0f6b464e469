"""`plot`: the interactive figure of a run, or of tables, by the name of its kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.core.errors import InputError
from workbench.figures.frames import join_runs
from workbench.figures.interactive import draw_interactive
from workbench.figures.kinds import FIGURES, find_kind, make_spec
from workbench.results import Run, open_run

if TYPE_CHECKING:
    import plotly.graph_objects as go

_ALSO = {"aligners": "methods"}
"""What a kind is called in tables: the rows of `methods` are aligners."""


def plot(run_or_table: Any, kind: str) -> "go.Figure":
    """The interactive figure of a kind (`FIGURES`), to be shown in a notebook or written by plotly.

    It is made from a run or its folder, from tables by name (`result.tables`), or from one table where the
    kind needs no other.
    """
    name = kind if kind in FIGURES else _ALSO.get(kind, kind)
    needs = find_kind(name).needs
    shown = run_or_table
    if isinstance(shown, str | Path):
        shown = open_run(shown)
    if isinstance(shown, Run):
        tables = join_runs(shown)
        return draw_interactive(make_spec(name, tables.frames, tables.cautions))
    if isinstance(shown, pd.DataFrame):
        if len(needs) > 1:
            raise InputError(f"figure {kind} needs the tables {' and '.join(needs)}: give them by name")
        shown = {needs[0]: shown}
    shown = getattr(shown, "tables", shown)
    if not isinstance(shown, Mapping):
        raise InputError(
            f"a figure is made from a run, its folder or its tables, not from a {type(shown).__name__}: "
            'plot(open_run("runs/demo"), "layers")'
        )
    return draw_interactive(make_spec(name, shown))
