"""The difference of the languages' means: the simplest map that does something."""

from typing import Self

from jaxtyping import Float
from torch import Tensor

from workbench.align.base import Params, affine, check_fitted, check_pairs, check_width
from workbench.errors import InputError


class MeanShift(Params):
    """argmin_b ‖X + b − Y‖², that is b = ȳ − x̄ (W is the identity).

    It needs no pairs, only two sets of sentences: what it gains is owed to where the languages lie, not
    to which sentence means what.
    """

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Learn b."""
        check_pairs(X, Y)
        if X.shape != Y.shape:
            raise InputError(f"MeanShift needs equal widths; {X.shape[1]} and {Y.shape[1]} given")
        self.bias_ = Y.double().mean(0) - X.double().mean(0)
        self.n_ = len(X)
        return self

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """X + b."""
        check_fitted(self, "bias_")
        check_width(X, len(self.bias_))
        return affine(X, None, self.bias_)
