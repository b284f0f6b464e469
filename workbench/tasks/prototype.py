"""Nearest class prototype: a cheap score without generation. States in, classes out; tensors only."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.core.errors import InputError, did_you_mean

Distance = Literal["euclidean", "cosine"]


@dataclass(frozen=True)
class Prototypes:
    """The mean state of each class, and what is near to it."""

    means: Float[Tensor, "choice d"]
    distance: Distance = "euclidean"

    def scores(self, states: Float[Tensor, "item d"]) -> Float[Tensor, "item choice"]:
        """Minus the distance of each state to each class: the highest is the nearest."""
        if states.ndim != 2 or states.shape[1] != self.means.shape[1]:
            raise InputError(
                f"states are {tuple(states.shape)}: they must be items × {self.means.shape[1]}, as fitted"
            )
        states, means = states.to(self.means), self.means
        if self.distance == "cosine":
            return (
                torch.nn.functional.normalize(states, dim=1) @ torch.nn.functional.normalize(means, dim=1).T
            )
        # Not by the product of states and means: it loses what is small beside a large common part.
        return -torch.cdist(states, means, compute_mode="donot_use_mm_for_euclid_dist")

    def predict(self, states: Float[Tensor, "item d"]) -> Int[Tensor, " item"]:
        """The nearest class of each state."""
        return self.scores(states).argmax(1)


def prototypes(
    states: Float[Tensor, "item d"],
    labels: Int[Tensor, " item"],
    classes: int | None = None,
    distance: Distance = "euclidean",
) -> Prototypes:
    """Means of the states of each class, which are those of the fit split: never of the items to be judged.

    `labels` count from 0; every class (so many as `classes` says, or up to the highest label) needs a state.
    """
    if distance not in get_args(Distance):
        raise InputError(f"unknown distance {distance!r}: {did_you_mean(distance, get_args(Distance))}")
    if states.ndim != 2 or labels.shape != states.shape[:1] or not len(labels):
        raise InputError(
            f"states are {tuple(states.shape)} and labels {tuple(labels.shape)}: "
            "give items × d and a label for each"
        )
    wanted = int(labels.max()) + 1 if classes is None else classes
    counts = torch.bincount(labels.long(), minlength=wanted) if int(labels.min()) >= 0 else labels[:0]
    if len(counts) != wanted or int(counts.min()) == 0:
        raise InputError(
            f"labels must be 0 … {wanted - 1}, each there at least once: {sorted(set(labels.tolist()))}"
        )
    sums = torch.zeros(wanted, states.shape[1], dtype=torch.float64, device=states.device)
    sums.index_add_(0, labels.long(), states.double())
    return Prototypes(sums / counts[:, None], distance)
