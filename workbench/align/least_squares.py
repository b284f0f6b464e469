"""Unregularised least squares: the estimator of INCLINE."""

from collections.abc import Iterable, Iterator
from typing import Self

from jaxtyping import Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner
from workbench.align.base import check_pairs, fresh
from workbench.align.solvers import LeastSquaresSystem


class LeastSquares(LinearAligner):
    """argmin_W ‖X W − Y‖², the W of least norm; with `center`, on X − x̄ and Y − ȳ, and b = ȳ − x̄ W.

    With `center=False` (as INCLINE has it) the map goes through the origin. Near n = d it follows the
    noise, and below it passes through every pair: read `rank_`, `condition_` and held-out fit.
    """

    def __init__(self, center: bool = False):
        self.center = center

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Learn W (and b)."""
        check_pairs(X, Y)
        return self._learn(LeastSquaresSystem(X, self.center), Y)

    def fit_targets(self, X: Float[Tensor, "sent d_source"], targets: Iterable[Tensor]) -> Iterator[Self]:
        """A fitted copy for each target in turn, from one decomposition of X."""
        system = None
        for Y in targets:
            check_pairs(X, Y)
            system = system or LeastSquaresSystem(X, self.center)
            yield fresh(self)._learn(system, Y)

    def _learn(self, system: LeastSquaresSystem, Y: Tensor) -> Self:
        solution = system.solve(Y)
        self.map_ = Affine.of(solution.left, solution.right, system.bias(solution, Y))
        self.rank_, self.condition_, self.n_ = solution.rank, solution.condition, len(Y)
        self.unregularized_ = True
        return self
