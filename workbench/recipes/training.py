"""Vectors learned by gradient through the model: one for each layer, all from the same batches.

The model's weights take no part: they get no gradient and stay as they are. Everything random follows from
the seed given, and nothing from the global one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.errors import InputError
from workbench.models import Hook, LanguageModel
from workbench.progress import Progress, silent
from workbench.types import Site

Loss = Callable[[int, Float[Tensor, " d_model"]], Tensor]
"""Layer, vector added there → what is to become small."""


@dataclass(frozen=True)
class Training:
    """How long, how fast, on how much at a time."""

    steps: int = 60
    batch: int = 32
    rate: float = 0.1
    """Of Adam, falling to 0 in a straight line; in units of the spread of a layer's states."""


def learn_vectors(
    model: LanguageModel,
    units: Mapping[int, float],
    n_rows: int,
    losses: Callable[[list[int]], Loss],
    how: Training,
    seed: int = 0,
    progress: Progress = silent,
) -> dict[int, Float[Tensor, " d_model"]]:
    """For each layer of `units` the vector that makes its loss small, by Adam from 0.

    `losses` is given the rows of a batch and does what all layers share; `units` says how long a step is
    at each layer.
    """
    layers = list(units)
    scale = torch.tensor([units[layer] for layer in layers], device=model.device)[:, None]
    vectors = torch.zeros(len(layers), model.info.d_model, device=model.device, requires_grad=True)
    optimizer = torch.optim.Adam([vectors], lr=how.rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1 / how.steps, how.steps)
    draws = _batches(n_rows, how.batch, torch.Generator().manual_seed(seed))
    with _frozen(model):
        for step in range(how.steps):
            loss = losses(next(draws))
            gradient = torch.zeros_like(vectors)
            for n, layer in enumerate(layers):
                with torch.enable_grad():
                    (found,) = torch.autograd.grad(loss(layer, (scale * vectors)[n]), vectors)
                gradient += found
            if not torch.isfinite(gradient).all():
                raise InputError(
                    f"the gradient through {model.info.name} holds NaN or infinity: load it in float32"
                )
            vectors.grad = gradient
            optimizer.step()
            schedule.step()
            progress("learn vectors", step + 1, how.steps)
    return dict(zip(layers, (scale * vectors).detach().cpu(), strict=True))


def _batches(n: int, size: int, generator: torch.Generator) -> Iterator[list[int]]:
    while True:
        order = torch.randperm(n, generator=generator).tolist()
        for start in range(0, max(n - n % size, 1), size):
            yield order[start : start + size]


@contextmanager
def _frozen(model: LanguageModel) -> Iterator[None]:
    """No weight asks for a gradient, so that none is kept or computed for one."""
    asking = [weight for _, weight in model.parameters() if weight.requires_grad]
    for weight in asking:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in asking:
            weight.requires_grad_(True)


def keep(kept: dict[int, Tensor], layers: Sequence[int] | range) -> dict[Site, Hook]:
    """Hooks that put what leaves these layers into `kept`, by layer."""

    def keeper(layer: int) -> Hook:
        def hook(h: Tensor) -> None:
            kept[layer] = h

        return hook

    return {Site(layer): keeper(layer) for layer in layers}


def with_vector(
    h: Float[Tensor, "batch pos d_model"], at: Int[Tensor, " batch"], vector: Float[Tensor, " d_model"]
) -> Float[Tensor, "batch pos d_model"]:
    """The stream with a vector on top of one token of each row."""
    here = torch.zeros(h.shape[:2], dtype=h.dtype, device=h.device)
    here[torch.arange(len(h), device=h.device), at.to(h.device)] = 1
    return h + here[..., None] * vector.to(h)
