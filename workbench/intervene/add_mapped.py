"""The mapped state on top of the state: what the INCLINE paper does."""

from jaxtyping import Float
from torch import Tensor

from workbench.intervene.base import Map


class AddMapped:
    """h′ = h + α (W h (+ b)). At α = 0 the state is returned as it is, to the bit."""

    uses_strength = True

    def __call__(
        self, h: Float[Tensor, "batch d_model"], map: Map, strength: float = 1.0
    ) -> Float[Tensor, "batch d_model"]:
        """The states, moved by α times their images."""
        if strength == 0:
            return h  # h + 0·Wh would turn −0 into 0, and infinity in Wh into NaN
        return h + strength * map(h)
