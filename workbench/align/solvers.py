"""The maths under least squares and ridge: matrices in, matrices out, in float64."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.spectrum import Spectrum, centered, row_mean, spectrum
from workbench.errors import InputError

PENALTIES = (1e-4, 3.16e-4, 1e-3, 3.16e-3, 1e-2, 3.16e-2, 0.1, 0.316, 1.0, 3.16, 10.0, 31.6, 100.0)
"""Strengths relative to the mean squared singular value of X, two per decade."""


@dataclass(frozen=True, eq=False)
class LeastSquaresSolution:
    """W = left · right, with what says how far to trust it."""

    left: Float[Tensor, "d_source rank"]
    right: Float[Tensor, "rank d_target"]
    singular: Float[Tensor, " rank"]
    """Singular values of X that count."""

    @property
    def weight(self) -> Float[Tensor, "d_source d_target"]:
        """W as one matrix."""
        return self.left @ self.right

    @property
    def rank(self) -> int:
        """How many directions of X count."""
        return len(self.singular)

    @property
    def condition(self) -> float:
        """Largest over smallest singular value of X that counts; infinite when nothing counts."""
        return float(self.singular[0] / self.singular[-1]) if self.rank else float("inf")


class LeastSquaresSystem:
    """One X, for any number of Y: `solve_least_squares` with the decomposition done once."""

    def __init__(self, X: Float[Tensor, "sent d_source"], center: bool = False, rtol: float | None = None):
        X = X.double()
        self.x_mean, self.center = row_mean(X), center
        self.spectrum = spectrum(centered(X) if center else X, center, rtol=rtol)
        self.left = self.spectrum.V.contiguous()  # once for all maps that share it

    def solve(self, Y: Float[Tensor, "sent d_target"]) -> LeastSquaresSolution:
        """W = X⁺ Y, of the centred matrices with `center`."""
        Y, x = Y.double(), self.spectrum
        right = (x.U.mT @ (centered(Y) if self.center else Y)) / x.S[:, None]
        return LeastSquaresSolution(self.left, right, x.S)

    def bias(self, solution: LeastSquaresSolution, Y: Tensor) -> Float[Tensor, " d_target"] | None:
        """b = ȳ − x̄ W, or None without `center`."""
        return row_mean(Y.double()) - (self.x_mean @ solution.left) @ solution.right if self.center else None


def solve_least_squares(
    X: Float[Tensor, "sent d_source"],
    Y: Float[Tensor, "sent d_target"],
    rtol: float | None = None,
    center: bool = False,
) -> LeastSquaresSolution:
    """W = X⁺ Y: of all W that minimise ‖X W − Y‖², the one with the smallest ‖W‖.

    With X = U S Vᵀ, W = V_r S_r⁻¹ U_rᵀ Y over the r singular values above `rtol` times the largest
    (max(sent, d) · ε by default, as numpy has it). With fewer sentences than dimensions this passes
    through every pair exactly, whatever the pairs are: judge it on rows it has not seen.
    """
    return LeastSquaresSystem(X, center, rtol).solve(Y)


@dataclass(frozen=True, eq=False)
class RidgeSolution:
    """W = left · right and b, with the strength that was chosen and what every strength would have cost."""

    left: Float[Tensor, "d_source rank"]
    right: Float[Tensor, "rank d_target"]
    bias: Float[Tensor, " d_target"] | None
    penalty: float
    """The chosen strength, relative to the mean squared singular value of X."""
    lambda_: float
    """The same, as it stands in the objective."""
    loo_errors: Float[Tensor, " penalty"]
    """Mean over sentences of ‖y − ŷ‖², each predicted from all the others."""
    gains: Float[Tensor, " rank"]
    """√(s² + λ) of each direction in `left`: the singular values of [X; √λ I] there."""
    rank: int
    """How many directions X has, up to rounding."""
    condition: float
    """Largest over smallest singular value of [X; √λ I] over the directions X could have had."""

    @property
    def weight(self) -> Float[Tensor, "d_source d_target"]:
        """W as one matrix."""
        return self.left @ self.right


class RidgeSystem:
    """One X and one grid of strengths, for any number of Y: `solve_ridge` with one decomposition."""

    def __init__(
        self,
        X: Float[Tensor, "sent d_source"],
        penalties: Float[Tensor, " penalty"],
        center: bool = True,
    ):
        X = X.double()
        self.center, self.shape = center, X.shape
        self.x_mean = row_mean(X)
        if center:
            X = centered(X)
        self.penalties = penalties.to(X)
        self.lambdas = self.penalties * X.square().sum() / min(X.shape)
        self.spectrum = spectrum(X, center, floor=float(self.lambdas.min()))
        self.left = self.spectrum.V.contiguous()  # once for all maps that share it

    def solve(self, Y: Float[Tensor, "sent d_target"]) -> RidgeSolution:
        """The map to one target, at its own best strength."""
        Y = Y.double()
        y_mean, x = row_mean(Y), self.spectrum
        if self.center:
            Y = centered(Y)
        reached = x.U.mT @ Y
        errors = _leave_one_out(x, Y, reached, self.lambdas, 1 / len(Y) if self.center else 0.0)
        # Equal errors (as of two sentences, whatever λ) differ by rounding, which must not choose.
        penalty = self.penalties[errors <= errors.min() * (1 + 1e-9)].max()
        chosen = self.lambdas[self.penalties == penalty][0]
        right = (x.S / (x.S.square() + chosen))[:, None] * reached
        bias = y_mean - (self.x_mean @ self.left) @ right if self.center else None
        gains = (x.S.square() + chosen).sqrt()
        counted, condition = self._trust(gains, chosen)
        return RidgeSolution(
            self.left, right, bias, float(penalty), float(chosen), errors, gains, counted, condition
        )

    def _trust(self, gains: Tensor, chosen: Tensor) -> tuple[int, float]:
        S = self.spectrum.S
        if not len(S):
            return 0, float("inf")
        rank = int((S.square() > max(self.shape) * torch.finfo(S.dtype).eps * S[0].square()).sum())
        possible = min(self.shape[0] - self.center, self.shape[1])
        least = gains[-1] if len(S) == possible else chosen.sqrt()
        return rank, float(gains[0] / least)


def solve_ridge(
    X: Float[Tensor, "sent d_source"],
    Y: Float[Tensor, "sent d_target"],
    penalties: Float[Tensor, " penalty"],
    center: bool = True,
) -> RidgeSolution:
    """argmin_W ‖X W + b − Y‖² + λ ‖W‖², λ = penalty · ‖X‖² / min(sent, d) of least leave-one-out error.

    With `center`, b is free and X in λ is centred; without, b = 0. With X = U S Vᵀ,
    W = V S (S² + λ)⁻¹ Uᵀ Y: one decomposition serves all strengths, the errors included. Of strengths
    that do equally well the largest is taken. Where no column of X varies, W = 0.
    """
    return RidgeSystem(X, penalties, center).solve(Y)


def _leave_one_out(
    x: Spectrum,
    Y: Float[Tensor, "sent d_target"],
    reached: Float[Tensor, "rank d_target"],
    lambdas: Float[Tensor, " penalty"],
    leverage_of_mean: float,
) -> Float[Tensor, " penalty"]:
    """Mean of ‖e_i‖² / (1 − h_i)² for each λ: e the residuals, h_i = 1/n + Σ_k u_ik² s_k² / (s_k² + λ)."""
    inside = x.complete and len(x.S) < Y.shape[1]
    residuals = _from_gram(x.U, reached) if inside else _from_axes(x.U, Y, reached)
    # 1 − h_i as a sum of what is not negative, since the difference loses its digits when h_i is near 1.
    free = (1 - leverage_of_mean - x.U.square().sum(1)).clamp(min=0)
    errors = []
    for strength in lambdas:
        shrunk = strength / (x.S.square() + strength)
        errors.append((residuals(shrunk) / (free + x.U.square() @ shrunk).square()).mean())
    return torch.stack(errors)


def _from_gram(U: Tensor, reached: Tensor) -> Callable[[Tensor], Tensor]:
    """‖e_i‖² of e = U diag(shrunk) Uᵀ Y, where U reaches all of Y: at the cost of rank³ each."""
    gram = reached @ reached.mT

    def squares(shrunk: Tensor) -> Tensor:
        scaled = U * shrunk
        return ((scaled @ gram) * scaled).sum(1).clamp(min=0)

    return squares


def _from_axes(U: Tensor, Y: Tensor, reached: Tensor) -> Callable[[Tensor], Tensor]:
    """‖e_i‖² of e = Y − U diag(1 − shrunk) Uᵀ Y."""
    rest = Y - U @ reached
    # A rotation of Y's columns changes no ‖e_i‖: in these axes only the first `rank` of them depend on
    # λ, so that a strength costs sent · rank · min(rank, d_target), not sent · d_source · d_target.
    axes, upper = torch.linalg.qr(reached.mT)
    inside = rest @ axes
    outside = (rest.square().sum(1) - inside.square().sum(1)).clamp(min=0)
    return lambda shrunk: outside + (inside + (U * shrunk) @ upper.mT).square().sum(1)


def penalty_grid(penalties: float | Sequence[float]) -> Float[Tensor, " penalty"]:
    """Strengths to choose from, or why they are none."""
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


def r_squared(Y: Float[Tensor, "sent d"], predicted: Float[Tensor, "sent d"]) -> float:
    """1 − Σ‖y − ŷ‖² / Σ‖y − ȳ‖², over all dimensions together; ȳ is the mean of these rows.

    0 is what the mean alone would reach, so a useless map comes out below it. NaN where all rows
    of Y are equal, since nothing is there to explain.
    """
    Y, predicted = Y.double(), predicted.double()
    total = (Y - Y.mean(0)).square().sum()
    return float(1 - (Y - predicted).square().sum() / total) if total > 0 else float("nan")
