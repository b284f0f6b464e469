"""A random change of the same size as any aligner's: a control."""

from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner
from workbench.align.base import Aligner, check_pairs, fresh
from workbench.align.spectrum import centered, row_mean
from workbench.errors import InputError


class RandomEqualNorm(LinearAligner):
    """h ↦ h + (h − x̄) G + g, G and g Gaussian from the seed, as large as the wrapped aligner's change.

    With T the wrapped aligner's map and D = T(X) − X over the fitting rows, ‖g‖ = ‖D̄‖ and
    ‖(X − x̄) G‖ = ‖D − D̄‖: a shift as long as the method's, and changes about it of the same mean square,
    though not the same in every row. It rules out that the gain comes from how far states are moved, in
    whatever direction: this one knows nothing of the target.
    """

    def __init__(self, aligner: Any, seed: int = 0):
        self.aligner = aligner
        self.seed = seed

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Fit a copy of the aligner, measure how far it moves the rows, and draw as large a change."""
        check_pairs(X, Y)
        if X.shape != Y.shape:
            raise InputError(f"RandomEqualNorm needs equal widths; {X.shape[1]} and {Y.shape[1]} given")
        self.aligner_: Aligner = fresh(self.aligner).fit(X, Y)
        X = X.double()
        change = self.aligner_.transform(X) - X
        generator = torch.Generator().manual_seed(self.seed)
        G = torch.randn(X.shape[1], X.shape[1], generator=generator, dtype=X.dtype).to(X.device)
        g = torch.randn(X.shape[1], generator=generator, dtype=X.dtype).to(X.device)
        G = G * _ratio(centered(change).norm(), (centered(X) @ G).norm())
        g = g * _ratio(row_mean(change).norm(), g.norm())
        self.map_ = Affine((torch.eye(X.shape[1], dtype=X.dtype, device=X.device) + G,), g - row_mean(X) @ G)
        self.n_ = len(X)
        return self


def _ratio(wanted: Tensor, drawn: Tensor) -> Tensor:
    # Equal rows have no change about the mean, so that there is nothing to match.
    return wanted / drawn if drawn > 0 else torch.zeros_like(wanted)
