"""What a feed-forward layer's neurons do: how evenly they are active, how many are silent, in which order.

Activations are those that are projected down (`mlp_act`); in a gated model, the product of gate and value.
After Bhattacharya & Bojar 2024, arXiv:2404.13855.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.measure.ranks import spearman

SMALL = 0.1
"""A neuron is silent at up to this part of the sentence's largest activation, signs left out."""


def flatness(activations: Float[Tensor, "sent neuron"]) -> Float[Tensor, " sent"]:
    """−Σ_j p_j ln p_j / ln d for p_j = s_j / Σ s and s_j = (a_j − min a) / (max a − min a), d neurons.

    0: one neuron stands out and all others are at the minimum; 1: all are equal, which leaves nothing to
    scale. Otherwise at most ln(d − 1) / ln d, since one neuron is the least active. The minimum may be below
    0 (GELU, gates): silent neurons then have a share too, and values lie near 1. Compare within a model.
    """
    a = _checked("flatness", activations)
    least, most = a.amin(1, keepdim=True), a.amax(1, keepdim=True)
    scaled = torch.where(most > least, (a - least) / (most - least), torch.ones_like(a))
    p = scaled / scaled.sum(1, keepdim=True)
    return -torch.special.xlogy(p, p).sum(1) / torch.tensor(a.shape[1]).double().log()


def sparsity(activations: Float[Tensor, "sent neuron"], small: float = SMALL) -> Float[Tensor, " sent"]:
    """The share of neurons with |a_j| ≤ small · max_k |a_k|; 1 where all are 0.

    Not the share of a_j ≤ 0, which tells what is silent before ReLU or GELU alone: behind a gate the sign of
    an activation is that of the value it is multiplied with.
    """
    if not 0 <= small < 1:
        raise InputError(f"small is a part of the largest activation, such as {SMALL}, not {small}")
    size = _checked("sparsity", activations).abs()
    return (size <= small * size.amax(1, keepdim=True)).double().mean(1)


def neuron_rank_correlation(X: Float[Tensor, "sent neuron"], Y: Float[Tensor, "other neuron"]) -> float:
    """Spearman's ρ, over neurons, of the mean activation in one language with that in the other.

    Give parallel sentences, so that content is the same; which stands beside which has no part in it. With
    few sentences it is too low, since means of few are noisy: beside it belongs the correlation of two
    halves of the sentences of one language.
    """
    name = "rank correlation"
    x, y = (_checked(name, value).mean(0) for value in (X, Y))
    if len(x) != len(y):
        raise InputError(f"{name} needs the same neurons: {len(x)} and {len(y)} given")
    if (x == x[0]).all() or (y == y[0]).all():
        raise InputError(f"{name} is not defined where all neurons are equally active")
    return float(spearman(x, y))


def _checked(name: str, activations: Tensor) -> Tensor:
    if activations.ndim != 2 or not len(activations) or activations.shape[1] < 2:
        raise InputError(
            f"{name} needs [sent neuron], at least one and two; {tuple(activations.shape)} given"
        )
    if not torch.isfinite(activations).all():
        raise InputError(f"{name} needs finite numbers: capture in float32")
    return activations.double()
