"""Regularised least squares, its strength chosen by leave-one-out error."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from jaxtyping import Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner
from workbench.align.base import check_pairs, fresh
from workbench.align.solvers import PENALTIES, RidgeSolution, RidgeSystem, penalty_grid


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
        check_pairs(X, Y, at_least=2)
        return self._learn(RidgeSystem(X, penalty_grid(self.penalties), self.center).solve(Y), len(X))

    def fit_targets(self, X: Float[Tensor, "sent d_source"], targets: Iterable[Tensor]) -> Iterator[Self]:
        """A fitted copy for each target in turn, from one decomposition of X."""
        system = None
        for Y in targets:
            check_pairs(X, Y, at_least=2)
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
