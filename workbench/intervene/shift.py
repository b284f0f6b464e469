"""From one language's place to another's, and back again at a later layer."""

from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.intervene.base import Intervention, Map, moved


class Shift:
    """h′ = h − v_src + v_tgt, and back: h = h′ − v_tgt + v_src.

    Each way is a formula (with α: the share of the way; the map is not used). Put `forward_formula` at one
    layer and `inverse` at a later one: the layers between read the state as if it were the target
    language's, and what the shift alone brought with it is taken off again, whatever they added. With
    the means of the later layer the way back is that layer's own: `Shift(later_src, later_tgt).inverse`.
    """

    def __init__(self, source: Float[Tensor, " d_model"], target: Float[Tensor, " d_model"]):
        if source.shape != target.shape or source.ndim != 1:
            raise InputError(
                f"a shift needs two vectors of one width: {tuple(source.shape)}, {tuple(target.shape)}"
            )
        step = target.double() - source.double()
        # In float64: there and back again differs from nothing by the rounding of the states alone.
        self.forward_formula: Intervention = _Step(step)
        self.inverse: Intervention = _Step(-step)


class _Step:
    uses_strength = True

    def __init__(self, step: Float[Tensor, " d_model"]):
        self.step = step

    def __call__(
        self, h: Float[Tensor, "batch d_model"], map: Map, strength: float = 1.0
    ) -> Float[Tensor, "batch d_model"]:
        return moved(h, self.step, strength)
