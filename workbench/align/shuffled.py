"""Any aligner, fitted on pairs that are none: a control."""

from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.base import Aligner, Params, check_fitted, check_pairs, fresh


class ShuffledPairs(Params):
    """The wrapped aligner's objective on (X, Y[π]), π a random order in which no row keeps its place.

    It rules out that the gain comes from *which* sentences are parallel. It does not rule out a shift: a
    map from shuffled pairs still carries the target's mean, and that alone may help.
    """

    def __init__(self, aligner: Any, seed: int = 0):
        self.aligner = aligner
        self.seed = seed

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Fit a copy of the aligner on broken pairs."""
        check_pairs(X, Y, at_least=2)
        self.order_ = derangement(len(X), self.seed)
        self.aligner_: Aligner = fresh(self.aligner).fit(X, Y[self.order_.to(Y.device)])
        self.n_ = len(X)
        return self

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """Apply the map from broken pairs."""
        check_fitted(self, "aligner_")
        return self.aligner_.transform(X)


def derangement(n: int, seed: int) -> Tensor:
    """A random order of n rows in which each has moved (a cycle through all of them)."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    moved = torch.empty_like(order)
    # Each row gets its successor's target on a random circle, so none can keep its own.
    moved[order] = order.roll(-1)
    return moved
