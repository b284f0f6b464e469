"""Figures from tables: `spec` says what is shown, `interactive` draws it for the browser."""

from workbench.figures.interactive import draw_heatmap, to_page
from workbench.figures.spec import Heatmap, gain_heatmap

__all__ = ["Heatmap", "draw_heatmap", "gain_heatmap", "to_page"]
