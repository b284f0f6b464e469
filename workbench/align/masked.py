"""The map that sets some coordinates to 0 and leaves the others: an ablation."""

from typing import Self

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.align.base import Params, check_rows


class Masked(Params):
    """x ↦ x, but 0 where `off` is true. `fit` learns nothing."""

    def __init__(self, off: Bool[Tensor, " d"]):
        self.off = off

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Itself."""
        return self

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The rows without those coordinates."""
        check_rows(X, len(self.off))
        return X.masked_fill(self.off.to(X.device, torch.bool), 0.0)
