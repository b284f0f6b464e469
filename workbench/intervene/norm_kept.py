"""Any formula, with the length of the state kept."""

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.intervene.base import Intervention, Map


class NormKept:
    """h″ = h′ · ‖h‖ / ‖h′‖, with h′ from another formula: only its direction is taken.

    What this changes beside the formula alone is owed to the length of the new state. Where h′ = 0 there
    is no direction, and it stays 0.
    """

    def __init__(self, inner: Intervention):
        self.inner, self.uses_strength = inner, inner.uses_strength

    def __call__(
        self, h: Float[Tensor, "batch d_model"], map: Map, strength: float = 1.0
    ) -> Float[Tensor, "batch d_model"]:
        """The inner formula's states, each as long as the state it replaces."""
        after = self.inner(h, map, strength)
        if self.uses_strength and strength == 0:
            return after  # it is h, and ‖h‖ / ‖h‖ need not be 1 to the bit
        wide = after.double()  # squares of large half-precision states would overflow
        tiny = torch.finfo(torch.float64).tiny
        length = wide.norm(dim=-1, keepdim=True).clamp(min=tiny)
        return (wide * (h.double().norm(dim=-1, keepdim=True) / length)).to(after.dtype)
