"""The mapped state in place of the state."""

from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.intervene.base import Map


class Replace:
    """h′ = W h (+ b). A widely copied reading of INCLINE; its paper adds instead."""

    uses_strength = False

    def __call__(
        self, h: Float[Tensor, "batch d_model"], map: Map, strength: float = 1.0
    ) -> Float[Tensor, "batch d_model"]:
        """The mapped states."""
        if strength != 1:
            raise InputError(
                f"replace knows no strength, but {strength:g} was given: leave it at 1, or use interpolate"
            )
        return map(h)
