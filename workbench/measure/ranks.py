"""Shared by what correlates ranks: Spearman's coefficient of many values at once."""

import torch
from jaxtyping import Float
from torch import Tensor


def ranks(values: Float[Tensor, "*rows n"]) -> Float[Tensor, "*rows n"]:
    """1 for the smallest to n for the largest, equal ones their mean: (first + last place) / 2."""
    ordered, order = values.double().sort(dim=-1)
    place = torch.arange(1, values.shape[-1] + 1, device=values.device).expand_as(ordered)
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    first = torch.where(new, place, 0).cummax(-1).values
    ends = torch.ones_like(new)
    ends[..., :-1] = new[..., 1:]
    last = torch.where(ends, place, values.shape[-1] + 1).flip(-1).cummin(-1).values.flip(-1)
    mean = (first + last).double() / 2
    return torch.empty_like(ordered).scatter_(-1, order, mean)


def spearman(a: Float[Tensor, "*rows n"], b: Float[Tensor, "*rows n"]) -> Float[Tensor, "*rows"]:
    """Pearson's r of the ranks; NaN where either side does not vary, which is for the caller to see to."""
    return (unit_ranks(a) * unit_ranks(b)).sum(-1).clamp(-1, 1)


def unit_ranks(values: Float[Tensor, "*rows n"]) -> Float[Tensor, "*rows n"]:
    """Ranks less their mean, of length 1; NaN where nothing varies."""
    centred = ranks(values)
    centred = centred - centred.mean(-1, keepdim=True)
    return centred / centred.norm(dim=-1, keepdim=True)
