"""Linear maps from source to target states: least squares, ridge, low rank, a shift of means, maps given."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner
from workbench.align.base import Fixed, check_pairs, check_rows, fresh
from workbench.align.solvers import (
    PENALTIES,
    LeastSquaresSystem,
    RidgeSolution,
    RidgeSystem,
    Solution,
    check_count,
    leading,
    penalty_grid,
    row_mean,
    solve_least_squares,
    solve_ridge,
)

# Unregularised least squares: the estimator of INCLINE.


class Solved(LinearAligner):
    """An aligner by a linear system of X, which serves any number of targets."""

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        self._keep(self._system(X).solve(Y))

    def fit_targets(self, X: Float[Tensor, "sent d_source"], targets: Iterable[Tensor]) -> Iterator[Self]:
        """A fitted copy for each target in turn, from one decomposition of X."""
        system = None
        for Y in targets:
            X, Y = check_pairs(X, Y, self.at_least)
            system = system or self._system(X)
            copy = fresh(self)
            copy._keep(system.solve(Y))
            copy.n_ = len(X)
            yield copy

    def _system(self, X: Tensor) -> LeastSquaresSystem:
        raise NotImplementedError

    def _keep(self, solution: Any) -> None:
        self.map_ = Affine.of(solution.left, solution.right, solution.bias)
        self.rank_, self.condition_ = solution.rank, solution.condition


@dataclass(eq=False, repr=False)
class LeastSquares(Solved):
    """argmin_W ‖X W − Y‖², the W of least norm; with `center`, on X − x̄ and Y − ȳ, and b = ȳ − x̄ W.

    With `center=False` (as INCLINE has it) the map goes through the origin. Near n = d it follows the
    noise, and below it passes through every pair: read `rank_`, `condition_` and held-out fit.
    """

    center: bool = False

    def _system(self, X: Tensor) -> LeastSquaresSystem:
        return LeastSquaresSystem(X, self.center)

    def _keep(self, solution: Solution) -> None:
        super()._keep(solution)
        self.unregularized_ = True


# Regularised least squares, its strength chosen by leave-one-out error.


@dataclass(eq=False, repr=False)
class Ridge(Solved):
    """argmin_W ‖X W + b − Y‖² + λ ‖W‖², b free (b = 0 without `center`); λ of least leave-one-out error.

    `penalties` is one strength or several to choose from, in units of ‖X‖² / min(n, d) (X centred unless
    told otherwise), so that a strength means the same at every scale. The choice sees fitting rows only.
    Where `at_edge_` is true the best strength may lie outside the grid: at the low end the data hardly
    need a penalty, at the high end they support hardly more than the mean. `condition_` is that of the
    regularised problem, [X; √λ I].
    """

    penalties: float | Sequence[float] = PENALTIES
    center: bool = True
    at_least = 2

    def _system(self, X: Tensor) -> RidgeSystem:
        return RidgeSystem(X, penalty_grid(self.penalties), self.center)

    def _keep(self, solution: RidgeSolution) -> None:
        super()._keep(solution)
        self.penalty_, self.lambda_ = solution.penalty, solution.lambda_
        self.loo_errors_ = solution.loo_errors
        low, high = penalty_grid(self.penalties).aminmax()
        self.at_edge_ = bool(low < high) and self.penalty_ in (float(low), float(high))


# Reduced-rank regression: a map through few directions.


@dataclass(eq=False, repr=False)
class LowRank(LinearAligner):
    """argmin_W ‖X W + b − Y‖² + λ ‖W‖² over all W of rank ≤ `rank`, b free.

    That is W_λ T Tᵀ, W_λ the ridge solution and T the leading right singular vectors of its fitted values
    (of [X; √λ I] W_λ). λ is the one of least leave-one-out error for the map of full rank, among
    `penalties` in `Ridge`'s units; `penalties=None` leaves λ = 0. `rank_` is smaller than `rank` where
    the pairs support no more.
    """

    rank: int = 64
    penalties: float | Sequence[float] | None = PENALTIES
    at_least = 2

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        check_count("rank", self.rank)
        X, Y = X.double(), Y.double()
        self.unregularized_ = self.penalties is None
        if self.penalties is None:
            full = solve_least_squares(X, Y, center=True)
        else:
            full = ridge = solve_ridge(X, Y, penalty_grid(self.penalties))
            self.penalty_, self.lambda_ = ridge.penalty, ridge.lambda_
        self.condition_ = full.condition
        T = leading(full.gains[:, None] * full.right, self.rank)
        left = full.left @ (full.right @ T)
        self.map_ = Affine.of(left, T.mT, row_mean(Y) - (row_mean(X) @ left) @ T.mT)
        self.rank_ = T.shape[1]


# The difference of the languages' means: the simplest map that does something.


class MeanShift(LinearAligner):
    """argmin_b ‖X + b − Y‖², that is b = ȳ − x̄ (W is the identity).

    It needs no pairs, only two sets of sentences: what it gains is owed to where the languages lie, not
    to which sentence means what.
    """

    equal_widths = True

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        self.map_ = Affine((), row_mean(Y.double()) - row_mean(X.double()), skip=1.0)


# A map that was made elsewhere, not fitted on pairs, under the same contract: it can be swept and kept.


class Given(Fixed, LinearAligner):
    """x ↦ x W + b, as it was given. `fit` learns nothing."""

    @classmethod
    def of(cls, map: Affine) -> Self:
        """The map of these numbers."""
        aligner = cls()
        aligner.map_ = map
        return aligner

    @classmethod
    def step(cls, vector: Float[Tensor, " d"]) -> Self:
        """x ↦ x + v: one vector on top of every state."""
        return cls.of(Affine((), vector.detach().double().cpu(), skip=1.0))


# The map that sets some coordinates to 0 and leaves the others: an ablation.


@dataclass(eq=False, repr=False)
class Masked(Fixed):
    """x ↦ x, but 0 where `off` is true. `fit` learns nothing."""

    off: Bool[Tensor, " d"]

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The rows without those coordinates."""
        X = check_rows(X, len(self.off))
        return X.masked_fill(self.off.to(X.device, torch.bool), 0.0)
