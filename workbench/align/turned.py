"""The same step in a random direction: a control for any fitted map, linear or not."""

from functools import lru_cache
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.base import Aligner, Params, check_pairs


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
        check_pairs(X, Y)
        self.aligner.fit(X, Y)
        return self

    def transform(self, X: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The turned images."""
        aligner: Aligner = self.aligner
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
