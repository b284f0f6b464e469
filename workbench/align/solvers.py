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


def r_squared(Y: Float[Tensor, "sent d"], predicted: Float[Tensor, "sent d"]) -> float:
    """1 − Σ‖y − ŷ‖² / Σ‖y − ȳ‖², over all dimensions together; ȳ is the mean of these rows.

    0 is what the mean alone would reach, so a useless map comes out below it. NaN where all rows
    of Y are equal, since nothing is there to explain.
    """
    Y, predicted = Y.double(), predicted.double()
    total = (Y - Y.mean(0)).square().sum()
    return float(1 - (Y - predicted).square().sum() / total) if total > 0 else float("nan")
