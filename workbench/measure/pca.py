"""The plane in which two languages' states spread most: their first two principal components together."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.solvers import row_mean
from workbench.errors import InputError
from workbench.measure.gram import Rows


@dataclass(frozen=True, eq=False)
class Plane:
    """A mean and two orthogonal directions; the second is zero where states lie on a line."""

    mean: Float[Tensor, " d"]
    axes: Float[Tensor, "two d"]
    shares: tuple[float, float]
    """The part of the fitted states' variance that lies along each."""

    def project(self, X: Rows) -> Float[Tensor, "sent two"]:
        """The places of states in the plane, those it was not fitted on too."""
        if X.ndim != 2 or X.shape[1] != len(self.mean):
            raise InputError(f"the plane is of states [sent {len(self.mean)}]; {tuple(X.shape)} given")
        return (X.to(self.mean) - self.mean) @ self.axes.mT


def joint_plane(X: Rows, Y: Float[Tensor, "sent_other d"]) -> Plane:
    """First two principal components of both languages' rows together: V of the SVD of [X; Y] − mean.

    Signs, which the components leave open, are such that Y's mean lies to the right of X's, and above.
    """
    for value in (X, Y):
        if value.ndim != 2 or value.shape[1] != X.shape[-1]:
            raise InputError(
                f"joint_plane needs [sent d] of equal widths; {tuple(X.shape)} and {tuple(Y.shape)} given"
            )
        if len(value) < 2:
            raise InputError(f"{len(value)} sentences are too few for joint_plane: give at least 2")
        if not torch.isfinite(value).all():
            raise InputError("joint_plane needs finite numbers: capture in float32")
    both = torch.cat([X.double(), Y.double()])
    mean = row_mean(both)
    both = both - mean
    _, sigma, axes = torch.linalg.svd(both, full_matrices=False)
    rounding = max(both.shape) * torch.finfo(both.dtype).eps * max(float(sigma[0]), float(mean.norm()))
    if sigma[0] <= rounding:
        raise InputError("joint_plane is not defined where all rows of both languages are equal")
    shares = sigma.square() / sigma.square().sum()
    towards = axes @ (row_mean(Y.double()) - row_mean(X.double()))
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True)).squeeze(1)
    signs = torch.where(towards.abs() > rounding, towards, largest).sign()
    kept = torch.where(sigma > rounding, signs, 0.0)[:2]
    flat = len(kept) < 2 or not bool(kept[1])
    two = both.new_zeros(2, both.shape[1])
    two[: len(kept)] = axes[:2] * kept[:, None]
    return Plane(mean, two, (float(shares[0]), 0.0 if flat else float(shares[1])))
