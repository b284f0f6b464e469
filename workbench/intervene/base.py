"""What an intervention is: a formula for the new state, from the state and a fitted map."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

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
