"""A random rotation about the source's own mean: a control."""

from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner
from workbench.align.base import check_pairs
from workbench.align.spectrum import row_mean
from workbench.errors import InputError


class RandomRotation(LinearAligner):
    """h ↦ x̄ + (h − x̄) Q, Q an orthogonal matrix drawn uniformly (Haar) from the seed.

    All distances between sentences and their distances from the mean stay; which direction means what is
    lost. It rules out that the gain comes from states of the right spread about the right mean. It knows
    nothing of the target, and moves states as far as it happens to: `RandomEqualNorm` matches the size.
    """

    def __init__(self, seed: int = 0):
        self.seed = seed

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Draw Q, and learn where the source's mean is."""
        check_pairs(X, Y)
        if X.shape != Y.shape:
            raise InputError(f"RandomRotation needs equal widths; {X.shape[1]} and {Y.shape[1]} given")
        mean = row_mean(X.double())
        rotation = random_orthogonal(X.shape[1], self.seed).to(X.device)
        self.map_ = Affine((rotation,), mean - mean @ rotation)
        self.n_ = len(X)
        return self


def random_orthogonal(d: int, seed: int) -> Float[Tensor, "d d"]:
    """A d × d orthogonal matrix from the uniform distribution over all of them."""
    generator = torch.Generator().manual_seed(seed)
    Q, R = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))
    # QR alone prefers some signs; with R's diagonal positive it is unique, and Q uniform.
    return Q * torch.where(R.diagonal() < 0, -1.0, 1.0)
