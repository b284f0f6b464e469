"""A rotation learned without pairs: neighbours across languages are taken for translations, in rounds."""

from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align.affine import LinearAligner
from workbench.align.base import check_pairs
from workbench.align.procrustes import Procrustes
from workbench.errors import InputError


class SelfLearning(LinearAligner):
    """Centred Procrustes between rows that are each other's nearest under the map so far, from R = I on.

    Nearest by 2 cos − r_x − r_y, r the mean cosine to the `k` nearest of the other language (CSLS). Both
    languages come from one model, so that the identity is a start; the rows' order is not used. It stops
    when the dictionary stays the same, or after `rounds`. `matched_` counts its entries.
    """

    def __init__(self, rounds: int = 20, k: int = 10):
        self.rounds = rounds
        self.k = k

    def fit(self, X: Float[Tensor, "sent d"], Y: Float[Tensor, "sent d"]) -> Self:
        """Learn R, and the two means."""
        check_pairs(X, Y, at_least=2)
        if X.shape[1] != Y.shape[1] or self.rounds < 1 or self.k < 1:
            raise InputError("SelfLearning needs equal widths, and at least one round and one neighbour")
        X, Y = X.double(), Y.double()
        x_mean, y_mean = X.mean(0), Y.mean(0)
        A, B = X - x_mean, Y - y_mean
        image, seen = A, None
        for _ in range(self.rounds):
            here, there = mutual_neighbours(image, B, self.k)
            found = (here.tolist(), there.tolist())
            if len(here) < 2 or found == seen:
                break
            seen = found
            rotation = Procrustes(center=False).fit(A[here], B[there])
            image = rotation.transform(A)
        if seen is None:
            raise InputError("no two states are each other's nearest: there is no dictionary to begin with")
        self.matched_, self.n_ = len(seen[0]), len(X)
        left = rotation.map_
        self.map_ = type(left)(left.factors, y_mean - left(x_mean[None])[0], left.skip)
        return self


def mutual_neighbours(
    X: Float[Tensor, "sent d"], Y: Float[Tensor, "other d"], k: int = 10
) -> tuple[Tensor, Tensor]:
    """Rows of X and of Y that are each other's nearest by CSLS, pair by pair."""
    unit = [rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12) for rows in (X, Y)]
    cosine = unit[0] @ unit[1].mT
    near_x = cosine.topk(min(k, cosine.shape[1]), dim=1).values.mean(1)
    near_y = cosine.topk(min(k, cosine.shape[0]), dim=0).values.mean(0)
    score = 2 * cosine - near_x[:, None] - near_y
    best_y, best_x = score.argmax(1), score.argmax(0)
    here = torch.arange(len(X), device=X.device)
    mutual = best_x[best_y] == here
    return here[mutual], best_y[mutual]
