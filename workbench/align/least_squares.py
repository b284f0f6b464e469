"""Unregularised least squares: the estimator of INCLINE."""

from typing import Self

from jaxtyping import Float
from torch import Tensor

from workbench.align.base import Params, affine, check_fitted, check_pairs, check_width
from workbench.align.solvers import solve_least_squares


class LeastSquares(Params):
    """argmin_W ‖X W − Y‖², the W of least norm; with `center`, on X − x̄ and Y − ȳ, and b = ȳ − x̄ W.

    With `center=False` (as INCLINE has it) the map goes through the origin. Near n = d it follows the
    noise, and below it passes through every pair: read `rank_`, `condition_` and held-out fit.
    """

    def __init__(self, center: bool = False):
        self.center = center

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Learn W (and b)."""
        check_pairs(X, Y)
        X, Y = X.double(), Y.double()
        x_mean, y_mean = X.mean(0), Y.mean(0)
        solution = solve_least_squares(X - x_mean, Y - y_mean) if self.center else solve_least_squares(X, Y)
        self.weight_ = solution.weight
        self.bias_ = y_mean - x_mean @ solution.weight if self.center else None
        self.rank_, self.condition_, self.n_ = solution.rank, solution.condition, len(X)
        return self

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """X W + b."""
        check_fitted(self, "weight_")
        check_width(X, self.weight_.shape[0])
        return affine(X, self.weight_, self.bias_)
