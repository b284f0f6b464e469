"""Regularised least squares, its strength chosen by leave-one-out error."""

from collections.abc import Sequence
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.base import Params, affine, check_fitted, check_pairs, check_width
from workbench.align.solvers import solve_ridge
from workbench.errors import InputError

PENALTIES = (1e-4, 3.16e-4, 1e-3, 3.16e-3, 1e-2, 3.16e-2, 0.1, 0.316, 1.0, 3.16, 10.0, 31.6, 100.0)
"""Strengths relative to the mean squared singular value of X, two per decade."""


class Ridge(Params):
    """argmin_W ‖X W + b − Y‖² + λ ‖W‖², b free (b = 0 without `center`); λ of least leave-one-out error.

    `penalties` is one strength or several to choose from, in units of ‖X‖² / min(n, d) (X centred unless
    told otherwise), so that a strength means the same at every scale. The choice sees fitting rows only.
    Where `at_edge_` is true the best strength may lie outside the grid: at the low end the data hardly
    need a penalty, at the high end they support hardly more than the mean.
    """

    def __init__(self, penalties: float | Sequence[float] = PENALTIES, center: bool = True):
        self.penalties = penalties
        self.center = center

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Choose λ; learn W (and b)."""
        check_pairs(X, Y)
        if len(X) < 2:
            raise InputError("ridge chooses its strength by leaving one sentence out: give at least 2")
        grid = _grid(self.penalties)
        solution = solve_ridge(X, Y, grid, self.center)
        self.weight_, self.bias_ = solution.weight, solution.bias
        self.penalty_, self.lambda_ = solution.penalty, solution.lambda_
        self.loo_errors_ = solution.loo_errors
        low, high = float(grid.min()), float(grid.max())
        self.at_edge_ = low < high and self.penalty_ in (low, high)
        self.n_ = len(X)
        return self

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """X W + b."""
        check_fitted(self, "weight_")
        check_width(X, self.weight_.shape[0])
        return affine(X, self.weight_, self.bias_)


def _grid(penalties: float | Sequence[float]) -> Float[Tensor, " penalty"]:
    try:
        grid = torch.as_tensor(penalties, dtype=torch.float64).flatten()
    except (TypeError, ValueError, RuntimeError):
        grid = torch.empty(0)
    if len(grid) == 0 or not (torch.isfinite(grid) & (grid > 0)).all():
        raise InputError(
            f"penalties must be a number above 0 or several, but {penalties!r} was given; "
            "LeastSquares has no penalty"
        )
    return grid
