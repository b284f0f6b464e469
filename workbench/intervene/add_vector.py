"""One vector on top of every state: steering by a difference of means."""

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.intervene.base import Map, moved


class AddVector:
    """h′ = h + α v, with v a vector given here, or else the step that the map takes: v = W h (+ b) − h.

    With a mean-shift map that step is the difference of the languages' means, the same for every state.
    With any other map it differs from state to state, and the formula is `Interpolate` in other words.
    """

    uses_strength = True

    def __init__(self, vector: Float[Tensor, " d_model"] | None = None):
        if vector is not None and (vector.ndim != 1 or not torch.isfinite(vector).all()):
            raise InputError(f"not a vector of finite numbers: shape {tuple(vector.shape)}")
        self.vector = vector

    def __call__(
        self, h: Float[Tensor, "batch d_model"], map: Map, strength: float = 1.0
    ) -> Float[Tensor, "batch d_model"]:
        """The states, moved by α times the vector."""
        if self.vector is not None:
            return moved(h, self.vector, strength)
        if strength == 0:
            return h  # as for every formula with a strength: the same bits
        return h + strength * (map(h) - h)
