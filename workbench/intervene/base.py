"""What an intervention is: a formula for the new state, from the state and a fitted map."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError

Map = Callable[[Tensor], Tensor]
"""h ↦ W h (+ b), on rows: the `transform` of a fitted aligner."""


@runtime_checkable
class Intervention(Protocol):
    """h, map, α → h′, row by row."""

    uses_strength: bool
    """Whether α means anything to the formula; where it does not, only α = 1 is taken."""

    def __call__(
        self, h: Float[Tensor, "batch d_model"], map: Map, strength: float
    ) -> Float[Tensor, "batch d_model"]:
        """The new states."""


def patch_size(
    before: Float[Tensor, "batch d_model"], after: Float[Tensor, "batch d_model"]
) -> Float[Tensor, " batch"]:
    """‖h′ − h‖ / ‖h‖ for each row: how far the patch moved the state."""
    before, after = before.double(), after.double()
    tiny = torch.finfo(torch.float64).tiny
    return (after - before).norm(dim=-1) / before.norm(dim=-1).clamp(min=tiny)


def moved(
    h: Float[Tensor, "batch d_model"], vector: Float[Tensor, " d_model"], strength: float
) -> Float[Tensor, "batch d_model"]:
    """h + α v, in the states' precision; at α = 0 the states as they are, to the bit."""
    if len(vector) != h.shape[-1]:
        raise InputError(f"a vector of width {len(vector)} does not fit states of width {h.shape[-1]}")
    if strength == 0:
        return h  # h + 0·v would turn −0 into 0
    return (h + strength * vector.to(h.device)).to(h.dtype)
