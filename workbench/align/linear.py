"""Linear maps: least squares, ridge, low rank, a shift of means, rotations, shared spaces, maps given."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.align.base import Affine, Fixed, Linear, LinearAligner, check_pairs, check_rows, fresh
from workbench.align.solvers import (
    PENALTIES,
    Canonical,
    LeastSquaresSystem,
    RidgeSolution,
    RidgeSystem,
    Solution,
    Spectrum,
    canonical,
    check_count,
    leading,
    penalty_grid,
    relative,
    row_mean,
    solve_least_squares,
    solve_ridge,
    spectrum,
    split_mean,
)
from workbench.core.errors import InputError


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

    @abstractmethod
    def _system(self, X: Tensor) -> LeastSquaresSystem:
        """The system of X, decomposed."""

    def _keep(self, solution: Any) -> None:
        self.map_ = Affine.of(solution.left, solution.right, solution.bias)
        self.rank_, self.condition_ = solution.rank, solution.condition


@dataclass(eq=False, repr=False)
class LeastSquares(Solved):
    """argmin_W ‖X W − Y‖², the W of least norm; with `center`, on X − x̄ and Y − ȳ, and b = ȳ − x̄ W.

    INCLINE's is not centred. Near n = d it follows the noise, and below it passes through every pair.
    """

    center: bool = False

    def _system(self, X: Tensor) -> LeastSquaresSystem:
        return LeastSquaresSystem(X, self.center)

    def _keep(self, solution: Solution) -> None:
        super()._keep(solution)
        self.unregularized_ = True


@dataclass(eq=False, repr=False)
class Ridge(Solved):
    """argmin_W ‖X W + b − Y‖² + λ ‖W‖², b free (b = 0 without `center`); λ of least leave-one-out error.

    `penalties` is one strength or several to choose from, in units of ‖X‖² / min(n, d). Where `at_edge_` is
    true the best may lie outside the grid. `condition_` is that of [X; √λ I].
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


@dataclass(eq=False, repr=False)
class LowRank(LinearAligner):
    """argmin_W ‖X W + b − Y‖² + λ ‖W‖² over all W of rank ≤ `rank`, b free.

    That is W_λ T Tᵀ, W_λ the ridge solution and T the leading right singular vectors of [X; √λ I] W_λ. λ is
    that of `Ridge`, or 0 with `penalties=None`. `rank_` is smaller where the pairs support no more.
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


class MeanShift(LinearAligner):
    """argmin_b ‖X + b − Y‖², that is b = ȳ − x̄ (W is the identity). It needs no pairs."""

    equal_widths = True

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        self.map_ = Affine((), row_mean(Y.double()) - row_mean(X.double()), skip=1.0)


@dataclass(eq=False, repr=False)
class Procrustes(LinearAligner):
    """argmin_{R, c} ‖c X R − Y‖² with RᵀR = I, c = 1 without `scale`; with `center`, on X − x̄ and Y − ȳ.

    R = P Qᵀ from Xᵀ Y = P D Qᵀ and c = tr D / ‖X R‖². `rank_` directions are learned; of the rotations that
    fit alike, the one nearest to the identity is taken. Where widths differ, W = P Qᵀ drops what pairs do
    not reach.
    """

    center: bool = True
    scale: bool = False

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        check_pairs(X, Y, at_least=2 if self.center else 1)
        (x_mean, X), (y_mean, Y) = (split_mean(side, self.center) for side in (X, Y))
        a, b, D = _matched(spectrum(X, self.center), spectrum(Y, self.center))
        square = X.shape[1] == Y.shape[1]
        # ‖X R‖ is ‖X‖ for a rotation; a narrower target sees only what is carried over.
        size = float(X.square().sum() if square else (X @ a).square().sum())
        self.scale_ = float(D.sum()) / size if self.scale and len(D) else 1.0
        left, right = _nearest_rotation(a, b) if square else (a, b.mT)
        skip = self.scale_ if square else 0.0
        left = self.scale_ * left
        bias = y_mean - (x_mean @ left) @ right if self.center else None
        if bias is not None and skip:
            bias = bias - skip * x_mean
        self.map_ = Affine.of(left, right, bias, skip)
        self.rank_ = len(D)


def _matched(x: Spectrum, y: Spectrum) -> tuple[Tensor, Tensor, Tensor]:
    """a [d_source r], b [d_target r] and D with Xᵀ Y = a diag(D) bᵀ, over what is not 0."""
    P, D, Qh = torch.linalg.svd(x.S[:, None] * (x.U.mT @ y.U) * y.S, full_matrices=False)
    rank = int((max(len(x.V), len(y.V)) * torch.finfo(D.dtype).eps * D[:1] < D).sum())
    return x.V @ P[:, :rank], y.V @ Qh[:rank].mT, D[:rank]


def _nearest_rotation(a: Float[Tensor, "d r"], b: Float[Tensor, "d r"]) -> tuple[Tensor, Tensor]:
    """R − I as left · right, R the rotation with aᵀ R = bᵀ that is nearest to I."""
    identity = torch.eye(len(a)).to(a)
    if a.shape == identity.shape:  # every direction is matched, and nothing left to choose
        return a @ b.mT - identity, identity
    # Outside the span of a and b nothing need move, so that all happens in 2r dimensions at most.
    basis = torch.linalg.qr(torch.cat([a, b], dim=1))[0]
    a, b = basis.mT @ a, basis.mT @ b
    rotation = a @ b.mT
    rest_a, rest_b = (torch.linalg.qr(part, mode="complete")[0][:, part.shape[1] :] for part in (a, b))
    if rest_a.shape[1]:
        P, _, Qh = torch.linalg.svd(rest_a.mT @ rest_b)
        rotation = rotation + rest_a @ P @ Qh @ rest_b.mT
    rotation = rotation - torch.eye(len(rotation)).to(rotation)
    return basis @ rotation, basis.mT


class CanonicalAligner(LinearAligner):
    """x ↦ ȳ + Σ ρ_i^reweight z_i(x) r_i over pairs of canonical directions of correlation ρ_i."""

    at_least = 2
    reweight = 1.0

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        (x_mean, X), (y_mean, Y) = split_mean(X), split_mean(Y)
        left, self.correlations_, right = self._directions(X, Y)
        right = (self.correlations_**self.reweight)[:, None] * right
        self.map_ = Affine.of(left, right, y_mean - (x_mean @ left) @ right)
        self.rank_ = len(self.correlations_)

    @abstractmethod
    def _directions(self, X: Tensor, Y: Tensor) -> Canonical:
        """The pairs of canonical directions, and their correlations."""


@dataclass(eq=False, repr=False)
class CCA(CanonicalAligner):
    """The k pairs of directions of largest correlation; x ↦ ȳ + Σ ρ_i z_i(x) r_i.

    z_i are the source's canonical coordinates, ρ_i their correlations with the target's, and r_i takes these
    back to its dimensions. Both covariances have λ = penalty · ‖X‖² / min(n, d) added, as below n = d every
    correlation is else 1. With all directions this is `Ridge`.
    """

    k: int = 64
    penalty: float = 0.1

    def _directions(self, X: Tensor, Y: Tensor) -> Canonical:
        check_count("k", self.k)
        x_lambda, y_lambda = relative(self.penalty, X), relative(self.penalty, Y)
        return canonical(spectrum(X, True, x_lambda), spectrum(Y, True, y_lambda), self.k, x_lambda, y_lambda)


@dataclass(eq=False, repr=False)
class SVCCA(CanonicalAligner):
    """CCA without a penalty, each side cut to the fewest singular directions with `keep` of its variance."""

    keep: float = 0.99

    def _directions(self, X: Tensor, Y: Tensor) -> Canonical:
        if not isinstance(self.keep, int | float) or not 0 < self.keep <= 1:
            raise InputError(f"keep is a share above 0 and up to 1, but {self.keep!r} was given")
        x, y = self._cut(spectrum(X, True)), self._cut(spectrum(Y, True))
        self.kept_ = (len(x.S), len(y.S))
        return canonical(x, y, len(x.S))

    def _cut(self, full: Spectrum) -> Spectrum:
        if not len(full.S):
            return full
        share = full.S.square().cumsum(0)
        # The last share is 1 up to rounding, which must not ask for one more direction than there is.
        k = int((share < self.keep * (1 - 1e-12) * share[-1]).sum()) + 1
        return Spectrum(full.U[:, :k], full.S[:k], full.V[:, :k], full.complete and k >= len(full.S))


@dataclass(eq=False, repr=False)
class Whitened(CanonicalAligner):
    """Whiten both languages, rotate one onto the other, and give the target's spread back.

    x ↦ ȳ + (x − x̄) C_x^(−½) P diag(ρ)^reweight Qᵀ C_y^(½), with C the regularised covariances and P diag(ρ)
    Qᵀ the SVD of X_wᵀ Y_w. With `reweight` 0 (the rotation alone) images vary as much as the target does in
    every direction that pairs reach; with 1 each direction counts by its correlation, which is `Ridge`.
    """

    penalty: float = 0.1
    reweight: float = 0.0

    def _directions(self, X: Tensor, Y: Tensor) -> Canonical:
        if not isinstance(self.reweight, int | float) or not self.reweight >= 0:
            raise InputError(f"reweight must be a number, 0 or above, but {self.reweight!r} was given")
        x_lambda, y_lambda = relative(self.penalty, X), relative(self.penalty, Y)
        return canonical(
            spectrum(X, True), spectrum(Y, True), min(X.shape[1], Y.shape[1]), x_lambda, y_lambda
        )


class Given(Fixed, Linear):
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


@dataclass(eq=False, repr=False)
class Masked(Fixed):
    """x ↦ x, but 0 where `off` is true. `fit` learns nothing."""

    off: Bool[Tensor, " d"]

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The rows without those coordinates."""
        X = check_rows(X, len(self.off))
        return X.masked_fill(self.off.to(X.device, torch.bool), 0.0)
