"""A panel to explore a study in a notebook, from its folder alone: layers, methods, items and sentences.

The room stands above the study: a study hands over its folder. It needs neither torch nor a model; the
widgets (ipywidgets, anywidget) are imported when a panel is built.
"""

from pathlib import Path

from workbench.panel.views import StudyView, read_views
from workbench.panel.widgets import Panel

__all__ = ["Panel", "StudyView", "explore", "read_views"]


def explore(folder: str | Path, *more: str | Path) -> Panel:
    """The panel of a folder that `workbench diagnose` or `demo` wrote, of one pair and task or of many.

    `more` are folders with tables that the first lacks, such as `grid` of `workbench measure --grid`.
    """
    return Panel(read_views(folder, *more))
