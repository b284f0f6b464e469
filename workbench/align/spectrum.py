"""Singular values of many rows or many columns, by the cheapest way that is exact enough."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

SAFE = 1e-8
"""Squared singular values down to this share of the largest are taken from the Gram matrix.

Squaring leaves the smallest of them about 8 digits, more than states captured in float32 have of it.
"""
TINY = 1e-16


@dataclass(frozen=True, eq=False)
class Spectrum:
    """X = U S Vᵀ over the directions that count, the largest first."""

    U: Float[Tensor, "sent rank"]
    S: Float[Tensor, " rank"]
    V: Float[Tensor, "d rank"]
    complete: bool
    """Whether U spans all rows (all that sum to 0, when centred): nothing of any Y is then left out."""

    def head(self, k: int) -> "Spectrum":
        """The k largest directions."""
        return Spectrum(self.U[:, :k], self.S[:k], self.V[:, :k], self.complete and k >= len(self.S))


def spectrum(
    X: Float[Tensor, "sent d"], centered: bool = False, floor: float = 0.0, rtol: float | None = None
) -> Spectrum:
    """U, S and V of a float64 matrix; `centered` says that its columns sum to 0.

    From the eigenvectors of X Xᵀ or Xᵀ X, whichever is smaller, as long as no squared singular value is
    below `SAFE` of the largest; else from LAPACK's SVD, without the values up to `rtol` times the largest
    (max(sent, d) · ε by default, as numpy has it). Who only ever uses S² + λ with λ ≥ `floor` says so: with
    fewer rows than columns small values then need no SVD, since next to λ they have digits enough. None
    is dropped in that case, and U S Vᵀ and S are right while V's columns of tiny S may be shorter than 1.
    """
    rows = _reflect(X)[1:] if centered else X
    wide = rows.shape[0] < rows.shape[1]
    if 0 in rows.shape or not rows.any():
        return Spectrum(X.new_zeros(len(X), 0), X.new_zeros(0), X.new_zeros(X.shape[1], 0), complete=False)
    gram = rows @ rows.mT if wide else rows.mT @ rows
    squares, vectors = torch.linalg.eigh(gram)
    squares, vectors = squares.flip(0), vectors.flip(1)
    if squares[-1] > max(SAFE, rtol**2 if rtol else 0) * squares[0] or (wide and floor > SAFE * squares[0]):
        S = squares.clamp(min=TINY * squares[0]).sqrt()
        U, V = (vectors, rows.mT @ (vectors / S)) if wide else (rows @ (vectors / S), vectors)
    else:
        U, S, Vh = torch.linalg.svd(rows, full_matrices=False)
        tolerance = max(X.shape) * torch.finfo(X.dtype).eps if rtol is None else rtol
        rank = int((tolerance * S[0] < S).sum())
        U, S, V = U[:, :rank], S[:rank], Vh[:rank].mT
    complete = len(S) == len(rows)
    if centered:
        U = _reflect(torch.cat([U.new_zeros(1, len(S)), U]))
    return Spectrum(U, S, V, complete)


def leading(C: Float[Tensor, "m d"], k: int) -> Float[Tensor, "d k"]:
    """The right singular vectors of the k largest singular values (fewer, where C has a lower rank)."""
    if C.shape[0] < C.shape[1]:
        squares, vectors = torch.linalg.eigh(C @ C.mT)
        count = _above(squares, k, C)
        # Householder makes them orthonormal to the last digit, also those of small singular values.
        return torch.linalg.qr(C.mT @ vectors.flip(1)[:, :count])[0]
    squares, vectors = torch.linalg.eigh(C.mT @ C)
    return vectors.flip(1)[:, : _above(squares, k, C)]


def _above(squares: Tensor, k: int, C: Tensor) -> int:
    tolerance = max(C.shape) * torch.finfo(C.dtype).eps * squares.max() if len(squares) else 0
    return min(k, int((squares > tolerance).sum()))


def _reflect(rows: Float[Tensor, "sent k"]) -> Float[Tensor, "sent k"]:
    """Swap the directions (1, …, 1)/√n and (1, 0, …): what sums to 0 then has nothing in its first row."""
    axis = rows.new_full((len(rows),), len(rows) ** -0.5)
    axis[0] -= 1
    length = axis.square().sum()
    return rows - axis[:, None] * (2 / length * (axis @ rows)) if length > 0 else rows


def row_mean(X: Float[Tensor, "sent d"]) -> Float[Tensor, " d"]:
    """x̄, exactly the row where all rows are equal."""
    return X[0] + (X - X[0]).mean(0)


def centered(X: Float[Tensor, "sent d"]) -> Float[Tensor, "sent d"]:
    """X − x̄, exactly 0 where all rows are equal: rounding would else look like variation."""
    X = X - X[0]
    return X - X.mean(0)
