"""Sentence retrieval: how often a sentence's nearest state in the other language is its translation.

Cosines are taken of the states as they are, as is usual in the field. A few dimensions that are large in
every sentence then dominate them; `centered_retrieval` takes out what all sentences of a language share.
"""

from torch import Tensor

from workbench.measure.base import check_variation
from workbench.measure.neighbours import Rows, check_pairs, standings


def retrieval(X: Rows, Y: Rows) -> float:
    """Mean over i of [cos(x_i, y_i) = max_j cos(x_i, y_j)] / (number of j that reach it): P@1, X → Y.

    A tie is shared, so that rows which are all alike reach 1/n, which is chance.
    """
    check_pairs("retrieval", X, Y)
    return _share_found(X, Y)


def centered_retrieval(X: Rows, Y: Rows) -> float:
    """`retrieval` of (X − x̄, Y − ȳ): without what sets the languages apart as a whole."""
    check_pairs("retrieval", X, Y)
    check_variation("retrieval", X, Y)
    X, Y = X.double(), Y.double()
    return _share_found(X - X.mean(0), Y - Y.mean(0))


def _share_found(X: Tensor, Y: Tensor) -> float:
    forward, _ = standings(X, Y)
    return float(forward.first.mean())
