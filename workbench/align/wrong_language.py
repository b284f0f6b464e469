"""A map that was learned from another language: a control."""

from typing import Any, Self

from jaxtyping import Float
from torch import Tensor

from workbench.align.base import Aligner, Params, check_fitted, check_pairs, fresh
from workbench.errors import InputError


class WrongLanguage(Params):
    """The wrapped aligner's objective on (`other`, Y): X is ignored, but for its width.

    `other` holds another source language's states of the same sentences: [sent d], or [layer sent d] as
    `fit_layers` takes the source, which then picks layer and rows from it. It rules out that the gain
    comes from *this* source language: a map to the target that any language would do for gains it too.
    It does not rule out what languages share, such as the target's mean, nor a language close to `other`.
    """

    not_exported = ("other",)

    def __init__(self, aligner: Any, other: Tensor):
        self.aligner = aligner
        self.other = other

    def at(self, layer: int, rows: Tensor) -> "WrongLanguage":
        """The same control with the other language's states of one layer and some sentences."""
        if self.other.ndim != 3 or layer >= len(self.other) or rows.max() >= self.other.shape[1]:
            raise InputError(
                f"WrongLanguage needs the other language's states as [layer sent d] of the same layers and "
                f"sentences; {tuple(self.other.shape)} given"
            )
        return WrongLanguage(self.aligner, self.other[layer][rows])

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Fit a copy of the aligner from the other language."""
        check_pairs(X, Y)
        check_pairs(self.other, Y)
        if self.other.shape[1] != X.shape[1]:
            raise InputError(
                f"the other language's states have width {self.other.shape[1]}, the source's {X.shape[1]}: "
                "both must come from one model"
            )
        self.aligner_: Aligner = fresh(self.aligner).fit(self.other, Y)
        self.n_ = len(Y)
        return self

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """Apply the other language's map."""
        check_fitted(self, "aligner_")
        return self.aligner_.transform(X)
