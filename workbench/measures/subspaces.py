"""Similarity of whole spaces: canonical correlations, Procrustes distance, representational similarity."""

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.core.errors import InputError
from workbench.measures.base import PerSentence, Rows, check_rows, spearman, unit_ranks
from workbench.measures.cka import condensed, inner_products, scaled, squared_distances
from workbench.measures.neighbours import unit

# Canonical correlations: which directions of two sets of states carry the same signal, however mixed.


def svcca(X: Rows, Y: Float[Tensor, "sent d_other"], variance: float = 0.99) -> float:
    """Mean of ρ_1 … ρ_c between the principal components of `variance` of X and of Y (Raghu et al. 2017).

    ρ are the singular values of U_Xᵀ U_Y, with U the kept left singular vectors of the centred rows, and c
    the number kept on the narrower side. Refused where so many are kept that some ρ are 1 by counting.
    """
    rho, _, _ = _canonical(X, Y, variance)
    return float(rho.mean())


def pwcca(X: Rows, Y: Float[Tensor, "sent d_other"], variance: float = 1.0) -> float:
    """Σ α_i ρ_i / Σ α_i, α_i = Σ_j |⟨h_i, x_j⟩|, h_i X's canonical variates, x_j its columns.

    Morcos et al. 2018. ρ as in `svcca`, by default of all directions. Correlations weigh as much as X
    speaks along them, dimension by dimension: X and Y have not the same part, and a rotation of X matters.
    Refused as `svcca` is.
    """
    rho, alpha, _ = _canonical(X, Y, variance)
    return float((alpha * rho).sum() / alpha.sum())


def svcca_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> PerSentence:
    """n/c Σ_k h_ik g_ik for each i, h_k and g_k the canonical variates: what sentence i adds to `svcca`."""
    _, _, products = _canonical(X, Y, 0.99)
    return len(X) * products.mean(1)


def pwcca_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> PerSentence:
    """n Σ_k α_k h_ik g_ik / Σ α for each i: what sentence i adds to `pwcca`."""
    _, alpha, products = _canonical(X, Y, 1.0)
    return len(X) * products @ (alpha / alpha.sum())


def _canonical(X: Tensor, Y: Tensor, variance: float) -> tuple[Tensor, Tensor, Float[Tensor, "sent c"]]:
    """ρ, α and the products h_ik g_ik of the variates."""
    if not 0 < variance <= 1:
        raise InputError(f"variance, {variance}, is the share to keep: give more than 0 and at most 1")
    X, Y = check_rows("CCA", X, Y, at_least=4, varied=True)
    (U, S, Vh), (other, _, _) = _principal(X, variance), _principal(Y, variance)
    kept = U.shape[1], other.shape[1]
    if sum(kept) > len(X) - 1:  # what centred rows have
        raise InputError(
            f"{kept[0]} and {kept[1]} directions of {len(X)} sentences correlate perfectly whatever "
            f"the states are: give more sentences, or a variance below {variance} to keep fewer"
        )
    left, rho, right = torch.linalg.svd(U.mT @ other, full_matrices=False)
    # H = U A and X = U S Vᵀ, so that Hᵀ X = Aᵀ S Vᵀ.
    alpha = (left.mT @ (S[:, None] * Vh)).abs().sum(1)
    return rho.clamp(max=1), alpha, (U @ left) * (other @ right.mT)


def _principal(X: Tensor, variance: float) -> tuple[Tensor, Tensor, Tensor]:
    X = scaled(X)
    U, S, Vh = torch.linalg.svd(X, full_matrices=False)
    rank = int((max(X.shape) * torch.finfo(X.dtype).eps * S[0] < S).sum())
    if variance < 1:
        share = S.square().cumsum(0) / S.square().sum()
        rank = min(rank, int((share < variance - 1e-12).sum()) + 1)
    return U[:, :rank], S[:rank], Vh[:rank]


# Procrustes distance: what is left between two sets of states after the best rotation.


def procrustes_distance(X: Rows, Y: Float[Tensor, "sent d_other"]) -> float:
    """min over orthogonal R of ‖X̃ − Ỹ R‖² / 2 = 1 − ‖X̃ᵀ Ỹ‖_*, X̃ = (X − x̄) / ‖X − x̄‖ (Ding et al. 2021).

    ‖·‖_* is the sum of singular values. Where widths differ the narrower side is padded with zeros.
    """
    one, other = _factors(X, Y)
    return float((1 - torch.linalg.svdvals(one @ other.mT).sum()).clamp(0, 1))


def procrustes_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> PerSentence:
    """1 − n ⟨x̃_i, ỹ_i R⟩ for each i, R the best rotation: their mean is `procrustes_distance`.

    Small where the rotation brings sentence i near to its translation; one far from the mean weighs more.
    """
    one, other = _factors(X, Y)
    U, _, Vh = torch.linalg.svd(one @ other.mT, full_matrices=False)
    return 1 - len(X) * ((U.mT @ one) * (Vh @ other)).sum(0)


def _factors(X: Tensor, Y: Tensor) -> list[Tensor]:
    """R of shape [·, sent] with ‖R Rᵧᵀ‖_* = ‖X̃ᵀ Ỹ‖_*: X̃ᵀ, or the triangle of its QR where it is tall."""
    sides = map(scaled, check_rows("Procrustes distance", X, Y, at_least=2, varied=True))
    units = [rows / rows.norm() for rows in sides]
    return [rows.mT if rows.shape[1] <= len(rows) else torch.linalg.qr(rows.mT, mode="r").R for rows in units]


# Representational similarity: whether sentences that lie apart in one language lie apart in the other.


DISTANCES = ("cosine", "euclidean")


def rsa(X: Rows, Y: Float[Tensor, "sent d_other"], distance: str = "cosine") -> float:
    """Spearman of d(x_i, x_j) with d(y_i, y_j) over i < j, d = 1 − cos or ‖·‖ (Kriegeskorte et al. 2008)."""
    return float(spearman(*_compared(X, Y, distance)))


def rsa_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> PerSentence:
    """n/2 Σ_j r_ij s_ij for each i, r and s the ranks of all distances, centred and of length 1.

    What the distances of sentence i to all others add to `rsa`, by cosine: each is half i's and half j's.
    """
    one, other = _compared(X, Y, "cosine")
    n = len(X)
    row, column = torch.triu_indices(n, n, offset=1, device=one.device)
    product = unit_ranks(one) * unit_ranks(other)
    return n / 2 * product.new_zeros(n).index_add(0, row, product).index_add(0, column, product)


def _compared(X: Tensor, Y: Tensor, distance: str) -> tuple[Tensor, Tensor]:
    if distance not in DISTANCES:
        raise InputError(f"unknown distance {distance!r}: give one of {', '.join(DISTANCES)}")
    X, Y = check_rows("RSA", X, Y, at_least=3, varied=True)
    one, other = _dissimilarities(X, distance), _dissimilarities(Y, distance)
    for values in (one, other):
        if (values == values[0]).all():
            raise InputError("RSA is not defined where all sentences are equally far apart")
    return one, other


def _dissimilarities(X: Tensor, distance: str) -> Tensor:
    if distance == "cosine":
        values = condensed(1 - inner_products(unit(X, "RSA")))
        largest = torch.ones((), dtype=values.dtype, device=values.device)
    else:
        values = condensed(squared_distances(scaled(X)))  # the ranks of distances are those of their squares
        largest = values.max()
    # Distances that differ by rounding alone are equal, and must share a rank.
    return (values / (largest * 1e-12)).round()
