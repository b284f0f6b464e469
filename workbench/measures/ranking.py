"""Ranks and rank correlations, and a sentence's rank among others."""

import torch
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor

from workbench.core.errors import InputError
from workbench.measures.neighbours import Rows, check_pairs, standings

# Shared by what correlates ranks: Spearman's coefficient of many values at once.


def ranks(values: Float[Tensor, "*rows n"]) -> Float[Tensor, "*rows n"]:
    """1 for the smallest to n for the largest of each row; equal values share the mean of their ranks."""
    return torch.from_numpy(rankdata(values.double().cpu().numpy(), axis=-1)).to(values.device)


def spearman(a: Float[Tensor, "*rows n"], b: Float[Tensor, "*rows n"]) -> Float[Tensor, "*rows"]:
    """Pearson's r of the ranks; NaN where either side does not vary, which is for the caller to see to."""
    return (unit_ranks(a) * unit_ranks(b)).sum(-1).clamp(-1, 1)


def unit_ranks(values: Float[Tensor, "*rows n"]) -> Float[Tensor, "*rows n"]:
    """Ranks less their mean, of length 1; NaN where nothing varies."""
    centred = ranks(values)
    centred = centred - centred.mean(-1, keepdim=True)
    return centred / centred.norm(dim=-1, keepdim=True)


# Where a sentence's translation stands among all: first (P@1) or how near the top (MRR), by cosine or CSLS.
#
# Each has a form per query, for intervals: resample or jackknife the *queries* and keep the pool as it is.
# Resampling rows of both sides with replacement lets copies compete with their own translation.


Scores = Float[Tensor, " sent"]
DIRECTIONS = ("forward", "backward", "mean")


def precision_at_1(X: Rows, Y: Rows, by: str = "cosine", direction: str = "mean", k: int = 10) -> float:
    """Mean over queries of [translation scores highest] / (number that reach its score).

    `forward` searches Y from X, `backward` X from Y, `mean` is the mean of both. `by` is "cosine" or "csls"
    with k neighbours (Conneau et al. 2018).
    """
    return float(query_scores(X, Y, "p@1", by, direction, k).mean())


def csls(X: Rows, Y: Rows) -> float:
    """`precision_at_1` by 2 cos(x, y) − r(x) − r(y), both directions, 10 neighbours (Conneau et al. 2018)."""
    return float(csls_scores(X, Y).mean())


def csls_scores(X: Rows, Y: Rows) -> Scores:
    """What each sentence adds to `csls`: the mean of its two directions, so that a sentence is one unit."""
    return query_scores(X, Y, by="csls")


def mrr(X: Rows, Y: Rows, by: str = "cosine", direction: str = "mean", k: int = 10) -> float:
    """Mean over queries of 1 / rank of the translation; ties take the mean over the ranks they share."""
    return float(query_scores(X, Y, "mrr", by, direction, k).mean())


def mrr_scores(X: Rows, Y: Rows) -> Scores:
    """What each sentence adds to `mrr`: the mean of its two directions."""
    return query_scores(X, Y, of="mrr")


def query_scores(
    X: Rows, Y: Rows, of: str = "p@1", by: str = "cosine", direction: str = "mean", k: int = 10
) -> Scores:
    """What each sentence adds to `precision_at_1` ("p@1") or `mrr` ("mrr"), which are their means."""
    if of not in ("p@1", "mrr"):
        raise InputError(f"unknown score {of!r}: give p@1 or mrr")
    if direction not in DIRECTIONS:
        raise InputError(f"unknown direction {direction!r}: give one of {', '.join(DIRECTIONS)}")
    X, Y = check_pairs("retrieval", X, Y)
    forward, backward = standings(X, Y, by, k)
    one, other = (side.first if of == "p@1" else side.reciprocal for side in (forward, backward))
    return {"forward": one, "backward": other, "mean": (one + other) / 2}[direction]
