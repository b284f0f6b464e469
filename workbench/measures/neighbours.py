"""Whether a sentence lies nearest to its translation: retrieval, CSLS, rank, MEXA, mutual neighbours."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.core.errors import InputError
from workbench.measures.base import PerSentence, Rows, Sides, check_rows

# Shared by what ranks sentences: cosines block by block, neighbourhoods, and where a translation stands.


BLOCK = 1024
"""Source rows that are compared at once: memory grows with the sentences, not with their square."""

TIE = 1e-12
"""Cosines closer than this are equal: float64 rounds within it, and float32 states do not."""

SCORES = ("cosine", "csls")
DIRECTIONS = ("forward", "backward", "mean")


@dataclass(frozen=True, eq=False)
class Standing:
    """For each query, how many of the pool score higher than its translation, and how many the same."""

    above: Int[Tensor, " sent"]
    level: Int[Tensor, " sent"]
    """At least 1: the translation itself."""

    @property
    def alone(self) -> Bool[Tensor, " sent"]:
        """Whether the translation, and nothing else, scores highest."""
        return (self.above == 0) & (self.level == 1)

    @property
    def first(self) -> Float[Tensor, " sent"]:
        """The chance that the translation comes first, where ties are broken by lot."""
        return (self.above == 0).double() / self.level

    @property
    def reciprocal(self) -> Float[Tensor, " sent"]:
        """(H_{a+l} − H_a) / l, H the harmonic numbers: the mean of 1/rank over the ranks a+1 … a+l."""
        ranks = torch.arange(1, len(self.above) + 1, dtype=torch.float64, device=self.above.device)
        harmonic = torch.cat([ranks.new_zeros(1), (1 / ranks).cumsum(0)])
        return (harmonic[self.above + self.level] - harmonic[self.above]) / self.level


def standings(X: Rows, Y: Rows, by: str = "cosine", k: int = 10) -> tuple[Standing, Standing]:
    """Where y_i stands among Y for x_i, and x_i among X for y_i; all pairs once, a block at a time.

    `csls` scores 2 cos(x_i, y_j) − r(x_i) − r(y_j), where r is a row's mean cosine to the k nearest of the
    other language (Conneau et al. 2018): states that are near to everything are no longer everyone's nearest.
    """
    if by not in SCORES:
        raise InputError(f"unknown score {by!r}: give one of {', '.join(SCORES)}")
    X, Y = unit(X), unit(Y)
    n = len(X)
    factor, r_x, r_y = (2, *neighbourhoods(X, Y, k)) if by == "csls" else (1, *X.new_zeros(2, n))
    own = factor * (X * Y).sum(1) - r_x - r_y
    forward, backward = torch.zeros(2, 2, n, dtype=torch.long, device=X.device)
    for start in range(0, n, BLOCK):
        rows = slice(start, start + BLOCK)
        score = factor * (X[rows] @ Y.mT) - r_x[rows, None] - r_y
        forward[:, rows] = _count(score, own[rows, None], 1)
        backward += _count(score, own[None, :], 0)
    return Standing(*forward), Standing(*backward)


def neighbourhoods(X: Rows, Y: Rows, k: int) -> tuple[Float[Tensor, " sent"], Float[Tensor, " sent"]]:
    """r(x_i): mean cosine of x_i to the k rows of Y nearest to it, and r(y_j); all rows of unit length."""
    if k < 1:
        raise InputError(f"k, {k}, is a number of neighbours: give at least 1")
    k = min(k, len(X))
    of_x, of_y = [], X.new_empty(0, len(Y))
    for start in range(0, len(X), BLOCK):
        cosine = X[start : start + BLOCK] @ Y.mT
        of_x.append(cosine.topk(k, dim=1).values.mean(1))
        of_y = torch.cat([of_y, cosine])
        of_y = of_y.topk(min(k, len(of_y)), dim=0).values
    return torch.cat(of_x), of_y.mean(0)


def _count(score: Tensor, own: Tensor, dim: int) -> Int[Tensor, "two sent"]:
    above = (score > own + TIE).sum(dim)
    return torch.stack([above, (score >= own - TIE).sum(dim) - above])


def unit(X: Rows, metric: str = "retrieval") -> Rows:
    """x_i / ‖x_i‖ in float64; rows without a direction are refused."""
    X = X.double()
    # By the largest entry first: squares of float64 extremes stay in range.
    largest = X.abs().amax(1, keepdim=True)
    if (largest == 0).any():
        rows = (largest == 0).flatten().nonzero().flatten()
        raise InputError(
            f"{metric} needs a direction for every row, but {len(rows)} are zero (first: "
            f"{rows[:3].tolist()}): leave those sentences out"
        )
    X = X / largest
    return X / X.norm(dim=1, keepdim=True)


# Sentence retrieval: how often a sentence's nearest state in the other language is its translation.
#
# Cosines are taken of the states as they are, as is usual in the field. A few dimensions that are large in
# every sentence then dominate them; `centered_retrieval` takes out what all sentences of a language share.


def retrieval(X: Rows, Y: Rows) -> float:
    """Mean over i of [cos(x_i, y_i) = max_j cos(x_i, y_j)] / (number of j that reach it): P@1, X → Y.

    A tie is shared, so that rows which are all alike reach 1/n, which is chance.
    """
    return float(retrieval_scores(X, Y).mean())


def retrieval_scores(X: Rows, Y: Rows) -> PerSentence:
    """Whether each sentence's translation comes first: 1, 0, or 1 / (number tied)."""
    return query_scores(X, Y, direction="forward")


def centered_retrieval(X: Rows, Y: Rows) -> float:
    """`retrieval` of (X − x̄, Y − ȳ): without what sets the languages apart as a whole."""
    return float(centered_retrieval_scores(X, Y).mean())


def centered_retrieval_scores(X: Rows, Y: Rows) -> PerSentence:
    """`retrieval_scores` of (X − x̄, Y − ȳ)."""
    X, Y = check_rows("retrieval", X, Y, at_least=2, equal_widths=True, varied=True)
    return retrieval_scores(*(side - side.mean(0) for side in (X.double(), Y.double())))


# Where a sentence's translation stands among all: first (P@1) or how near the top (MRR), by cosine or CSLS.
#
# Each has a form per query, for intervals: resample or jackknife the *queries* and keep the pool as it is.
# Resampling rows of both sides with replacement lets copies compete with their own translation.


def precision_at_1(X: Rows, Y: Rows, by: str = "cosine", direction: str = "mean", k: int = 10) -> float:
    """Mean over queries of [translation scores highest] / (number that reach its score).

    `forward` searches Y from X, `backward` X from Y, `mean` is the mean of both. `by` is "cosine" or "csls"
    with k neighbours (Conneau et al. 2018).
    """
    return float(query_scores(X, Y, "p@1", by, direction, k).mean())


def csls(X: Rows, Y: Rows) -> float:
    """`precision_at_1` by 2 cos(x, y) − r(x) − r(y), both directions, 10 neighbours (Conneau et al. 2018)."""
    return precision_at_1(X, Y, by="csls")


def mrr(X: Rows, Y: Rows, by: str = "cosine", direction: str = "mean", k: int = 10) -> float:
    """Mean over queries of 1 / rank of the translation; ties take the mean over the ranks they share."""
    return float(query_scores(X, Y, "mrr", by, direction, k).mean())


def query_scores(
    X: Rows, Y: Rows, of: str = "p@1", by: str = "cosine", direction: str = "mean", k: int = 10
) -> PerSentence:
    """What each sentence adds to `precision_at_1` ("p@1") or `mrr` ("mrr"), which are their means.

    With the direction "mean" that is the mean of its two directions, so that a sentence is one unit.
    """
    if of not in ("p@1", "mrr"):
        raise InputError(f"unknown score {of!r}: give p@1 or mrr")
    if direction not in DIRECTIONS:
        raise InputError(f"unknown direction {direction!r}: give one of {', '.join(DIRECTIONS)}")
    X, Y = check_rows("retrieval", X, Y, at_least=2, equal_widths=True)
    forward, backward = (side.first if of == "p@1" else side.reciprocal for side in standings(X, Y, by, k))
    return {"forward": forward, "backward": backward, "mean": (forward + backward) / 2}[direction]


# MEXA: how many sentences lie nearest to their own translation, seen from either side.


def mexa(X: Rows, Y: Rows) -> float:
    """Mean over i of [cos(x_i, y_i) > max over j ≠ i of cos(x_i, y_j) and of cos(x_j, y_i)].

    Kargaran et al. 2024. Stricter than retrieval, which has one of the two maxima; a tie does not count.
    """
    return float(mexa_scores(X, Y).mean())


def mexa_scores(X: Rows, Y: Rows) -> PerSentence:
    """1 for each sentence that lies nearest to its translation from both sides, 0 for others."""
    X, Y = check_rows("MEXA", X, Y, at_least=2, equal_widths=True)
    forward, backward = standings(X, Y)
    return (forward.alone & backward.alone).double()


# Mutual nearest neighbours: whether the same sentences are each other's neighbours in both languages.


def mutual_knn(X: Rows, Y: Rows, k: int = 10) -> float:
    """Mean over i of |N_k(x_i) ∩ N_k(y_i)| / k: neighbours by cosine within each language (Huh et al. 2024).

    k is at most a quarter of the sentences, so that chance, k/(n−1), stays low. Equal cosines share the
    places that are left for them. The widths of X and Y may differ.
    """
    return float(mutual_knn_scores(X, Y, k).mean())


def mutual_knn_scores(X: Rows, Y: Rows, k: int = 10) -> PerSentence:
    """The share of its neighbours that each sentence has in both languages.

    Neighbours share neighbours, so that these are no scores of single queries: resampled as such they gave
    95 % intervals that held the truth in 83 % of trials.
    """
    if k < 1:
        raise InputError(f"k, {k}, is a number of neighbours: give at least 1")
    X, Y = (unit(side, "mutual_knn") for side in MUTUAL_KNN.check(X, Y))
    k = min(k, len(X) // 4)
    shared = []
    for start in range(0, len(X), BLOCK):
        one, other = (_members(side[start : start + BLOCK] @ side.mT, k, start) for side in (X, Y))
        shared.append((one * other).sum(1))
    return torch.cat(shared) / k


def _members(cosine: Tensor, k: int, start: int = 0) -> Tensor:
    """How far each sentence is one of the k nearest of each row of the block: 1, 0, or its share in a tie.

    In place: the cosines of a block of rows, the first of which is row `start`, with all rows.
    """
    rows = torch.arange(len(cosine), device=cosine.device)
    cosine[rows, start + rows] = float("-inf")
    last = cosine.topk(k, dim=1).values[:, -1:]
    inside = cosine > last + TIE
    level = (cosine >= last - TIE) & ~inside
    return inside.double() + level * ((k - inside.sum(1, keepdim=True)) / level.sum(1, keepdim=True))


def _cosines(X: Tensor) -> Tensor:
    X = unit(X, "mutual_knn")
    return X @ X.mT


MUTUAL_KNN = Sides(
    "mutual_knn",
    4,
    side=_cosines,
    prepare=lambda cosine: _members(cosine, min(10, len(cosine) // 4)),
    compare=lambda one, other: (one * other).sum() / one.sum().round(),  # k for each row
    varied=False,
)
