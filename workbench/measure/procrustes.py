"""Procrustes distance: what is left between two sets of states after the best rotation."""

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.measure.base import check_rows, check_variation
from workbench.measure.gram import Rows, scaled


def procrustes_distance(X: Rows, Y: Float[Tensor, "sent d_other"]) -> float:
    """min over orthogonal R of ‖X̃ − Ỹ R‖² / 2 = 1 − ‖X̃ᵀ Ỹ‖_*, X̃ = (X − x̄) / ‖X − x̄‖ (Ding et al. 2021).

    ‖·‖_* is the sum of singular values. Where widths differ the narrower side is padded with zeros.
    """
    check_rows("Procrustes distance", X, Y, at_least=2)
    check_variation("Procrustes distance", X, Y)
    return float((1 - torch.linalg.svdvals(_factor(X) @ _factor(Y).mT).sum()).clamp(0, 1))


def procrustes_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> Float[Tensor, " sent"]:
    """1 − n ⟨x̃_i, ỹ_i R⟩ for each i, R the best rotation: their mean is `procrustes_distance`.

    Small where the rotation brings sentence i near to its translation; one far from the mean weighs more.
    """
    check_rows("Procrustes distance", X, Y, at_least=2)
    check_variation("Procrustes distance", X, Y)
    one, other = _factor(X), _factor(Y)
    U, _, Vh = torch.linalg.svd(one @ other.mT, full_matrices=False)
    return 1 - len(X) * ((U.mT @ one) * (Vh @ other)).sum(0)


def _factor(X: Tensor) -> Tensor:
    """R of shape [·, sent] with ‖R Rᵧᵀ‖_* = ‖X̃ᵀ Ỹ‖_*: X̃ᵀ, or the triangle of its QR where it is tall."""
    X = scaled(X)
    X = X / X.norm()
    return X.mT if X.shape[1] <= len(X) else torch.linalg.qr(X.mT, mode="r").R
