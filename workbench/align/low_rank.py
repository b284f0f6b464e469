"""Reduced-rank regression: a map through few directions."""

from collections.abc import Sequence
from typing import Self

from jaxtyping import Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner
from workbench.align.base import check_pairs
from workbench.align.canonical import check_count
from workbench.align.solvers import PENALTIES, RidgeSystem, penalty_grid, solve_least_squares
from workbench.align.spectrum import leading, row_mean


class LowRank(LinearAligner):
    """argmin_W ‖X W + b − Y‖² + λ ‖W‖² over all W of rank ≤ `rank`, b free.

    That is W_λ T Tᵀ, W_λ the ridge solution and T the leading right singular vectors of its fitted values
    (of [X; √λ I] W_λ). λ is the one of least leave-one-out error for the map of full rank, among
    `penalties` in `Ridge`'s units; `penalties=None` leaves λ = 0. `rank_` is smaller than `rank` where
    the pairs support no more.
    """

    def __init__(self, rank: int = 64, penalties: float | Sequence[float] | None = PENALTIES):
        self.rank = rank
        self.penalties = penalties

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Choose λ; learn W and b."""
        check_pairs(X, Y, at_least=2)
        check_count("rank", self.rank)
        X, Y = X.double(), Y.double()
        if self.penalties is None:
            plain = solve_least_squares(X, Y, center=True)
            V, B, gains = plain.left, plain.right, plain.singular
            self.condition_ = plain.condition
        else:
            full = RidgeSystem(X, penalty_grid(self.penalties)).solve(Y)
            V, B, gains = full.left, full.right, full.gains
            self.penalty_, self.lambda_, self.condition_ = full.penalty, full.lambda_, full.condition
        T = leading(gains[:, None] * B, self.rank)
        left = V @ (B @ T)
        self.map_ = Affine.of(left, T.mT, row_mean(Y) - (row_mean(X) @ left) @ T.mT)
        self.unregularized_ = self.penalties is None
        self.rank_, self.n_ = T.shape[1], len(X)
        return self
