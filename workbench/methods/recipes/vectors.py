"""Recipes that add one vector, and those about heads and neurons: means, CAA, language vectors, ITI, LAPE."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from workbench.align import Aligner, Given, LeastSquares, Masked, discriminant_directions
from workbench.core.errors import NotApplicable
from workbench.core.types import Component, Site
from workbench.methods.recipes.base import ALPHAS, Ingredients, all_layers, single_layers
from workbench.models import Batch, Hook, LanguageModel
from workbench.sweeps import Configuration, read_examples
from workbench.tasks import Example

STRENGTHS = (0.5, 1.0, 2.0, 4.0)
"""Of steering vectors, which are commonly added more than once over."""
UNIT_STRENGTHS = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Of a vector as long as the states are on average."""
STRENGTHS_OF_LANGUAGE_VECTORS = (0.25, 0.5, 1.0, 2.0)
TINY = torch.finfo(torch.float64).tiny
BATCH = 64
ITEMS = 256
"""At most so many solved items are read: a mean over more changes little, and all states are held at once."""


@dataclass(frozen=True)
class Contrast:
    """The states at the end of prompt and choice, for every choice of every item."""

    states: Float[Tensor, "layer text width"]
    right: Bool[Tensor, " text"]
    item: Tensor
    """The number of the item that a text belongs to."""

    def means(self) -> tuple[Float[Tensor, "layer width"], Float[Tensor, "layer width"]]:
        """Of right choices, and of wrong ones; each item counts the same in both."""
        n = int(self.item.max()) + 1
        # Of each text, how many of its item are as right as it is.
        alike = torch.bincount(2 * self.item + self.right, minlength=2 * n)[2 * self.item + self.right]
        weights = 1 / alike.double()
        wide = self.states.double() * weights[:, None] / n
        return wide[:, self.right].sum(1), wide[:, ~self.right].sum(1)


def contrast(ingredients: Ingredients, component: Component) -> Contrast:
    """The source's solved items, read with each of their choices."""
    study = ingredients.study
    items = ingredients.labelled(study.source)[:ITEMS]
    if not isinstance(items[0], Example):
        raise NotApplicable(f"{study.task.name} has no choices, so no wrong ones to learn from")
    readings = read_examples(study.model, items)
    texts = [reading.prompt + choice for reading in readings for choice in reading.choices]
    right = [c == r.example.answer for r in readings for c in range(len(r.choices))]
    item = [i for i, reading in enumerate(readings) for _ in reading.choices]

    def last(h: Tensor, batch: Batch, start: int) -> Tensor:
        return h[torch.arange(len(h), device=h.device), batch.last.to(h.device)].float()

    states = torch.stack([torch.cat(some) for some in read_layers(ingredients, texts, component, last)])
    return Contrast(states, torch.tensor(right), torch.tensor(item))


def read_layers(
    ingredients: Ingredients,
    texts: Sequence[Sequence[int]],
    component: Component,
    pool: Callable[[Tensor, Batch, int], Tensor],
) -> list[list[Tensor]]:
    """What `pool(states, batch, number of its first text)` gives at each layer, batch by batch."""
    model = ingredients.study.model
    pooled: list[list[Tensor]] = [[] for _ in ingredients.layers]

    def look(layer: int) -> Hook:
        return lambda h: pooled[layer].append(pool(h, batch, start).cpu())

    hooks = {Site(layer, component): look(layer) for layer in ingredients.layers}
    with torch.no_grad(), model.reading(hooks) as read:
        for start in range(0, len(texts), BATCH):
            batch = model.batch(texts[start : start + BATCH])
            read(batch)
    return pooled


def contrastive_addition(ingredients: Ingredients) -> list[Configuration]:
    """CAA: the mean state behind right choices less that behind wrong ones."""
    right, wrong = contrast(ingredients, "resid_post").means()
    maps = {layer: Given.step(right[layer] - wrong[layer]) for layer in ingredients.layers}
    return single_layers(maps, "add_vector", STRENGTHS)


def unit_difference(ingredients: Ingredients) -> list[Configuration]:
    """The mean difference at the mean length of a layer's states, at all tokens."""
    maps: dict[int, Aligner] = {}
    for layer, (source, target) in enumerate(zip(*ingredients.states(pool="mean"), strict=True)):
        step = target.double().mean(0) - source.double().mean(0)
        length = source.double().norm(dim=1).mean()
        maps[layer] = Given.step(length * step / step.norm().clamp(min=TINY))
    return single_layers(maps, "add_vector", UNIT_STRENGTHS, positions="all")


def shift_in_lda_subspace(ingredients: Ingredients) -> list[Configuration]:
    """The mean difference within the subspace that tells languages apart, at the middle layer."""
    study, middle = ingredients.study, len(ingredients.layers) // 2
    groups = {
        code: states[middle].double() for code, states in ingredients.of_all_languages(pool="mean").items()
    }
    S = discriminant_directions(list(groups.values()))
    step = (groups[study.target].mean(0) - groups[study.source].mean(0)) @ S
    maps = {middle: Given.step(step @ torch.linalg.pinv(S))}
    return single_layers(maps, "add_vector", STRENGTHS_OF_LANGUAGE_VECTORS, positions="all")


# Inference-time intervention: attention heads whose output tells right choices from wrong ones.


SHARE_OF_HEADS = 0.05
"""Of all heads are patched, as 48 of 1,024 are in the paper; one at least."""
STRENGTHS_OF_ITI = (1.0, 2.0, 5.0, 10.0, 20.0)


def inference_time_intervention(ingredients: Ingredients) -> list[Configuration]:
    """A step along the mean difference, at the heads that a probe chooses."""
    read, n_heads = contrast(ingredients, "head_out"), heads_of(ingredients.study.model)
    accuracy = probe_accuracies(read, n_heads)
    count = max(round(SHARE_OF_HEADS * accuracy.numel()), 1)
    # Of equals the first, on every machine.
    best = accuracy.flatten().argsort(descending=True, stable=True)[:count].tolist()
    steps: dict[int, Tensor] = {}
    for index in best:
        layer, head = divmod(index, n_heads)
        wide = read.states.shape[-1] // n_heads
        part = slice(head * wide, (head + 1) * wide)
        states = read.states[layer, :, part].double()
        line = states[read.right].mean(0) - states[~read.right].mean(0)
        line = line / line.norm().clamp(min=TINY)
        step = steps.setdefault(layer, torch.zeros(read.states.shape[-1], dtype=torch.float64))
        step[part] = (states @ line).std() * line
    maps = {layer: Given.step(step) for layer, step in steps.items()}
    return all_layers(maps, "add_vector", STRENGTHS_OF_ITI, "head_out")


def probe_accuracies(read: Contrast, n_heads: int) -> Float[Tensor, "layer head"]:
    """Balanced accuracy by which a probe of each head tells right from wrong on every other item."""
    held_out = read.item % 2 == 1
    if not held_out.any():
        raise NotApplicable("one solved item is not enough to choose heads by")
    heads = read.states.unflatten(-1, (n_heads, -1)).double()
    accuracies = torch.empty(heads.shape[0], n_heads, dtype=torch.float64)
    for layer in range(heads.shape[0]):
        for head in range(n_heads):
            X = heads[layer, :, head]
            guess = _probe(X[~held_out], read.right[~held_out], X[held_out])
            right = read.right[held_out]
            accuracies[layer, head] = (guess[right].double().mean() + (~guess[~right]).double().mean()) / 2
    return accuracies


def _probe(X: Tensor, right: Tensor, other: Tensor) -> Tensor:
    """Which of the other rows are right, by Fisher's discriminant with a tenth of the mean variance added."""
    a, b = X[right].mean(0), X[~right].mean(0)
    within = torch.where(right[:, None], X - a, X - b)
    cov = within.mT @ within / len(X)
    cov = cov + 0.1 * cov.diagonal().mean().clamp(min=1e-12) * torch.eye(len(cov)).to(cov)
    line = torch.linalg.solve(cov, a - b)
    return (other - (a + b) / 2) @ line > 0


def heads_of(model: LanguageModel) -> int:
    """How many attention heads a layer has."""
    inner = getattr(model, "bridge", None) or getattr(model, "hooked_transformer", None)
    return int(inner.cfg.n_heads)  # type: ignore[union-attr]


def cc_tuning(ingredients: Ingredients) -> list[Configuration]:
    """CC-Tuning at inference: one matrix for feed-forward outputs, at each layer by itself and at all."""
    source, target = ingredients.states("mlp_out")
    pooled = LeastSquares(center=False).fit(source.flatten(0, 1), target.flatten(0, 1))
    maps = dict.fromkeys(ingredients.layers, pooled)
    return [
        configuration
        for at in (single_layers, all_layers)
        for configuration in at(maps, "add_mapped", ALPHAS, "mlp_out", positions="prompt")
    ]


# Language-specific neurons by the entropy of their activation probabilities (LAPE), switched off.


SHARE_OF_NEURONS = 0.01
"""Of the neurons, those of the least entropy count as language-specific."""
ACTIVE = 0.95
"""A neuron belongs to a language where it fires more often than this quantile of all probabilities."""
MOST_VALUES = 10_000_000  # of which torch takes a quantile


def activation_probabilities(ingredients: Ingredients, language: str) -> Float[Tensor, "layer neuron"]:
    """How often each neuron is above 0, over the tokens of a language's fitting sentences."""
    encoded = ingredients.study.model.tokens.encode_in(None, ingredients.sentences(language))

    def active(h: Tensor, batch: Batch, start: int) -> Tensor:
        own = [torch.tensor(text.sentence) for text in encoded[start : start + len(h)]]
        mask = pad_sequence(own, batch_first=True).to(h.device)
        return ((h > 0) & mask[..., None]).sum((0, 1))

    counts = read_layers(ingredients, [text.ids for text in encoded], "mlp_act", active)
    tokens = sum(sum(text.sentence) for text in encoded)
    return torch.stack([torch.stack(some).sum(0) for some in counts]).double() / tokens


def specific_neurons(probabilities: dict[str, Tensor], language: str) -> Tensor:
    """Which neurons [layer neuron] are specific to some language or languages, and this is one of them."""
    stacked = torch.stack(list(probabilities.values()))
    shares = stacked / stacked.sum(0).clamp(min=TINY)
    entropy = -torch.special.xlogy(shares, shares).sum(0)
    values = stacked.flatten()
    often = torch.quantile(values[:: -(-len(values) // MOST_VALUES)], ACTIVE)
    entropy[(stacked <= often).all(0)] = torch.inf  # hardly ever active in any language
    count = max(round(SHARE_OF_NEURONS * entropy.numel()), 1)
    flat = torch.zeros(entropy.numel(), dtype=torch.bool)
    flat[entropy.flatten().argsort(stable=True)[:count]] = True
    flat &= entropy.flatten().isfinite()
    return flat.view_as(entropy) & (probabilities[language] > often)


def specific_neurons_off(ingredients: Ingredients) -> list[Configuration]:
    """The neurons that are specific to the source's language set to 0, at all layers."""
    language, languages = ingredients.study.source, ingredients.study.text.languages
    off = specific_neurons(
        {code: activation_probabilities(ingredients, code) for code in languages}, language
    )
    maps: dict[int, Aligner] = {n: Masked(off[n]) for n in ingredients.layers if off[n].any()}
    if not maps:
        raise NotApplicable(f"no neuron of the model is specific to {language}")
    return all_layers(maps, "interpolate", ALPHAS, "mlp_act", positions="all")
