"""Canonical correlations between the main directions of each language."""

from typing import Self

from jaxtyping import Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner
from workbench.align.base import check_pairs
from workbench.align.canonical import canonical
from workbench.align.spectrum import Spectrum, centered, row_mean, spectrum
from workbench.errors import InputError


class SVCCA(LinearAligner):
    """CCA after each side is cut to the fewest singular directions that hold `keep` of its variance.

    x ↦ ȳ + Σ ρ_i z_i(x) r_i as in `CCA`, here without penalty: the cut takes its place. Within the
    directions kept this is least squares, so that with `keep` near 1 and few pairs it follows the noise.
    """

    def __init__(self, keep: float = 0.99):
        self.keep = keep

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Learn the directions of both sides."""
        check_pairs(X, Y, at_least=2)
        if not isinstance(self.keep, int | float) or not 0 < self.keep <= 1:
            raise InputError(f"keep is a share above 0 and up to 1, but {self.keep!r} was given")
        X, Y = X.double(), Y.double()
        x_mean, y_mean = row_mean(X), row_mean(Y)
        x, y = self._cut(spectrum(centered(X), True)), self._cut(spectrum(centered(Y), True))
        found = canonical(x, y, len(x.S))
        right = found.correlations[:, None] * found.right
        self.map_ = Affine.of(found.left, right, y_mean - (x_mean @ found.left) @ right)
        self.correlations_ = found.correlations
        self.kept_ = (len(x.S), len(y.S))
        self.rank_, self.n_ = len(found.correlations), len(X)
        return self

    def _cut(self, full: Spectrum) -> Spectrum:
        if not len(full.S):
            return full
        share = full.S.square().cumsum(0)
        # The last share is 1 up to rounding, which must not ask for one more direction than there is.
        return full.head(int((share < self.keep * (1 - 1e-12) * share[-1]).sum()) + 1)
