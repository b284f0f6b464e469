"""Recipes whose vector is learned by gradient steps, and the steps."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.align import Given
from workbench.core.errors import InputError, NotApplicable
from workbench.core.types import Site
from workbench.methods.base import read_answers, shuffled_batches
from workbench.methods.recipes.base import Ingredients, single_layers
from workbench.models import Hook, LanguageModel
from workbench.sweeps import Configuration, read_examples
from workbench.sweeps.naive import PlainRows
from workbench.sweeps.score import Reading
from workbench.tasks import Example

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
    ingredients: Ingredients,
    layers: Sequence[int],
    n_rows: int,
    losses: Callable[[list[int]], Loss],
    how: Training,
) -> dict[int, Given]:
    """For each layer a step by the vector that makes its loss small, by Adam from 0.

    `losses` is given the rows of a batch and does what all layers share. A layer's unit of length is the
    standard deviation of a coordinate of its states.
    """
    study, model = ingredients.study, ingredients.study.model
    states = [ingredients.states()[0][layer].float() for layer in layers]
    scale = torch.stack([(h - h.mean(0)).square().mean().sqrt() for h in states]).to(model.device)[:, None]
    vectors = torch.zeros(len(layers), model.info.d_model, device=model.device, requires_grad=True)
    optimizer = torch.optim.Adam([vectors], lr=how.rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1 / how.steps, how.steps)
    draws = shuffled_batches(n_rows, how.batch, study.seed, whole=True)
    with _frozen(model):
        for step in range(how.steps):
            loss = losses(next(draws))
            gradient = torch.zeros_like(vectors)
            for n, layer in enumerate(layers):
                with torch.enable_grad():
                    gradient += torch.autograd.grad(loss(layer, (scale * vectors)[n]), vectors)[0]
            if not torch.isfinite(gradient).all():
                raise InputError(
                    f"the gradient through {model.info.name} holds NaN or infinity: load it in float32"
                )
            vectors.grad = gradient
            optimizer.step()
            schedule.step()
            study.progress("learn vectors", step + 1, how.steps)
    learned = (scale * vectors).detach().cpu()
    return {layer: Given.step(vector) for layer, vector in zip(layers, learned, strict=True)}


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


def keep(kept: dict[int, Tensor], layers: Iterable[int]) -> dict[Site, Hook]:
    """Hooks that put what leaves these layers into `kept`, by layer."""
    return {Site(layer): partial(kept.__setitem__, layer) for layer in layers}


def with_vector(
    h: Float[Tensor, "batch pos d_model"], at: Int[Tensor, " batch"], vector: Float[Tensor, " d_model"]
) -> Float[Tensor, "batch pos d_model"]:
    """The stream with a vector on top of one token of each row."""
    here = torch.zeros(h.shape[:2], dtype=h.dtype, device=h.device)
    here[torch.arange(len(h), device=h.device), at.to(h.device)] = 1
    return h + here[..., None] * vector.to(h)


LAYERS = 8
"""At most so many layers get a vector; of a deeper model they are evenly spaced."""
STRENGTHS = (0.5, 1.0, 2.0)
TRAINING = Training()


def learned_vectors(
    ingredients: Ingredients, learn: Callable[[Ingredients, Training], dict[int, Given]]
) -> list[Configuration]:
    """The vector that is learned for each layer, added there."""
    return single_layers(learn(ingredients, TRAINING), "add_vector", STRENGTHS)


def towards_states(ingredients: Ingredients, how: Training = TRAINING) -> dict[int, Given]:
    """A vector for each layer but the last, which takes later states to where the target's are.

    It is added at the last token of the source's sentences. The loss is the squared distance to the target's
    sentences at each layer above, its mean over them, each in units of the unpatched distance there.
    """
    study, model, top = ingredients.study, ingredients.study.model, len(ingredients.layers)
    layers = [layer for layer in ingredients.spread(LAYERS) if layer < top - 1]
    if not layers:
        raise NotApplicable("a model of one layer has no later states to learn a vector from")
    source, target = (states.float() for states in ingredients.states())
    apart = (source - target).square().sum(-1).mean(1)
    ids = model.tokens.encode(ingredients.sentences(study.source))

    def losses(rows: list[int]) -> Loss:
        batch = model.batch([ids[row] for row in rows])
        below: dict[int, Tensor] = {}
        with torch.no_grad():
            model.run(batch, hooks=keep(below, layers), stop=max(layers) + 1, head=False)
        each = torch.arange(len(batch), device=model.device)

        def loss(layer: int, vector: Tensor) -> Tensor:
            above: dict[int, Tensor] = {}
            hooks = keep(above, range(layer + 1, top))
            h = with_vector(below[layer], batch.last, vector)
            model.run(batch, hooks=hooks, start=layer + 1, residual=h, head=False)
            parts = [
                (h[each, batch.last].float().cpu() - target[at, rows]).square().sum(-1).mean() / apart[at]
                for at, h in above.items()
            ]
            return torch.stack(parts).mean()

        return loss

    return learn_vectors(ingredients, layers, len(ids), losses, how)


def towards_answers(ingredients: Ingredients, how: Training = TRAINING) -> dict[int, Given]:
    """A vector for each layer, with which solved items are answered as they should be.

    It is added at the last prompt token. The loss is −log p of the right choice among its item's choices, or
    of an answer's tokens.
    """
    model, top = ingredients.study.model, len(ingredients.layers)
    readings = read_labelled(ingredients)
    layers = ingredients.spread(LAYERS)

    def losses(rows: list[int]) -> Loss:
        some = PlainRows(model, [readings[row] for row in rows], "right")
        below: dict[int, Tensor] = {}
        with torch.no_grad():
            some.run(keep(below, layers), 0, max(layers) + 1, None)

        def loss(layer: int, vector: Tensor) -> Tensor:
            h = with_vector(below[layer], some.ends, vector)
            if layer + 1 < top:
                h = some.run({}, layer + 1, top, h)
            return torch.stack(list(map(_surprise, some.scores(h), some.readings))).mean()

        return loss

    return learn_vectors(ingredients, layers, len(readings), losses, how)


def read_labelled(ingredients: Ingredients) -> list[Reading]:
    """The source's solved items as the model reads them; of an item with answers the first is its choice."""
    study = ingredients.study
    items = ingredients.labelled(study.source)
    if isinstance(items[0], Example):
        return read_examples(study.model, items)
    answers = zip(items, read_answers(study.model.tokens, items), strict=True)
    readings = [Reading(item, prompt, (answer,)) for item, (prompt, answer) in answers if answer]
    if not readings:
        raise NotApplicable(
            f"the tokenizer joins every prompt of {study.task.name} with its answer: "
            "there is no answer to learn from"
        )
    return readings


def _surprise(scores: Tensor, reading: Reading) -> Tensor:
    if len(scores) == 1:  # an answer, for each of its tokens
        return -scores[0] / len(reading.choices[0])
    return -scores.log_softmax(0)[reading.example.answer]
