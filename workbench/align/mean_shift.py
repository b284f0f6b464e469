"""The difference of the languages' means: the simplest map that does something."""

from typing import Self

from jaxtyping import Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner
from workbench.align.base import check_pairs
from workbench.align.spectrum import row_mean
from workbench.errors import InputError


class MeanShift(LinearAligner):
    """argmin_b ‖X + b − Y‖², that is b = ȳ − x̄ (W is the identity).

    It needs no pairs, only two sets of sentences: what it gains is owed to where the languages lie, not
    to which sentence means what.
    """

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Learn b."""
        check_pairs(X, Y)
        if X.shape != Y.shape:
            raise InputError(f"MeanShift needs equal widths; {X.shape[1]} and {Y.shape[1]} given")
        self.map_ = Affine((), row_mean(Y.double()) - row_mean(X.double()), skip=1.0)
        self.n_ = len(X)
        return self
