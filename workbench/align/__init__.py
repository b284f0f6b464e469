"""Aligners: maps from one language's states to another's, and controls under the same contract."""

from workbench.align.adaptive import Adaptive
from workbench.align.affine import Affine
from workbench.align.base import Aligner, Regressor
from workbench.align.cca import CCA
from workbench.align.discriminant import discriminant_directions
from workbench.align.export import export, restore
from workbench.align.facts import FitFacts, fit_facts
from workbench.align.given import Given
from workbench.align.grid import MapGrid, fit_grid, score_grid
from workbench.align.identity import Identity
from workbench.align.kernel_ridge import KernelRidge
from workbench.align.layers import LayerMaps, fit_layers
from workbench.align.least_squares import LeastSquares
from workbench.align.low_rank import LowRank
from workbench.align.masked import Masked
from workbench.align.mean_shift import MeanShift
from workbench.align.procrustes import Procrustes
from workbench.align.random_equal_norm import RandomEqualNorm
from workbench.align.random_rotation import RandomRotation
from workbench.align.refit import CurvePoint, Refits, Spread, learning_curve, refit
from workbench.align.residual_mlp import ResidualMLP
from workbench.align.ridge import Ridge
from workbench.align.self_learning import SelfLearning
from workbench.align.shortcut import ShortcutEntry, ShortcutExit
from workbench.align.shuffled import ShuffledPairs
from workbench.align.solvers import r_squared, solve_least_squares, solve_ridge
from workbench.align.svcca import SVCCA
from workbench.align.turned import Turned
from workbench.align.whitened import Whitened
from workbench.align.wrong_language import WrongLanguage

ALIGNERS: dict[str, type] = {
    "ridge": Ridge,
    "least_squares": LeastSquares,
    "mean_shift": MeanShift,
    "procrustes": Procrustes,
    "low_rank": LowRank,
    "cca": CCA,
    "svcca": SVCCA,
    "whitened": Whitened,
}
"""Methods, by the name that tables and the command line use."""

CONTROLS: dict[str, type] = {
    "identity": Identity,
    "random_rotation": RandomRotation,
    "shuffled_pairs": ShuffledPairs,
    "random_equal_norm": RandomEqualNorm,
}
"""Controls, under the same contract; the last two wrap the method they control for.

`WrongLanguage` and `Turned` are two more, which need another language's states or a fitted map, so that they
cannot be made from their names.
"""

__all__ = [
    "ALIGNERS",
    "CCA",
    "CONTROLS",
    "SVCCA",
    "Adaptive",
    "Affine",
    "Aligner",
    "CurvePoint",
    "FitFacts",
    "Given",
    "Identity",
    "KernelRidge",
    "LayerMaps",
    "LeastSquares",
    "LowRank",
    "MapGrid",
    "Masked",
    "MeanShift",
    "Procrustes",
    "RandomEqualNorm",
    "RandomRotation",
    "Refits",
    "Regressor",
    "ResidualMLP",
    "Ridge",
    "SelfLearning",
    "ShortcutEntry",
    "ShortcutExit",
    "ShuffledPairs",
    "Spread",
    "Turned",
    "Whitened",
    "WrongLanguage",
    "discriminant_directions",
    "export",
    "fit_facts",
    "fit_grid",
    "fit_layers",
    "learning_curve",
    "r_squared",
    "refit",
    "restore",
    "score_grid",
    "solve_least_squares",
    "solve_ridge",
]
