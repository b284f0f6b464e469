"""The directions that tell groups of states apart best: linear discriminant analysis."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError

RANK = 1e-4
"""Directions in which groups spread less than this share of the most are left out: little is known there."""


def discriminant_directions(groups: Sequence[Float[Tensor, "_ d"]]) -> Float[Tensor, "d k"]:
    """S, at most one direction fewer than groups, with S = argmax tr((Sᵀ W S)⁻¹ Sᵀ B S).

    W is the scatter within groups and B that between their means, each group as weighty as it has rows.
    """
    if len(groups) < 2:
        raise InputError(f"directions that tell groups apart need two groups; {len(groups)} given")
    rows = [group.double() for group in groups]
    means = torch.stack([group.mean(0) for group in rows])
    counts = torch.tensor([len(group) for group in rows], dtype=torch.float64, device=means.device)
    within = torch.cat([group - mean for group, mean in zip(rows, means, strict=True)])
    _, D, Vh = torch.linalg.svd(within / (counts.sum() - len(rows)).sqrt(), full_matrices=False)
    known = RANK * D[:1] < D
    whiten = Vh[known].mT / D[known]
    overall = (counts[:, None] * means).sum(0) / counts.sum()
    between = counts.sqrt()[:, None] * (means - overall) @ whiten
    _, E, Qh = torch.linalg.svd(between, full_matrices=False)
    return whiten @ Qh[(RANK * E[:1] < E).nonzero()[:, 0][: len(rows) - 1]].mT
