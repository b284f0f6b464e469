"""The map that changes nothing: a null."""

from typing import Self

from jaxtyping import Float
from torch import Tensor

from workbench.align.base import Params, check_fitted, check_pairs, check_rows
from workbench.errors import InputError


class Identity(Params):
    """W = I, b = 0.

    As `Replace` it must change nothing at all, and as `AddMapped` it only makes the state longer. What a
    method gains and this gains too was no matter of languages.
    """

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Learn nothing but the width."""
        check_pairs(X, Y)
        if X.shape != Y.shape:
            raise InputError(f"Identity needs equal widths; {X.shape[1]} and {Y.shape[1]} given")
        self.width_, self.n_ = X.shape[1], len(X)
        return self

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """X."""
        check_fitted(self, "width_")
        check_rows(X, self.width_)
        return X
