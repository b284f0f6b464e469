"""Aligners: maps from one language's states to another's, and controls under the same contract."""

from workbench.align.base import Affine, Aligner, Estimator, LinearAligner, Params, export, restore
from workbench.align.controls import (
    Identity,
    RandomEqualNorm,
    RandomRotation,
    ShuffledPairs,
    Turned,
    WrongLanguage,
)
from workbench.align.layers import (
    LayerMaps,
    fit_facts,
    fit_layers,
    learning_curve,
    refit,
    score_grid,
)
from workbench.align.linear import (
    CCA,
    SVCCA,
    Given,
    LeastSquares,
    LowRank,
    Masked,
    MeanShift,
    Procrustes,
    Ridge,
    Whitened,
)
from workbench.align.nonlinear import (
    Adaptive,
    KernelRidge,
    ResidualMLP,
    SelfLearning,
    ShortcutEntry,
    ShortcutExit,
)
from workbench.align.solvers import discriminant_directions, r_squared, solve_least_squares, solve_ridge
from workbench.core.bundled import Registry

ALIGNERS: Registry[type] = Registry(
    "aligners",
    {
        "ridge": Ridge,
        "least_squares": LeastSquares,
        "mean_shift": MeanShift,
        "procrustes": Procrustes,
        "low_rank": LowRank,
        "cca": CCA,
        "svcca": SVCCA,
        "whitened": Whitened,
    },
)
"""Methods, by the name that tables and the command line use."""

CONTROLS: Registry[type] = Registry(
    "controls",
    {
        "identity": Identity,
        "random_rotation": RandomRotation,
        "shuffled_pairs": ShuffledPairs,
        "random_equal_norm": RandomEqualNorm,
    },
)
"""Controls, under the same contract; the last two wrap the aligner they control for.

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
    "Estimator",
    "Given",
    "Identity",
    "KernelRidge",
    "LayerMaps",
    "LeastSquares",
    "LinearAligner",
    "LowRank",
    "Masked",
    "MeanShift",
    "Params",
    "Procrustes",
    "RandomEqualNorm",
    "RandomRotation",
    "ResidualMLP",
    "Ridge",
    "SelfLearning",
    "ShortcutEntry",
    "ShortcutExit",
    "ShuffledPairs",
    "Turned",
    "Whitened",
    "WrongLanguage",
    "discriminant_directions",
    "export",
    "fit_facts",
    "fit_layers",
    "learning_curve",
    "r_squared",
    "refit",
    "restore",
    "score_grid",
    "solve_least_squares",
    "solve_ridge",
]
