"""Shared by what ranks sentences: cosines block by block, neighbourhoods, and where a translation stands."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.errors import InputError
from workbench.measure.base import check_rows

Rows = Float[Tensor, "sent d"]

BLOCK = 1024
"""Source rows that are compared at once: memory grows with the sentences, not with their square."""

TIE = 1e-12
"""Cosines closer than this are equal: float64 rounds within it, and float32 states do not."""

SCORES = ("cosine", "csls")


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
    r_x, r_y = neighbourhoods(X, Y, k) if by == "csls" else (X.new_zeros(n), X.new_zeros(n))
    factor = 2 if by == "csls" else 1
    own = factor * (X * Y).sum(1) - r_x - r_y
    above, level = (torch.zeros(2, n, dtype=torch.long, device=X.device) for _ in range(2))
    for start in range(0, n, BLOCK):
        rows = slice(start, start + BLOCK)
        score = factor * (X[rows] @ Y.mT) - r_x[rows, None] - r_y
        above[0, rows], level[0, rows] = _count(score, own[rows, None], 1)
        higher, same = _count(score, own[None, :], 0)
        above[1] += higher
        level[1] += same
    return Standing(above[0], level[0]), Standing(above[1], level[1])


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


def _count(score: Tensor, own: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    above = (score > own + TIE).sum(dim)
    return above, (score >= own - TIE).sum(dim) - above


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


def check_pairs(metric: str, X: Tensor, Y: Tensor, at_least: int = 2) -> None:
    """Refuse what `check_rows` does, and states of different widths, between which there is no cosine."""
    check_rows(metric, X, Y, at_least)
    if X.shape != Y.shape:
        raise InputError(f"{metric} needs equal widths; {X.shape[1]} and {Y.shape[1]} given")
