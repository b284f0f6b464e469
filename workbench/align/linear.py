"""Linear maps from source to target states: least squares, ridge, low rank, a shift of means, maps given."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Self

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner
from workbench.align.base import Params, check_pairs, check_rows, fresh
from workbench.align.solvers import (
    PENALTIES,
    LeastSquaresSystem,
    RidgeSolution,
    RidgeSystem,
    check_count,
    leading,
    penalty_grid,
    row_mean,
    solve_least_squares,
)
from workbench.core.errors import InputError

# Unregularised least squares: the estimator of INCLINE.


class LeastSquares(LinearAligner):
    """argmin_W ‖X W − Y‖², the W of least norm; with `center`, on X − x̄ and Y − ȳ, and b = ȳ − x̄ W.

    With `center=False` (as INCLINE has it) the map goes through the origin. Near n = d it follows the
    noise, and below it passes through every pair: read `rank_`, `condition_` and held-out fit.
    """

    def __init__(self, center: bool = False):
        self.center = center

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Learn W (and b)."""
        X, Y = check_pairs(X, Y)
        return self._learn(LeastSquaresSystem(X, self.center), Y)

    def fit_targets(self, X: Float[Tensor, "sent d_source"], targets: Iterable[Tensor]) -> Iterator[Self]:
        """A fitted copy for each target in turn, from one decomposition of X."""
        system = None
        for Y in targets:
            X, Y = check_pairs(X, Y)
            system = system or LeastSquaresSystem(X, self.center)
            yield fresh(self)._learn(system, Y)

    def _learn(self, system: LeastSquaresSystem, Y: Tensor) -> Self:
        solution = system.solve(Y)
        self.map_ = Affine.of(solution.left, solution.right, system.bias(solution, Y))
        self.rank_, self.condition_, self.n_ = solution.rank, solution.condition, len(Y)
        self.unregularized_ = True
        return self


# Regularised least squares, its strength chosen by leave-one-out error.


class Ridge(LinearAligner):
    """argmin_W ‖X W + b − Y‖² + λ ‖W‖², b free (b = 0 without `center`); λ of least leave-one-out error.

    `penalties` is one strength or several to choose from, in units of ‖X‖² / min(n, d) (X centred unless
    told otherwise), so that a strength means the same at every scale. The choice sees fitting rows only.
    Where `at_edge_` is true the best strength may lie outside the grid: at the low end the data hardly
    need a penalty, at the high end they support hardly more than the mean. `condition_` is that of the
    regularised problem, [X; √λ I].
    """

    def __init__(self, penalties: float | Sequence[float] = PENALTIES, center: bool = True):
        self.penalties = penalties
        self.center = center

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Choose λ; learn W (and b)."""
        X, Y = check_pairs(X, Y, at_least=2)
        return self._learn(RidgeSystem(X, penalty_grid(self.penalties), self.center).solve(Y), len(X))

    def fit_targets(self, X: Float[Tensor, "sent d_source"], targets: Iterable[Tensor]) -> Iterator[Self]:
        """A fitted copy for each target in turn, from one decomposition of X."""
        system = None
        for Y in targets:
            X, Y = check_pairs(X, Y, at_least=2)
            system = system or RidgeSystem(X, penalty_grid(self.penalties), self.center)
            yield fresh(self)._learn(system.solve(Y), len(X))

    def _learn(self, solution: RidgeSolution, n: int) -> Self:
        self.map_ = Affine.of(solution.left, solution.right, solution.bias)
        self.penalty_, self.lambda_ = solution.penalty, solution.lambda_
        self.loo_errors_ = solution.loo_errors
        grid = penalty_grid(self.penalties)
        low, high = float(grid.min()), float(grid.max())
        self.at_edge_ = low < high and self.penalty_ in (low, high)
        self.rank_, self.condition_, self.n_ = solution.rank, solution.condition, n
        return self


# Reduced-rank regression: a map through few directions.


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
        X, Y = check_pairs(X, Y, at_least=2)
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


# The difference of the languages' means: the simplest map that does something.


class MeanShift(LinearAligner):
    """argmin_b ‖X + b − Y‖², that is b = ȳ − x̄ (W is the identity).

    It needs no pairs, only two sets of sentences: what it gains is owed to where the languages lie, not
    to which sentence means what.
    """

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Learn b."""
        X, Y = check_pairs(X, Y)
        if X.shape != Y.shape:
            raise InputError(f"MeanShift needs equal widths; {X.shape[1]} and {Y.shape[1]} given")
        self.map_ = Affine((), row_mean(Y.double()) - row_mean(X.double()), skip=1.0)
        self.n_ = len(X)
        return self


# A map that was made elsewhere, not fitted on pairs, under the same contract: it can be swept and kept.


class Given(LinearAligner):
    """x ↦ x W + b, as it was given. `fit` learns nothing."""

    @classmethod
    def of(cls, map: Affine) -> Self:
        """The map of these numbers."""
        made = cls()
        made.map_ = map
        return made

    @classmethod
    def step(cls, vector: Float[Tensor, " d"]) -> Self:
        """x ↦ x + v: one vector on top of every state."""
        return cls.of(Affine((), vector.detach().double().cpu(), skip=1.0))

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Itself."""
        return self


# The map that sets some coordinates to 0 and leaves the others: an ablation.


class Masked(Params):
    """x ↦ x, but 0 where `off` is true. `fit` learns nothing."""

    def __init__(self, off: Bool[Tensor, " d"]):
        self.off = off

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Itself."""
        return self

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The rows without those coordinates."""
        X = check_rows(X, len(self.off))
        return X.masked_fill(self.off.to(X.device, torch.bool), 0.0)
