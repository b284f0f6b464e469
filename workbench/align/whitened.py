"""A rotation between whitened languages, as VecMap has it."""

from typing import Self

from jaxtyping import Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner
from workbench.align.base import check_pairs
from workbench.align.canonical import canonical, check_penalty, relative
from workbench.align.spectrum import centered, row_mean, spectrum
from workbench.errors import InputError


class Whitened(LinearAligner):
    """Whiten both languages, rotate one onto the other, and give the target's spread back.

    x ↦ ȳ + (x − x̄) C_x^(−½) P diag(ρ)^reweight Qᵀ C_y^(½), with C the regularised covariances and
    P Qᵀ = argmin over rotations of ‖X_w R − Y_w‖² = the SVD of X_wᵀ Y_w = P diag(ρ) Qᵀ. With `reweight` 0
    (the rotation alone) images vary as much as the target does, in every direction that pairs reach,
    however weak the tie; with 1 each direction counts by its correlation, which is `Ridge`.
    """

    def __init__(self, penalty: float = 0.1, reweight: float = 0.0):
        self.penalty = penalty
        self.reweight = reweight

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Learn both whitenings and the rotation between them."""
        check_pairs(X, Y, at_least=2)
        check_penalty(self.penalty)
        if not isinstance(self.reweight, int | float) or not self.reweight >= 0:
            raise InputError(f"reweight must be a number, 0 or above, but {self.reweight!r} was given")
        X, Y = X.double(), Y.double()
        x_mean, y_mean, X, Y = row_mean(X), row_mean(Y), centered(X), centered(Y)
        found = canonical(
            spectrum(X, True),
            spectrum(Y, True),
            min(X.shape[1], Y.shape[1]),
            relative(self.penalty, X),
            relative(self.penalty, Y),
        )
        right = (found.correlations**self.reweight)[:, None] * found.right
        self.map_ = Affine.of(found.left, right, y_mean - (x_mean @ found.left) @ right)
        self.correlations_ = found.correlations
        self.rank_, self.n_ = len(found.correlations), len(X)
        return self
