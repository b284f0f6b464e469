"""MEXA: how many sentences lie nearest to their own translation, seen from either side."""

from workbench.measure.neighbours import Rows, check_pairs, standings


def mexa(X: Rows, Y: Rows) -> float:
    """Mean over i of [cos(x_i, y_i) > max over j ≠ i of cos(x_i, y_j) and of cos(x_j, y_i)].

    Kargaran et al. 2024. Stricter than retrieval, which has one of the two maxima; a tie does not count.
    """
    check_pairs("MEXA", X, Y)
    forward, backward = standings(X, Y)
    return float((forward.alone & backward.alone).double().mean())
