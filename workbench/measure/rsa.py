"""Representational similarity: whether sentences that lie apart in one language lie apart in the other."""

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.measure.base import check_rows, check_variation
from workbench.measure.gram import Rows, condensed, inner_products, scaled, squared_distances
from workbench.measure.neighbours import unit
from workbench.measure.ranks import spearman, unit_ranks

DISTANCES = ("cosine", "euclidean")


def rsa(X: Rows, Y: Float[Tensor, "sent d_other"], distance: str = "cosine") -> float:
    """Spearman of d(x_i, x_j) with d(y_i, y_j) over i < j, d = 1 − cos or ‖·‖ (Kriegeskorte et al. 2008)."""
    return float(spearman(*_compared(X, Y, distance)))


def rsa_shares(X: Rows, Y: Float[Tensor, "sent d_other"]) -> Float[Tensor, " sent"]:
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
    check_rows("RSA", X, Y, at_least=3)
    check_variation("RSA", X, Y)
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
