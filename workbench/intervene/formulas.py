"""Patch types: formulas for the new state from the state, a fitted map and a strength."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.core.errors import InputError
from workbench.core.types import Positions

States = Float[Tensor, "batch d_model"]
Map = Callable[[Tensor], Tensor]
"""h ↦ W h (+ b), on rows: the `transform` of a fitted aligner."""
_TINY = torch.finfo(torch.float64).tiny


@runtime_checkable
class Intervention(Protocol):
    """h, map, α → h′, row by row."""

    uses_strength: bool
    """Whether the formula uses α; if not, only α = 1 is allowed."""

    def __call__(self, h: States, map: Map, strength: float) -> States:
        """The new states."""


def patch_size(before: States, after: States) -> Float[Tensor, " batch"]:
    """‖h′ − h‖ / ‖h‖ for each row: how far the patch moved the state."""
    before, after = before.double(), after.double()
    return (after - before).norm(dim=-1) / before.norm(dim=-1).clamp(min=_TINY)


class Replace:
    """h′ = W h (+ b). A widely copied reading of INCLINE; its paper adds instead."""

    uses_strength = False

    def __call__(self, h: States, map: Map, strength: float = 1.0) -> States:
        """The mapped states."""
        if strength != 1:
            raise InputError(
                f"replace has no strength, but {strength:g} was given: leave it at 1, or use interpolate"
            )
        return map(h)


class AddMapped:
    """h′ = h + α (W h (+ b)), as in the INCLINE paper. At α = 0 the state is unchanged, to the bit."""

    uses_strength = True

    def __call__(self, h: States, map: Map, strength: float = 1.0) -> States:
        """The states, moved by α times their images."""
        if strength == 0:
            return h  # h + 0·Wh would turn −0 into 0, and infinity in Wh into NaN
        return h + strength * map(h)


class Interpolate:
    """h′ = (1 − α) h + α (W h (+ b)): at α = 0 the state, at α = 1 its image, to the bit."""

    uses_strength = True

    def __call__(self, h: States, map: Map, strength: float = 1.0) -> States:
        """The states, moved by the share α towards their images."""
        if strength == 0:
            return h  # 0·Wh would turn −0 into 0, and infinity in Wh into NaN
        if strength == 1:
            return map(h)  # and so would 0·h
        return (1 - strength) * h + strength * map(h)


class AddVector:
    """h′ = h + α v, with v a vector given here, or else the step that the map takes: v = W h (+ b) − h.

    Of a mean-shift map that is the difference of the languages' means; with others, this is `Interpolate`.
    """

    uses_strength = True

    def __init__(self, vector: Float[Tensor, " d_model"] | None = None):
        if vector is not None and (vector.ndim != 1 or not torch.isfinite(vector).all()):
            raise InputError(f"not a vector of finite numbers: shape {tuple(vector.shape)}")
        self.vector = vector

    def __call__(self, h: States, map: Map, strength: float = 1.0) -> States:
        """The states, moved by α times the vector."""
        vector = self.vector
        if vector is not None and len(vector) != h.shape[-1]:
            raise InputError(f"a vector of width {len(vector)} does not fit states of width {h.shape[-1]}")
        if strength == 0:
            return h  # h + 0·v would turn −0 into 0
        if vector is None:
            return h + strength * (map(h) - h)
        return (h + strength * vector.to(h.device)).to(h.dtype)  # in the states' precision


class NormKept:
    """h″ = h′ · ‖h‖ / ‖h′‖, with h′ from another formula: only its direction is taken (0 stays 0)."""

    def __init__(self, inner: Intervention):
        self.inner, self.uses_strength = inner, inner.uses_strength

    def __call__(self, h: States, map: Map, strength: float = 1.0) -> States:
        """The inner formula's states, each as long as the state it replaces."""
        after = self.inner(h, map, strength)
        if self.uses_strength and strength == 0:
            return after  # it is h, and ‖h‖ / ‖h‖ need not be 1 to the bit
        wide = after.double()  # squares of large half-precision states would overflow
        length = wide.norm(dim=-1, keepdim=True).clamp(min=_TINY)
        return (wide * (h.double().norm(dim=-1, keepdim=True) / length)).to(after.dtype)


@dataclass(frozen=True)
class Incline:
    """A reading of INCLINE (arXiv 2410.12462): h + α W h at every layer's output, W fitted layer by layer.

    How to run one, given a fitted map for each site:

        patches = [
            Patch(site, INTERVENTIONS[way.formula], map, alpha, way.positions) for site, map in maps.items()
        ]
        with applied(model, patches, batch, from_clean=not way.cascade):
            logits = model.run(batch)
    """

    formula: str
    """A name in `INTERVENTIONS`."""
    positions: Positions
    cascade: bool
    """Whether a layer's patch sees what the patches below it did, or the states of a clean run."""
    centre: bool
    """Whether W is fitted on centred states, with a bias."""
    fit_on: Literal["last", "mean"]
    """The state of a sentence that W is fitted on: at its last token, or the mean over its tokens."""


INCLINE = {
    "paper": Incline("add_mapped", "last", cascade=True, centre=False, fit_on="last"),
    "released": Incline("add_mapped", "last", cascade=False, centre=False, fit_on="mean"),
}
"""As the paper defines it, and as its released code behaves; both take α from [−1, 1].

`released` leaves out what is a mistake of the study: α chosen on the test file, copies of English among the
pairs, and the right answer fed in while scoring. Its script for Llama flips the sign: a negative α here.
"""
