"""The nearest rotation: distances between sentences stay as they are."""

from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner
from workbench.align.base import check_pairs
from workbench.align.spectrum import Spectrum, centered, row_mean, spectrum


class Procrustes(LinearAligner):
    """argmin_{R, c} ‖c X R − Y‖² with RᵀR = I, c = 1 without `scale`; with `center`, on X − x̄ and Y − ȳ.

    R = P Qᵀ from Xᵀ Y = P D Qᵀ and c = tr D / ‖X R‖². With fewer pairs than dimensions many rotations fit
    alike, and the one nearest to the identity is taken (`rank_` directions are learned from the pairs, and
    what neither language's sentences reach stays as it is). Where widths differ, W = P Qᵀ carries the
    directions that pairs reach without changing lengths, and drops the others.
    """

    def __init__(self, center: bool = True, scale: bool = False):
        self.center = center
        self.scale = scale

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Learn R (and c and b)."""
        check_pairs(X, Y, at_least=2 if self.center else 1)
        X, Y = X.double(), Y.double()
        x_mean, y_mean = row_mean(X), row_mean(Y)
        if self.center:
            X, Y = centered(X), centered(Y)
        a, b, D = _matched(spectrum(X, self.center), spectrum(Y, self.center))
        square = X.shape[1] == Y.shape[1]
        # ‖X R‖ is ‖X‖ for a rotation; a narrower target sees only what is carried over.
        size = float(X.square().sum() if square else (X @ a).square().sum())
        self.scale_ = float(D.sum()) / size if self.scale and len(D) else 1.0
        if square:
            left, right = _nearest_rotation(a, b)
            skip = self.scale_
        else:
            left, right, skip = a, b.mT, 0.0
        left = self.scale_ * left
        bias = y_mean - (x_mean @ left) @ right if self.center else None
        if bias is not None and skip:
            bias = bias - skip * x_mean
        self.map_ = Affine.of(left, right, bias, skip)
        self.rank_, self.n_ = len(D), len(X)
        return self


def _matched(x: Spectrum, y: Spectrum) -> tuple[Tensor, Tensor, Tensor]:
    """a [d_source r], b [d_target r] and D with Xᵀ Y = a diag(D) bᵀ, over what is not 0."""
    P, D, Qh = torch.linalg.svd(x.S[:, None] * (x.U.mT @ y.U) * y.S, full_matrices=False)
    rank = int((max(len(x.V), len(y.V)) * torch.finfo(D.dtype).eps * D[:1] < D).sum())
    return x.V @ P[:, :rank], y.V @ Qh[:rank].mT, D[:rank]


def _nearest_rotation(a: Float[Tensor, "d r"], b: Float[Tensor, "d r"]) -> tuple[Tensor, Tensor]:
    """R − I as left · right, R the rotation with aᵀ R = bᵀ that is nearest to I."""
    # Outside the span of a and b nothing need move, so that all happens in 2r dimensions at most.
    basis = torch.linalg.qr(torch.cat([a, b], dim=1))[0]
    a, b = basis.mT @ a, basis.mT @ b
    rotation = a @ b.mT
    rest_a, rest_b = (torch.linalg.qr(part, mode="complete")[0][:, part.shape[1] :] for part in (a, b))
    if rest_a.shape[1]:
        P, _, Qh = torch.linalg.svd(rest_a.mT @ rest_b)
        rotation = rotation + rest_a @ P @ Qh @ rest_b.mT
    rotation = rotation - torch.eye(len(rotation)).to(rotation)
    return basis @ rotation, basis.mT
