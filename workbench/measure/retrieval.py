"""Sentence retrieval: how often a sentence's nearest state in the other language is its translation.

Cosines are taken of the states as they are, as is usual in the field. A few dimensions that are large in
every sentence then dominate them; `centered_retrieval` takes out what all sentences of a language share.
"""

from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.measure.base import check_rows, check_variation

Rows = Float[Tensor, "sent d"]

BLOCK = 1024
"""Source rows that are compared at once: memory grows with the sentences, not with their square."""

TIE = 1e-12
"""Cosines closer than this are equal: float64 rounds within it, and float32 states do not."""


def retrieval(X: Rows, Y: Rows) -> float:
    """Mean over i of [cos(x_i, y_i) = max_j cos(x_i, y_j)] / (number of j that reach it): P@1, X → Y.

    A tie is shared, so that rows which are all alike reach 1/n, which is chance.
    """
    _check(X, Y)
    return _share_found(X.double(), Y.double())


def centered_retrieval(X: Rows, Y: Rows) -> float:
    """`retrieval` of (X − x̄, Y − ȳ): without what sets the languages apart as a whole."""
    _check(X, Y)
    check_variation("retrieval", X, Y)
    X, Y = X.double(), Y.double()
    return _share_found(X - X.mean(0), Y - Y.mean(0))


def _share_found(X: Tensor, Y: Tensor) -> float:
    X, Y = _unit(X), _unit(Y)
    found = X.new_zeros(())
    for start in range(0, len(X), BLOCK):
        cosine = X[start : start + BLOCK] @ Y.mT
        own = cosine.diagonal(start)[:, None]
        best = ~(cosine > own + TIE).any(1)
        found += (best / (cosine >= own - TIE).sum(1)).sum()
    return float(found / len(X))


def _unit(X: Tensor) -> Tensor:
    # By the largest entry first: squares of float64 extremes stay in range.
    largest = X.abs().amax(1, keepdim=True)
    if (largest == 0).any():
        rows = (largest == 0).flatten().nonzero().flatten()
        raise InputError(
            f"retrieval needs a direction for every row, but {len(rows)} are zero (first: "
            f"{rows[:3].tolist()}): leave those sentences out"
        )
    X = X / largest
    return X / X.norm(dim=1, keepdim=True)


def _check(X: Tensor, Y: Tensor) -> None:
    check_rows("retrieval", X, Y, at_least=2)
    if X.shape != Y.shape:
        raise InputError(f"retrieval needs equal widths; {X.shape[1]} and {Y.shape[1]} given")
