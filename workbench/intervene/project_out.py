"""The state without the part in which languages differ."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.intervene.base import Map


class ProjectOut:
    """h′ = h − α P (h − c), with P = B Bᵀ the projector onto a subspace and c a centre (0 if not given).

    At α = 1 every state has the centre's part in the subspace, so that doing it twice changes nothing
    more. The map is not used.
    """

    uses_strength = True

    def __init__(self, basis: Float[Tensor, "d_model k"], centre: Float[Tensor, " d_model"] | None = None):
        if basis.ndim != 2 or basis.shape[0] < basis.shape[1] or basis.shape[1] == 0:
            raise InputError(f"a basis is [d_model k], k ≤ d_model: {tuple(basis.shape)} given")
        self.basis = basis.double()
        error = self.basis.mT @ self.basis - torch.eye(basis.shape[1], device=basis.device)
        if not error.abs().max() < 1e-5:  # so that NaN is refused as well
            raise InputError("the basis is not orthonormal: take it from language_subspace, or from a QR")
        self.centre = torch.zeros_like(self.basis[:, 0]) if centre is None else centre.double()
        if self.centre.shape != self.basis.shape[:1]:
            raise InputError(f"a centre {tuple(centre.shape)} for a basis {tuple(basis.shape)}")  # type: ignore[union-attr]

    def __call__(
        self, h: Float[Tensor, "batch d_model"], map: Map, strength: float = 1.0
    ) -> Float[Tensor, "batch d_model"]:
        """The states, with the share α of the subspace taken out."""
        if strength == 0:
            return h
        if h.shape[-1] != len(self.basis):
            raise InputError(f"a basis of width {len(self.basis)} does not fit states of {h.shape[-1]}")
        basis, centre = self.basis.to(h.device), self.centre.to(h.device)
        wide = h.double()
        return (wide - strength * ((wide - centre) @ basis) @ basis.mT).to(h.dtype)


def language_subspace(
    states: Sequence[Float[Tensor, "_ d_model"]], k: int
) -> tuple[Float[Tensor, "d_model k"], Float[Tensor, " d_model"]]:
    """B and c: the first k directions in which the languages' means lie apart, and the means' mean.

    Means of L languages, centred, span L − 1 directions at most; each language counts the same, however
    many states it has.
    """
    if not 1 <= k < len(states):
        raise InputError(f"{len(states)} languages differ in 1 … {len(states) - 1} directions, not in {k}")
    means = torch.stack([rows.double().mean(0) for rows in states])
    centre = means.mean(0)
    _, S, Vh = torch.linalg.svd(means - centre, full_matrices=False)
    # A direction of length 0 would be an arbitrary one.
    if not S[k - 1] > 1e-10 * means.norm():
        raise InputError(f"the languages' means differ in fewer than {k} directions: ask for a smaller k")
    return Vh[:k].mT.contiguous(), centre
