"""Shared by the CKA family: Gram matrices, centred, and the angle between two of them."""

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError

Rows = Float[Tensor, "sent d"]
Gram = Float[Tensor, "sent sent"]

BLOCK = 512
"""Rows of a Gram matrix that are computed at once, left of the diagonal only."""


def scaled(X: Rows) -> Rows:
    """(X − x̄) / max |x_ij − x̄_j|, so that float64 squares of float32 extremes stay in range.

    Exactly 0 where all rows are equal.
    """
    # In place throughout: at these sizes, fresh memory costs more than the arithmetic.
    X = X.to(torch.float64, copy=True)
    X -= X[0].clone()
    X -= X.mean(0)
    low, high = X.aminmax()
    return X.div_(torch.maximum(-low, high).clamp(min=torch.finfo(torch.float64).tiny))


def inner_products(X: Rows) -> Gram:
    """X Xᵀ, at little more than half the multiplications: what lies right of the diagonal is mirrored."""
    n = len(X)
    if n <= BLOCK:
        return X @ X.mT
    K = X.new_empty(n, n)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        K[start:stop, :stop] = X[start:stop] @ X[:stop].mT
        K[:start, start:stop] = K[start:stop, :start].mT
    return K


def linear_gram(X: Rows) -> Gram:
    """(X − x̄)(X − x̄)ᵀ up to a factor: centred, since its rows are."""
    return inner_products(scaled(X))


def rbf_gram(X: Rows, fraction: float = 1.0) -> Gram:
    """exp(−‖x_i − x_j‖² / 2σ²), σ = fraction · the median of the distances that are not 0.

    Distances of 0 are left out, so that duplicate rows do not make σ vanish. Not centred.
    """
    if not fraction > 0:
        raise InputError(f"fraction, {fraction}, is of the median distance: give more than 0")
    squares = squared_distances(scaled(X))
    apart = condensed(squares)
    apart = apart[apart > 0]
    if not len(apart):
        raise InputError(UNDEFINED)
    width = fraction**2 * apart.median()
    return (squares / (-2 * width)).exp_()


def squared_distances(X: Rows) -> Gram:
    """‖x_i − x_j‖² of rows that are centred; exactly 0 where rounding is all that is left."""
    K = inner_products(X)
    squares = K.diagonal()
    distances = squares[:, None] + squares[None, :] - 2 * K
    rounding = 16 * torch.finfo(K.dtype).eps * (squares[:, None] + squares[None, :])
    return torch.where(distances > rounding, distances, 0.0)


def condensed(D: Gram) -> Float[Tensor, " pair"]:
    """The entries right of the diagonal, one for each pair of rows."""
    n = len(D)
    row, column = torch.triu_indices(n, n, offset=1, device=D.device)
    return D[row, column]


def h_centered(K: Gram) -> Gram:
    """H K H with H = I − 1/n: rows and columns of mean 0."""
    row = K.mean(1)
    return K - row[:, None] - row[None, :] + row.mean()


def u_centered(K: Gram) -> Gram:
    """k_ij − k_i·/(n−2) − k_·j/(n−2) + k_··/((n−1)(n−2)) off the diagonal, 0 on it (Székely & Rizzo 2014).

    The diagonal, where a sentence meets itself, is what makes the biased form large.
    """
    return u_center_(K.clone())


def u_center_(K: Gram) -> Gram:
    """`u_centered` in place, as its name says."""
    n = len(K)
    K.fill_diagonal_(0)
    before = K.norm()
    row = K.sum(1) / (n - 2)
    K -= row[:, None]
    K -= row - row.sum() / (n - 1)
    K.fill_diagonal_(0)
    # What is nothing but rounding would correlate with itself.
    return K.zero_() if K.norm() <= 1e-12 * before else K


def angle(K: Gram, L: Gram) -> float:
    """⟨K, L⟩ / (‖K‖ ‖L‖)."""
    norms = K.norm() * L.norm()
    if norms == 0:
        raise InputError(UNDEFINED)
    return float((K * L).sum() / norms)


def angle_shares(K: Gram, L: Gram) -> Float[Tensor, " sent"]:
    """n Σ_j k_ij l_ij / (‖K‖ ‖L‖) for each i: what sentence i adds to `angle`, which is their mean.

    Large where i's similarities to all others are alike in both languages; a sentence far from the mean
    weighs more, as it does in the angle.
    """
    norms = K.norm() * L.norm()
    if norms == 0:
        raise InputError(UNDEFINED)
    return len(K) * (K * L).sum(1) / norms


UNDEFINED = (
    "CKA is not defined for these rows: at most one of them differs from the others, or all are equally "
    "far apart"
)
