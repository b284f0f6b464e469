"""A map whose step is as large as the state is far from the target's region."""

from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.base import Aligner, Params, check_fitted, check_pairs, fresh


class Adaptive(Params):
    """x ↦ x + g(x) (T(x) − x), T the wrapped aligner's map.

    g is how far x lies from the target's mean along the line between the languages' means: 1 at the
    source's mean, 0 at the target's and beyond it, and never above `most`. So a state that is where the
    target's are stays where it is.
    """

    def __init__(self, aligner: Any, most: float = 2.0):
        self.aligner = aligner
        self.most = most

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Fit a copy of the aligner; learn the two means."""
        check_pairs(X, Y)
        self.aligner_: Aligner = fresh(self.aligner).fit(X, Y)
        self.target_ = Y.double().mean(0)
        line = X.double().mean(0) - self.target_
        self.line_ = line / line.square().sum().clamp(min=torch.finfo(torch.float64).tiny)
        self.n_ = len(X)
        return self

    def share(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "..."]:
        """g, for each row."""
        check_fitted(self, "aligner_")
        here = X.double() - self.target_.to(X.device)
        return (here @ self.line_.to(X.device)).clamp(0, self.most)

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The states, each moved by its own share of the way."""
        image = self.share(X)[..., None].to(X)
        return X + image * (self.aligner_.transform(X) - X)
