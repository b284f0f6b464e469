"""A map for each cluster of source states: what one matrix cannot be."""

from typing import Any, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.align.base import Params, check_fitted, check_pairs, check_rows, fresh

LEAST = 20
"""Fewest sentences in a cluster."""


class Piecewise(Params):
    """k-means on source states, an aligner for each cluster: a row goes through that of its nearest centre.

    Where a cluster would have fewer than 20 sentences there are fewer clusters.
    """

    def __init__(self, aligner: Any, clusters: int = 4, seed: int = 0):
        self.aligner = aligner
        self.clusters = clusters
        self.seed = seed

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Find the clusters, and learn a map in each."""
        check_pairs(X, Y)
        for k in range(self.clusters, 0, -1):
            self.centres_ = k_means(X, k, self.seed)
            nearest = _nearest(X, self.centres_)
            if k == 1 or int(torch.bincount(nearest, minlength=k).min()) >= LEAST:
                break
        self.maps_ = tuple(fresh(self.aligner).fit(X[nearest == j], Y[nearest == j]) for j in range(k))
        self.n_ = len(X)
        return self

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """Each row by the map of its cluster."""
        check_fitted(self, "maps_")
        check_rows(X, self.centres_.shape[1])
        rows = X.reshape(-1, X.shape[-1])
        nearest = _nearest(rows, self.centres_)
        mapped = torch.stack([one.transform(rows) for one in self.maps_])
        return mapped[nearest, torch.arange(len(rows), device=rows.device)].reshape(*X.shape[:-1], -1)


def k_means(
    X: Float[Tensor, "sent d"], k: int, seed: int = 0, starts: int = 8, rounds: int = 100
) -> Float[Tensor, "k d"]:
    """Centres of the least sum of squares that several starts (k-means++) come to."""
    rows = X.detach().to("cpu", torch.float64)
    generator = torch.Generator().manual_seed(seed)
    best, least = rows[:k], float("inf")
    for _ in range(starts):
        centres = _start(rows, k, generator)
        for _ in range(rounds):
            nearest = _nearest(rows, centres)
            # A centre that no row is nearest to stays where it is.
            moved = torch.stack(
                [rows[nearest == j].mean(0) if (nearest == j).any() else centres[j] for j in range(k)]
            )
            if torch.equal(moved, centres):
                break
            centres = moved
        within = float(torch.cdist(rows, centres).min(1).values.square().sum())
        if within < least:
            best, least = centres, within
    return best.to(X)


def _start(rows: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """Rows drawn one by one, each with a chance by its squared distance from those there are."""
    chosen = [int(torch.randint(len(rows), (1,), generator=generator))]
    while len(chosen) < k:
        away = torch.cdist(rows, rows[chosen]).min(1).values.square()
        chances = away if float(away.sum()) > 0 else torch.ones_like(away)
        chosen.append(int(torch.multinomial(chances, 1, generator=generator)))
    return rows[chosen]


def _nearest(rows: Float[Tensor, "sent d"], centres: Float[Tensor, "k d"]) -> Int[Tensor, " sent"]:
    # In double precision and without the shortcut over products, so that a tie falls the same way everywhere.
    away = torch.cdist(
        rows.double(), centres.to(rows.device).double(), compute_mode="donot_use_mm_for_euclid_dist"
    )
    return away.argmin(1)
