"""A way past some layers: a state is noted where it enters, and its image put in where it leaves."""

from typing import Any, Self

from jaxtyping import Float
from torch import Tensor

from workbench.align.base import Aligner, Params
from workbench.errors import InputError


class ShortcutEntry(Params):
    """x ↦ x, noted for the exit."""

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Itself."""
        return self

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The rows as they are."""
        self.noted = X
        return X


class ShortcutExit(Params):
    """x ↦ T(e), e the row that went through the entry in the same run: what lies between has no say.

    A pair of both belongs to one joint branch, the entry at the lower layer: `Branch.jointly` in cascade.
    """

    def __init__(self, entry: ShortcutEntry, aligner: Any):
        self.entry = entry
        self.aligner = aligner

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Fit the map from the entry's states to those at the exit."""
        self.aligner.fit(X, Y)
        return self

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The images of the rows that were noted."""
        noted = getattr(self.entry, "noted", None)
        if noted is None or noted.numel() != X.numel():
            raise InputError(
                "a shortcut's exit was reached without its entry: patch both in one run, in cascade"
            )
        aligner: Aligner = self.aligner
        return aligner.transform(noted.reshape(X.shape).to(X))
