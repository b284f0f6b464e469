"""Part of the way from the state to the mapped state."""

from jaxtyping import Float
from torch import Tensor

from workbench.intervene.base import Map


class Interpolate:
    """h′ = (1 − α) h + α (W h (+ b)). At α = 0 that is the state, at α = 1 its image, to the bit.

    `Replace` with a strength: where the map changes nothing, neither does this, whatever α. Below 0 and
    above 1 it goes on along the same line.
    """

    uses_strength = True

    def __call__(
        self, h: Float[Tensor, "batch d_model"], map: Map, strength: float = 1.0
    ) -> Float[Tensor, "batch d_model"]:
        """The states, moved by the share α towards their images."""
        if strength == 0:
            return h  # 0·Wh would turn −0 into 0, and infinity in Wh into NaN
        if strength == 1:
            return map(h)  # and so would 0·h
        return (1 - strength) * h + strength * map(h)
