"""Canonical correlations as a map: what both languages vary in together, and no more."""

from typing import Self

from jaxtyping import Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner
from workbench.align.base import check_pairs
from workbench.align.canonical import canonical, check_count, check_penalty, relative
from workbench.align.spectrum import centered, row_mean, spectrum


class CCA(LinearAligner):
    """The k pairs of directions of largest correlation; x ↦ ȳ + Σ ρ_i z_i(x) r_i.

    z_i are the source's canonical coordinates, ρ_i their correlations with the target's, by which each
    predicts its partner, and r_i takes the partner back to target dimensions. Both covariances are
    regularised by λ = penalty · ‖X‖² / min(n, d), since below n = d every correlation is else 1. With all
    directions this is `Ridge` of the same penalty. `correlations_` are those of the fitting rows.
    """

    def __init__(self, k: int = 64, penalty: float = 0.1):
        self.k = k
        self.penalty = penalty

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Learn the directions of both sides."""
        check_pairs(X, Y, at_least=2)
        check_count("k", self.k)
        check_penalty(self.penalty)
        X, Y = X.double(), Y.double()
        x_mean, y_mean, X, Y = row_mean(X), row_mean(Y), centered(X), centered(Y)
        x_lambda, y_lambda = relative(self.penalty, X), relative(self.penalty, Y)
        x, y = spectrum(X, True, x_lambda), spectrum(Y, True, y_lambda)
        found = canonical(x, y, self.k, x_lambda, y_lambda)
        right = found.correlations[:, None] * found.right
        self.map_ = Affine.of(found.left, right, y_mean - (x_mean @ found.left) @ right)
        self.correlations_ = found.correlations
        self.rank_, self.n_ = len(found.correlations), len(X)
        return self
