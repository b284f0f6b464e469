"""Controls: aligners without information about translations, fitted and used like other aligners."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.base import (
    Affine,
    Aligner,
    Around,
    Estimator,
    LinearAligner,
    Wrapper,
    check_fitted,
    check_pairs,
    check_rows,
    fresh,
)
from workbench.align.solvers import centered, row_mean
from workbench.core.errors import InputError
from workbench.core.numbers import as_tensor


class Identity(Estimator):
    """W = I, b = 0: as `Replace` it changes nothing, as `AddMapped` it only makes the state longer."""

    equal_widths = True

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        self.width_ = X.shape[1]

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """X."""
        check_fitted(self, "width_")
        return check_rows(X, self.width_)


@dataclass(eq=False, repr=False)
class RandomRotation(LinearAligner):
    """h ↦ x̄ + (h − x̄) Q, Q an orthogonal matrix drawn uniformly (Haar) from the seed.

    Distances stay, the meaning of directions is lost. It rules out that the gain comes from states of the
    right spread about the right mean.
    """

    seed: int = 0
    equal_widths = True

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        mean = row_mean(X.double())
        rotation = random_orthogonal(X.shape[1], self.seed).to(X.device)
        self.map_ = Affine((rotation,), mean - mean @ rotation)


def random_orthogonal(d: int, seed: int) -> Float[Tensor, "d d"]:
    """A d × d orthogonal matrix from the uniform distribution over all of them."""
    generator = torch.Generator().manual_seed(seed)
    Q, R = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))
    # QR alone prefers some signs; with R's diagonal positive it is unique, and Q uniform.
    return Q * torch.where(R.diagonal() < 0, -1.0, 1.0)


@dataclass(eq=False, repr=False)
class RandomEqualNorm(LinearAligner):
    """h ↦ h + (h − x̄) G + g, G and g Gaussian from the seed, as large as the wrapped aligner's change.

    With T the wrapped aligner's map and D = T(X) − X over the fitting rows, ‖g‖ = ‖D̄‖ and ‖(X − x̄) G‖ =
    ‖D − D̄‖. It rules out that the gain comes from how far states are moved, in whatever direction.
    """

    aligner: Any
    seed: int = 0
    equal_widths = True

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        self.aligner_: Aligner = fresh(self.aligner).fit(X, Y)
        X = X.double()
        change = self.aligner_.transform(X) - X
        generator = torch.Generator().manual_seed(self.seed)
        G = torch.randn(X.shape[1], X.shape[1], generator=generator, dtype=X.dtype).to(X.device)
        g = torch.randn(X.shape[1], generator=generator, dtype=X.dtype).to(X.device)
        G = G * _ratio(centered(change).norm(), (centered(X) @ G).norm())
        g = g * _ratio(row_mean(change).norm(), g.norm())
        self.map_ = Affine((torch.eye(X.shape[1], dtype=X.dtype, device=X.device) + G,), g - row_mean(X) @ G)


def _ratio(wanted: Tensor, drawn: Tensor) -> Tensor:
    # Equal rows have no change about the mean, so that there is nothing to match.
    return wanted / drawn if drawn > 0 else torch.zeros_like(wanted)


@dataclass(eq=False, repr=False)
class ShuffledPairs(Wrapper):
    """The wrapped aligner's objective on (X, Y[π]), π a random order in which no row keeps its place.

    A gain beyond this one depends on *which* sentences are parallel. A shift of the mean is not ruled out.
    """

    aligner: Any
    seed: int = 0
    at_least = 2

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        self.order_ = derangement(len(X), self.seed)
        self.aligner_ = fresh(self.aligner).fit(X, Y[self.order_.to(Y.device)])


def derangement(n: int, seed: int) -> Tensor:
    """A random order of n rows in which each has moved (a cycle through all of them)."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    moved = torch.empty_like(order)
    # Each row gets its successor's target on a random circle, so none can keep its own.
    moved[order] = order.roll(-1)
    return moved


@dataclass(eq=False, repr=False)
class WrongLanguage(Wrapper):
    """The wrapped aligner's objective on (`other`, Y): X is ignored, but for its width.

    `other` holds another source language's states of the same sentences: [sent d], or [layer sent d] for
    `fit_layers`, which picks layer and rows. A gain beyond this one comes from *this* source language.
    """

    aligner: Any
    other: Tensor
    not_exported = ("other",)

    def at(self, layer: int, rows: Tensor) -> "WrongLanguage":
        """The same control with the other language's states of one layer and some sentences."""
        if self.other.ndim != 3 or layer >= len(self.other) or rows.max() >= self.other.shape[1]:
            raise InputError(
                f"WrongLanguage needs the other language's states as [layer sent d] of the same layers and "
                f"sentences; {tuple(self.other.shape)} given"
            )
        return WrongLanguage(self.aligner, self.other[layer][rows])

    def _fit(self, X: Tensor, Y: Tensor) -> None:
        check_pairs(self.other, Y)
        if self.other.shape[1] != X.shape[1]:
            raise InputError(
                f"the other language's states have width {self.other.shape[1]}, the source's {X.shape[1]}: "
                "both must come from one model"
            )
        self.aligner_ = fresh(self.aligner).fit(self.other, Y)


@dataclass(eq=False, repr=False)
class Turned(Around):
    """h ↦ h + R (T(h) − h), or with `whole` h ↦ R T(h), R a random signed permutation of the coordinates.

    T is the wrapped aligner's map, which may be fitted already. Every state is moved exactly as far as by T,
    in a random direction. `whole` is for formulas that add T(h) itself (`add_mapped`).
    """

    aligner: Any
    whole: bool = False
    seed: int = 0

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The turned images."""
        X = as_tensor(X, "X")
        image = self.aligner.transform(X)
        step = image if self.whole else image - X
        order, signs = _turn(X.shape[-1], self.seed)
        turned = step[..., order.to(X.device)] * signs.to(X)
        return turned if self.whole else X + turned


@lru_cache(maxsize=64)
def _turn(width: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(width, generator=generator)
    return order, torch.randint(0, 2, (width,), generator=generator) * 2.0 - 1
