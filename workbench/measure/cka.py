"""Linear centred kernel alignment: how far two sets of states arrange the same sentences alike.

With fewer sentences than dimensions the biased form approaches 1 for unrelated data; the debiased form
does not, and is the one to read.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.measure.base import check_rows, check_variation

Rows = Float[Tensor, "sent d"]
Gram = Float[Tensor, "sent sent"]


def linear_cka(X: Rows, Y: Float[Tensor, "sent d_other"]) -> float:
    """⟨K, L⟩ / (‖K‖ ‖L‖) with K, L the Gram matrices of centred rows (Kornblith et al. 2019)."""
    _check(X, Y, at_least=2)
    K, L = _gram(X), _gram(Y)
    return _ratio((K * L).sum(), K.square().sum(), L.square().sum())


def debiased_linear_cka(X: Rows, Y: Float[Tensor, "sent d_other"]) -> float:
    """⟨K°, L°⟩ / (‖K°‖ ‖L°‖) with K°, L° the U-centred Gram matrices (Song et al. 2012).

    ⟨K°, L°⟩ / n(n−3) is the unbiased estimate of HSIC, so the value is about 0 for unrelated rows, and
    may fall a little below.
    """
    _check(X, Y, at_least=4)
    K, L = u_centered(_gram(X)), u_centered(_gram(Y))
    return _ratio((K * L).sum(), K.square().sum(), L.square().sum())


def u_centered(K: Gram) -> Gram:
    """k_ij − k_i·/(n−2) − k_·j/(n−2) + k_··/((n−1)(n−2)) off the diagonal, 0 on it.

    The diagonal, where a sentence meets itself, is what makes the biased form large.
    """
    n = len(K)
    K = K - torch.diag(K.diagonal())
    row = K.sum(1) / (n - 2)
    K = K - row[:, None] - row[None, :] + K.sum() / ((n - 1) * (n - 2))
    return K - torch.diag(K.diagonal())


def _gram(X: Tensor) -> Tensor:
    # Centred rows first: large common offsets would eat the digits of the Gram matrix.
    X = X.double()
    X = X - X.mean(0)
    # One scale for all: float64 squares of float32 extremes stay in range.
    X = X / X.abs().max().clamp(min=torch.finfo(torch.float64).tiny)
    return X @ X.mT


def _ratio(cross: Tensor, one: Tensor, other: Tensor) -> float:
    return float(cross / (one.sqrt() * other.sqrt()))


def _check(X: Tensor, Y: Tensor, at_least: int) -> None:
    check_rows("CKA", X, Y, at_least)
    check_variation("CKA", X, Y)
