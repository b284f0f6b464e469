"""Canonical correlations: which directions of two sets of states carry the same signal, however mixed."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.measure.base import check_rows, check_variation
from workbench.measure.gram import Rows, scaled


def svcca(X: Rows, Y: Float[Tensor, "sent d_other"], variance: float = 0.99) -> float:
    """Mean of ρ_1 … ρ_c between the principal components of `variance` of X and of Y (Raghu et al. 2017).

    ρ are the singular values of U_Xᵀ U_Y, with U the kept left singular vectors of the centred rows, and c
    the number kept on the narrower side. Refused where so many are kept that some ρ are 1 by counting.
    """
    one, other = _kept(X, Y, variance)
    return float(torch.linalg.svdvals(one.U.mT @ other.U).clamp(max=1).mean())


def pwcca(X: Rows, Y: Float[Tensor, "sent d_other"], variance: float = 1.0) -> float:
    """Σ α_i ρ_i / Σ α_i, α_i = Σ_j |⟨h_i, x_j⟩|, h_i X's canonical variates, x_j its columns.

    Morcos et al. 2018. ρ as in `svcca`, by default of all directions. Correlations weigh as much as X
    speaks along them, dimension by dimension: X and Y have not the same part, and a rotation of X matters.
    Refused as `svcca` is.
    """
    one, other = _kept(X, Y, variance)
    left, rho, _ = torch.linalg.svd(one.U.mT @ other.U, full_matrices=False)
    # H = U A and X = U S Vᵀ, so that Hᵀ X = Aᵀ S Vᵀ.
    alpha = (left.mT @ (one.S[:, None] * one.Vh)).abs().sum(1)
    return float((alpha * rho.clamp(max=1)).sum() / alpha.sum())


def svcca_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> Float[Tensor, " sent"]:
    """n/c Σ_k h_ik g_ik for each i, h_k and g_k the canonical variates: what sentence i adds to `svcca`."""
    one, other = _kept(X, Y, 0.99)
    left, _, right = torch.linalg.svd(one.U.mT @ other.U, full_matrices=False)
    return len(X) * ((one.U @ left) * (other.U @ right.mT)).mean(1)


def pwcca_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> Float[Tensor, " sent"]:
    """n Σ_k α_k h_ik g_ik / Σ α for each i: what sentence i adds to `pwcca`."""
    one, other = _kept(X, Y, 1.0)
    left, _, right = torch.linalg.svd(one.U.mT @ other.U, full_matrices=False)
    alpha = (left.mT @ (one.S[:, None] * one.Vh)).abs().sum(1)
    return len(X) * ((one.U @ left) * (other.U @ right.mT)) @ (alpha / alpha.sum())


@dataclass(frozen=True, eq=False)
class _Components:
    U: Tensor
    S: Tensor
    Vh: Tensor


def _kept(X: Tensor, Y: Tensor, variance: float) -> tuple[_Components, _Components]:
    if not 0 < variance <= 1:
        raise InputError(f"variance, {variance}, is the share to keep: give more than 0 and at most 1")
    check_rows("CCA", X, Y, at_least=4)
    check_variation("CCA", X, Y)
    one, other = _principal(X, variance), _principal(Y, variance)
    free = len(X) - 1  # what centred rows have
    if len(one.S) + len(other.S) > free:
        raise InputError(
            f"{len(one.S)} and {len(other.S)} directions of {len(X)} sentences correlate perfectly whatever "
            f"the states are: give more sentences, or a variance below {variance} to keep fewer"
        )
    return one, other


def _principal(X: Tensor, variance: float) -> _Components:
    X = scaled(X)
    U, S, Vh = torch.linalg.svd(X, full_matrices=False)
    rank = int((max(X.shape) * torch.finfo(X.dtype).eps * S[0] < S).sum())
    if variance < 1:
        share = S.square().cumsum(0) / S.square().sum()
        rank = min(rank, int((share < variance - 1e-12).sum()) + 1)
    return _Components(U[:, :rank], S[:rank], Vh[:rank])
