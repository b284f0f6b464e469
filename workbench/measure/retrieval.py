"""Sentence retrieval: how often a sentence's nearest state in the other language is its translation.

Cosines are taken of the states as they are, as is usual in the field. A few dimensions that are large in
every sentence then dominate them; `centered_retrieval` takes out what all sentences of a language share.
"""

from jaxtyping import Float
from torch import Tensor

from workbench.measure.base import check_variation
from workbench.measure.neighbours import Rows, check_pairs, standings


def retrieval(X: Rows, Y: Rows) -> float:
    """Mean over i of [cos(x_i, y_i) = max_j cos(x_i, y_j)] / (number of j that reach it): P@1, X → Y.

    A tie is shared, so that rows which are all alike reach 1/n, which is chance.
    """
    return float(retrieval_scores(X, Y).mean())


def retrieval_scores(X: Rows, Y: Rows) -> Float[Tensor, " sent"]:
    """Whether each sentence's translation comes first: 1, 0, or 1 / (number tied)."""
    check_pairs("retrieval", X, Y)
    forward, _ = standings(X, Y)
    return forward.first


def centered_retrieval(X: Rows, Y: Rows) -> float:
    """`retrieval` of (X − x̄, Y − ȳ): without what sets the languages apart as a whole."""
    return float(centered_retrieval_scores(X, Y).mean())


def centered_retrieval_scores(X: Rows, Y: Rows) -> Float[Tensor, " sent"]:
    """`retrieval_scores` of (X − x̄, Y − ȳ)."""
    check_pairs("retrieval", X, Y)
    check_variation("retrieval", X, Y)
    X, Y = X.double(), Y.double()
    return retrieval_scores(X - X.mean(0), Y - Y.mean(0))
