"""Pooling: from a residual per token to one state per sentence, inside the hook."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.core.errors import InputError, did_you_mean
from workbench.models import Batch
from workbench.models.tokens import Encoded

Pool = Literal["last", "mean", "weighted_mean", "all"]
"""What is kept of a sentence:

    last           the state at its last token
    mean           the mean over its tokens
    weighted_mean  the mean with weight t on its t-th token, as causal models see more later on
    all            every token's state
"""

Positions = Literal["all", "content", "sentence"]
"""Which tokens count: all real ones; all but BOS and other specials; or, inside a template, the
sentence's own."""

POOLS: tuple[str, ...] = get_args(Pool)
POSITIONS: tuple[str, ...] = get_args(Positions)


def default_positions(pool: str) -> str:
    """The last token is the last one the model sees; a mean leaves BOS and other specials out."""
    return "all" if pool == "last" else "content"


def counted(encoded: Encoded, positions: str) -> list[bool]:
    """Which tokens of a text count."""
    if positions == "all":
        return [True] * len(encoded)
    if positions == "content":
        return [not special for special in encoded.special]
    return list(encoded.sentence)


def check_choice(value: str, known: Sequence[str], what: str) -> None:
    """Raise `InputError` for a word that is not one of the known."""
    if value not in known:
        raise InputError(f"unknown {what} {value!r}: {did_you_mean(value, known)}")


class Pooler:
    """Pools the residuals of one batch; made once per batch, used at every site."""

    def __init__(self, pool: str, batch: Batch, count: Sequence[Sequence[bool]]):
        self.pool = pool
        self.keep = _spread(batch, count)
        self.padded = batch.padding == "left"
        width = self.keep.shape[1]
        rank = self.keep.cumsum(1) * self.keep
        if pool == "last":
            self.index = (width - 1) - self.keep.flip(1).int().argmax(1)
        elif pool != "all":
            weight = self.keep.float() if pool == "mean" else rank.float()
            self.weight = weight / weight.sum(1, keepdim=True)

    @property
    def n_rows(self) -> int:
        """Rows of the result: one a sentence, or one a token."""
        return int(self.keep.sum()) if self.pool == "all" else len(self.keep)

    def __call__(self, h: Float[Tensor, "batch pos width"]) -> Float[Tensor, "row width"]:
        """Pool one site's residuals."""
        if self.pool == "all":
            return rearrange(h, "batch pos width -> (batch pos) width")[self.keep.flatten().to(h.device)]
        if self.pool == "last":
            index = self.index.to(h.device)
            return h[torch.arange(len(h), device=h.device), index]
        if self.padded:
            # Under left padding a pad position may attend to nothing at all and hold NaN, which
            # a weight of zero does not silence.
            h = h.masked_fill(~self.keep[..., None].to(h.device), 0.0)
        weight = self.weight.to(h.device)
        return einsum(weight, h.float(), "batch pos, batch pos width -> batch width")


def _spread(batch: Batch, count: Sequence[Sequence[bool]]) -> Bool[Tensor, "batch pos"]:
    """The counted tokens of each row at their places in the padded batch."""
    keep = torch.zeros_like(batch.mask, device="cpu")
    width = keep.shape[1]
    for row, flags in enumerate(count):
        start = 0 if batch.padding == "right" else width - len(flags)
        keep[row, start : start + len(flags)] = torch.tensor(flags)
    return keep.to(batch.mask.device)
