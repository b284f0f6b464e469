"""Aligners: maps from one language's states to another's, and controls under the same contract."""

from workbench.align.base import Aligner
from workbench.align.identity import Identity
from workbench.align.layers import LayerMaps, fit_layers
from workbench.align.least_squares import LeastSquares
from workbench.align.mean_shift import MeanShift
from workbench.align.random_equal_norm import RandomEqualNorm
from workbench.align.random_rotation import RandomRotation
from workbench.align.ridge import Ridge
from workbench.align.shuffled import ShuffledPairs
from workbench.align.solvers import r_squared, solve_least_squares, solve_ridge

ALIGNERS: dict[str, type] = {
    "ridge": Ridge,
    "least_squares": LeastSquares,
    "mean_shift": MeanShift,
}
"""Methods, by the name that tables and the command line use."""

CONTROLS: dict[str, type] = {
    "identity": Identity,
    "random_rotation": RandomRotation,
    "shuffled_pairs": ShuffledPairs,
    "random_equal_norm": RandomEqualNorm,
}
"""Controls, under the same contract; the last two wrap the method they control for."""

__all__ = [
    "ALIGNERS",
    "CONTROLS",
    "Aligner",
    "Identity",
    "LayerMaps",
    "LeastSquares",
    "MeanShift",
    "RandomEqualNorm",
    "RandomRotation",
    "Ridge",
    "ShuffledPairs",
    "fit_layers",
    "r_squared",
    "solve_least_squares",
    "solve_ridge",
]
