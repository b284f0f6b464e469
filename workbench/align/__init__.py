"""Aligners: maps from one language's states to another's, and controls under the same contract."""

from workbench.align.base import Aligner
from workbench.align.identity import Identity
from workbench.align.layers import LayerMaps, fit_layers
from workbench.align.least_squares import LeastSquares
from workbench.align.mean_shift import MeanShift
from workbench.align.shuffled import ShuffledPairs
from workbench.align.solvers import r_squared, solve_least_squares

ALIGNERS: dict[str, type] = {
    "least_squares": LeastSquares,
    "mean_shift": MeanShift,
}
"""Methods, by the name that tables and the command line use."""

CONTROLS: dict[str, type] = {
    "identity": Identity,
    "shuffled_pairs": ShuffledPairs,
}
"""Controls, under the same contract; `ShuffledPairs` wraps the method it controls for."""

__all__ = [
    "ALIGNERS",
    "CONTROLS",
    "Aligner",
    "Identity",
    "LayerMaps",
    "LeastSquares",
    "MeanShift",
    "ShuffledPairs",
    "fit_layers",
    "r_squared",
    "solve_least_squares",
]
