"""The maths under the aligners: matrices in, matrices out, in float64."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class LeastSquaresSolution:
    """W, with what says how far to trust it."""

    weight: Float[Tensor, "d_source d_target"]
    rank: int
    condition: float
    """Largest over smallest singular value of X that counts; infinite when nothing counts."""


def solve_least_squares(
    X: Float[Tensor, "sent d_source"],
    Y: Float[Tensor, "sent d_target"],
    rtol: float | None = None,
) -> LeastSquaresSolution:
    """W = X⁺ Y: of all W that minimise ‖X W − Y‖², the one with the smallest ‖W‖.

    With X = U S Vᵀ, W = V_r S_r⁻¹ U_rᵀ Y over the r singular values above `rtol` times the largest
    (max(sent, d) · ε by default, as numpy has it). With fewer sentences than dimensions this passes
    through every pair exactly, whatever the pairs are: judge it on rows it has not seen.
    """
    X, Y = X.double(), Y.double()
    U, S, Vh = torch.linalg.svd(X, full_matrices=False)
    tolerance = max(X.shape) * torch.finfo(X.dtype).eps if rtol is None else rtol
    rank = int((tolerance * S[0] < S).sum()) if len(S) else 0
    if rank == 0:
        return LeastSquaresSolution(X.new_zeros(X.shape[1], Y.shape[1]), 0, float("inf"))
    weight = Vh[:rank].mT @ ((U[:, :rank].mT @ Y) / S[:rank, None])
    return LeastSquaresSolution(weight, rank, float(S[0] / S[rank - 1]))


@dataclass(frozen=True, eq=False)
class RidgeSolution:
    """W and b, with the strength that was chosen and what every strength would have cost."""

    weight: Float[Tensor, "d_source d_target"]
    bias: Float[Tensor, " d_target"] | None
    penalty: float
    """The chosen strength, relative to the mean squared singular value of X."""
    lambda_: float
    """The same, as it stands in the objective."""
    loo_errors: Float[Tensor, " penalty"]
    """Mean over sentences of ‖y − ŷ‖², each predicted from all the others."""


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
    X, Y = X.double(), Y.double()
    x_mean, y_mean = row_mean(X), row_mean(Y)
    if center:
        X, Y = centered(X), centered(Y)
    U, S, Vh = torch.linalg.svd(X, full_matrices=False)
    rank = int((max(X.shape) * torch.finfo(X.dtype).eps * S[0] < S).sum())
    U, S, Vh = U[:, :rank], S[:rank], Vh[:rank]
    penalties = penalties.to(X)
    lambdas = penalties * S.square().sum() / min(X.shape)
    errors = _leave_one_out(U, S, Y, lambdas, leverage_of_mean=1 / len(X) if center else 0.0)
    # Equal errors (as of two sentences, whatever λ) differ by rounding, which must not choose.
    penalty = penalties[errors <= errors.min() * (1 + 1e-9)].max()
    chosen = lambdas[penalties == penalty][0]
    weight = Vh.mT @ ((S / (S.square() + chosen))[:, None] * (U.mT @ Y))
    bias = y_mean - x_mean @ weight if center else None
    return RidgeSolution(weight, bias, float(penalty), float(chosen), errors)


def _leave_one_out(
    U: Float[Tensor, "sent rank"],
    S: Float[Tensor, " rank"],
    Y: Float[Tensor, "sent d_target"],
    lambdas: Float[Tensor, " penalty"],
    leverage_of_mean: float,
) -> Float[Tensor, " penalty"]:
    """Mean of ‖e_i‖² / (1 − h_i)² for each λ: e the residuals, h_i = 1/n + Σ_k u_ik² s_k² / (s_k² + λ)."""
    reached = U.mT @ Y
    rest = Y - U @ reached
    # A rotation of Y's columns changes no ‖e_i‖: in these axes only the first `rank` of them depend on
    # λ, so that a strength costs sent · rank · min(rank, d_target), not sent · d_source · d_target.
    axes, upper = torch.linalg.qr(reached.mT)
    inside = rest @ axes
    outside = (rest.square().sum(1) - inside.square().sum(1)).clamp(min=0)
    # 1 − h_i as a sum of what is not negative, since the difference loses its digits when h_i is near 1.
    free = (1 - leverage_of_mean - U.square().sum(1)).clamp(min=0)
    errors = []
    for strength in lambdas:
        shrunk = strength / (S.square() + strength)
        squares = outside + (inside + (U * shrunk) @ upper.mT).square().sum(1)
        errors.append((squares / (free + U.square() @ shrunk).square()).mean())
    return torch.stack(errors)


def row_mean(X: Float[Tensor, "sent d"]) -> Float[Tensor, " d"]:
    """x̄, exactly the row where all rows are equal."""
    return X[0] + (X - X[0]).mean(0)


def centered(X: Float[Tensor, "sent d"]) -> Float[Tensor, "sent d"]:
    """X − x̄, exactly 0 where all rows are equal: rounding would else look like variation."""
    X = X - X[0]
    return X - X.mean(0)


def r_squared(Y: Float[Tensor, "sent d"], predicted: Float[Tensor, "sent d"]) -> float:
    """1 − Σ‖y − ŷ‖² / Σ‖y − ȳ‖², over all dimensions together; ȳ is the mean of these rows.

    0 is what the mean alone would reach, so a useless map comes out below it. NaN where all rows
    of Y are equal, since nothing is there to explain.
    """
    Y, predicted = Y.double(), predicted.double()
    total = (Y - Y.mean(0)).square().sum()
    return float(1 - (Y - predicted).square().sum() / total) if total > 0 else float("nan")
