"""Recipes whose vector is learned by gradient steps, and the steps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.align import Given
from workbench.core.errors import InputError, NotApplicable
from workbench.core.types import Progress, Site, silent
from workbench.methods.recipes.base import Ingredients, Recipe, single_layers
from workbench.models import Hook, LanguageModel
from workbench.sweeps import Configuration, read_examples
from workbench.sweeps.score import Reading
from workbench.sweeps.suffix import PlainRows
from workbench.tasks import AnswerExample, Example

# Vectors learned by gradient through the model: one for each layer, all from the same batches.
#
# The model's weights take no part: they get no gradient and stay as they are. Everything random follows from
# the seed given, and nothing from the global one.


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


# Steering vectors learned by gradient through the model: towards the target's states, or its answers.


LAYERS = 8
"""At most so many layers get a vector; of a deeper model they are evenly spaced."""
STRENGTHS = (0.5, 1.0, 2.0)
TRAINING = Training()

_REFERENCE = "after Mahmoud et al. 2025, arXiv 2505.12584"
_DIFFERS = (
    "a variant, not a reproduction: how that paper learns its vector could not be verified and no code was "
    "found; layer and α are chosen on dev"
)


def towards_states(given: Ingredients, how: Training = TRAINING) -> dict[int, Given]:
    """A vector for each layer but the last, which takes later states to where the target's are.

    It is added at the last token of the source's sentences. The loss is the squared distance to the target's
    sentences at each layer above, its mean over them, each in units of the unpatched distance there.
    """
    model, study, top = given.study.model, given.study, len(given.layers)
    layers = [layer for layer in given.spread(LAYERS) if layer < top - 1]
    if not layers:
        raise NotApplicable("a model of one layer has no later states to learn a vector from")
    source, target = (states.float() for states in given.states())
    apart = (source - target).square().sum(-1).mean(1)
    ids = model.tokens.encode([study.text[study.source][int(row)] for row in given.rows])

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

    units = {layer: _spread_of(source[layer]) for layer in layers}
    found = learn_vectors(model, units, len(ids), losses, how, given.seed, study.progress)
    return {layer: Given.step(vector) for layer, vector in found.items()}


def towards_answers(given: Ingredients, how: Training = TRAINING) -> dict[int, Given]:
    """A vector for each layer, with which solved items are answered as they should be.

    It is added at the last prompt token. The loss is −log p of the right choice among its item's choices, or
    of an answer's tokens.
    """
    model, study, top = given.study.model, given.study, len(given.layers)
    readings = read_labelled(given)
    layers = given.spread(LAYERS)

    def losses(rows: list[int]) -> Loss:
        some = PlainRows(model, [readings[row] for row in rows], "right")
        below: dict[int, Tensor] = {}
        with torch.no_grad():
            some.run(keep(below, layers), 0, max(layers) + 1, None)

        def loss(layer: int, vector: Tensor) -> Tensor:
            h = with_vector(below[layer], some.ends, vector)
            if layer + 1 < top:
                h = some.run({}, layer + 1, top, h)
            return torch.stack(
                [
                    _surprise(scores, reading)
                    for scores, reading in zip(some.scores(h), some.readings, strict=True)
                ]
            ).mean()

        return loss

    source, _ = given.states()
    units = {layer: _spread_of(source[layer].float()) for layer in layers}
    found = learn_vectors(model, units, len(readings), losses, how, given.seed, study.progress)
    return {layer: Given.step(vector) for layer, vector in found.items()}


def read_labelled(given: Ingredients) -> list[Reading]:
    """The source's solved items as the model reads them; of an item with answers the first is its choice."""
    items, model = given.labelled(given.study.source), given.study.model
    if isinstance(items[0], Example):
        return read_examples(model, items)
    prompts = model.tokens.encode([item.prompt for item in items])
    whole = model.tokens.encode([_answered(item) for item in items])
    read = [
        Reading(item, tuple(prompt), (tuple(ids[len(prompt) :]),))
        for item, prompt, ids in zip(items, prompts, whole, strict=True)
        if ids[: len(prompt)] == prompt and len(ids) > len(prompt)
    ]
    if not read:
        raise NotApplicable(
            f"the tokenizer joins every prompt of {given.study.task.name} with its answer: "
            "there is no answer to learn from"
        )
    return read


def _answered(item: AnswerExample) -> str:
    gap = "" if item.prompt[-1:].isspace() else " "
    return item.prompt + gap + item.answers[0]


def _surprise(scores: Tensor, reading: Reading) -> Tensor:
    if len(scores) == 1:  # an answer, for each of its tokens
        return -scores[0] / len(reading.choices[0])
    return -scores.log_softmax(0)[reading.example.answer]


def _spread_of(states: Tensor) -> float:
    """The standard deviation of a coordinate."""
    return float((states - states.mean(0)).square().mean().sqrt())


def _states_configurations(given: Ingredients) -> list[Configuration]:
    return _configurations(towards_states(given, TRAINING))


def _answers_configurations(given: Ingredients) -> list[Configuration]:
    return _configurations(towards_answers(given, TRAINING))


def _configurations(maps: dict[int, Given]) -> list[Configuration]:
    return single_layers(maps, "add_vector", STRENGTHS)


RECIPES = (
    Recipe(
        "learned_vector_states",
        "Steering vector learned towards the target's later states",
        _REFERENCE,
        faithful="a learned vector in the residual stream of a single layer",
        differs=_DIFFERS,
        configurations=_states_configurations,
        formula="h + α v, v = argmin Σ_above ‖h_above(v) − h^t_above‖² over fit pairs, by Adam",
    ),
    Recipe(
        "learned_vector_answers",
        "Steering vector learned towards the right answers",
        _REFERENCE,
        faithful="a learned vector in the residual stream of a single layer",
        differs=_DIFFERS + "; it has seen solved items",
        configurations=_answers_configurations,
        uses_pairs=False,
        needs_labels=True,
        formula="h + α v, v = argmax log p(right answer) over the task's fit items, by Adam",
    ),
)
