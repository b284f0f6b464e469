"""Controls: aligners without information about translations, fitted and used like other aligners."""

from functools import lru_cache
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.affine import Affine, LinearAligner
from workbench.align.base import Aligner, Params, check_fitted, check_pairs, check_rows, fresh
from workbench.align.solvers import centered, row_mean
from workbench.core.errors import InputError
from workbench.core.types import as_tensor

# The map that changes nothing: a null.


class Identity(Params):
    """W = I, b = 0.

    As `Replace` it must change nothing at all, and as `AddMapped` it only makes the state longer. What a
    method gains and this gains too was no matter of languages.
    """

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Learn nothing but the width."""
        X, Y = check_pairs(X, Y)
        if X.shape != Y.shape:
            raise InputError(f"Identity needs equal widths; {X.shape[1]} and {Y.shape[1]} given")
        self.width_, self.n_ = X.shape[1], len(X)
        return self

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """X."""
        check_fitted(self, "width_")
        return check_rows(X, self.width_)


# A random rotation about the source's own mean: a control.


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
        X, Y = check_pairs(X, Y)
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


# A random change of the same size as any aligner's: a control.


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
        X, Y = check_pairs(X, Y)
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


# Any aligner, fitted on shuffled pairs: a control.


class ShuffledPairs(Params):
    """The wrapped aligner's objective on (X, Y[π]), π a random order in which no row keeps its place.

    It rules out that the gain comes from *which* sentences are parallel. It does not rule out a shift: a
    map from shuffled pairs still carries the target's mean, and that alone may help.
    """

    def __init__(self, aligner: Any, seed: int = 0):
        self.aligner = aligner
        self.seed = seed

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Fit a copy of the aligner on broken pairs."""
        X, Y = check_pairs(X, Y, at_least=2)
        self.order_ = derangement(len(X), self.seed)
        self.aligner_: Aligner = fresh(self.aligner).fit(X, Y[self.order_.to(Y.device)])
        self.n_ = len(X)
        return self

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """Apply the map from broken pairs."""
        check_fitted(self, "aligner_")
        return self.aligner_.transform(X)


def derangement(n: int, seed: int) -> Tensor:
    """A random order of n rows in which each has moved (a cycle through all of them)."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    moved = torch.empty_like(order)
    # Each row gets its successor's target on a random circle, so none can keep its own.
    moved[order] = order.roll(-1)
    return moved


# A map that was learned from another language: a control.


class WrongLanguage(Params):
    """The wrapped aligner's objective on (`other`, Y): X is ignored, but for its width.

    `other` holds another source language's states of the same sentences: [sent d], or [layer sent d] as
    `fit_layers` takes the source, which then picks layer and rows from it. It rules out that the gain
    comes from *this* source language: a map to the target that any language would do for gains it too.
    It does not rule out what languages share, such as the target's mean, nor a language close to `other`.
    """

    not_exported = ("other",)

    def __init__(self, aligner: Any, other: Tensor):
        self.aligner = aligner
        self.other = other

    def at(self, layer: int, rows: Tensor) -> "WrongLanguage":
        """The same control with the other language's states of one layer and some sentences."""
        if self.other.ndim != 3 or layer >= len(self.other) or rows.max() >= self.other.shape[1]:
            raise InputError(
                f"WrongLanguage needs the other language's states as [layer sent d] of the same layers and "
                f"sentences; {tuple(self.other.shape)} given"
            )
        return WrongLanguage(self.aligner, self.other[layer][rows])

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Fit a copy of the aligner from the other language."""
        X, Y = check_pairs(X, Y)
        check_pairs(self.other, Y)
        if self.other.shape[1] != X.shape[1]:
            raise InputError(
                f"the other language's states have width {self.other.shape[1]}, the source's {X.shape[1]}: "
                "both must come from one model"
            )
        self.aligner_: Aligner = fresh(self.aligner).fit(self.other, Y)
        self.n_ = len(Y)
        return self

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """Apply the other language's map."""
        check_fitted(self, "aligner_")
        return self.aligner_.transform(X)


# The same step in a random direction: a control for any fitted map, linear or not.


class Turned(Params):
    """h ↦ h + R (T(h) − h), or with `whole` h ↦ R T(h), R a random signed permutation of the coordinates.

    T is the wrapped aligner's map, which may be fitted already. Every single state is moved exactly as far as
    T moves it, in a direction that has nothing to do with where T goes: what this gains too is owed to the
    size of the patch. `whole` is for formulas that add T(h) itself (`add_mapped`), not the step to it.
    """

    def __init__(self, aligner: Any, whole: bool = False, seed: int = 0):
        self.aligner = aligner
        self.whole = whole
        self.seed = seed

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Fit the wrapped aligner; the turn itself follows from the seed."""
        X, Y = check_pairs(X, Y)
        self.aligner.fit(X, Y)
        return self

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The turned images."""
        aligner: Aligner = self.aligner
        X = as_tensor(X, "X")
        image = aligner.transform(X)
        step = image if self.whole else image - X
        order, signs = _turn(X.shape[-1], self.seed)
        turned = step[..., order.to(X.device)] * signs.to(X)
        return turned if self.whole else X + turned


@lru_cache(maxsize=64)
def _turn(width: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(width, generator=generator)
    return order, torch.randint(0, 2, (width,), generator=generator) * 2.0 - 1
