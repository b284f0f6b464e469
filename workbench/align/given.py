"""A map that was made elsewhere, not fitted on pairs, under the same contract: it can be swept and kept."""

from typing import Self

from jaxtyping import Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner


class Given(LinearAligner):
    """x ↦ x W + b, as it was given. `fit` learns nothing."""

    @classmethod
    def of(cls, map: Affine) -> Self:
        """The map of these numbers."""
        made = cls()
        made.map_ = map
        return made

    @classmethod
    def step(cls, vector: Float[Tensor, " d"]) -> Self:
        """x ↦ x + v: one vector on top of every state."""
        return cls.of(Affine((), vector.detach().double().cpu(), skip=1.0))

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Itself."""
        return self
