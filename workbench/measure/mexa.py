"""MEXA: how many sentences lie nearest to their own translation, seen from either side."""

from jaxtyping import Float
from torch import Tensor

from workbench.measure.neighbours import Rows, check_pairs, standings


def mexa(X: Rows, Y: Rows) -> float:
    """Mean over i of [cos(x_i, y_i) > max over j ≠ i of cos(x_i, y_j) and of cos(x_j, y_i)].

    Kargaran et al. 2024. Stricter than retrieval, which has one of the two maxima; a tie does not count.
    """
    return float(mexa_scores(X, Y).mean())


def mexa_scores(X: Rows, Y: Rows) -> Float[Tensor, " sent"]:
    """1 for each sentence that lies nearest to its translation from both sides, 0 for others."""
    check_pairs("MEXA", X, Y)
    forward, backward = standings(X, Y)
    return (forward.alone & backward.alone).double()
