"""Recipes about single neurons and what states say when they are read: LAPE."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.align import Masked
from workbench.core.errors import NotApplicable
from workbench.core.types import Component, Site
from workbench.methods.recipes.base import ALPHAS, Ingredients, Recipe, all_layers
from workbench.models import Hook, LanguageModel
from workbench.sweeps import Configuration, read_examples
from workbench.tasks import Example

# States of solved items with their choices, right and wrong: what contrastive recipes learn from.


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
        weights = torch.zeros(len(self.right), dtype=torch.float64)
        for right in (True, False):
            mine = self.right == right
            counts = torch.bincount(self.item[mine], minlength=int(self.item.max()) + 1)
            weights[mine] = 1 / counts[self.item[mine]].double()
        n = int(self.item.max()) + 1
        wide = self.states.double() * weights[:, None] / n
        return wide[:, self.right].sum(1), wide[:, ~self.right].sum(1)


def contrast(given: Ingredients, component: Component) -> Contrast:
    """The source's solved items, read with each of their choices."""
    items, model = given.labelled(given.study.source)[:ITEMS], given.study.model
    if not isinstance(items[0], Example):
        raise NotApplicable(f"{given.study.task.name} has no choices, so no wrong ones to learn from")
    readings = read_examples(model, items)
    texts = [reading.prompt + choice for reading in readings for choice in reading.choices]
    right = [c == r.example.answer for r in readings for c in range(len(r.choices))]
    item = [i for i, reading in enumerate(readings) for _ in reading.choices]
    return Contrast(
        last_states(model, texts, component, given.layers), torch.tensor(right), torch.tensor(item)
    )


def last_states(
    model: LanguageModel, texts: Sequence[Sequence[int]], component: Component, layers: Sequence[int]
) -> Float[Tensor, "layer text width"]:
    """What passes a component at the last token of each text."""
    kept: dict[int, list[Tensor]] = {layer: [] for layer in layers}
    last = torch.empty(0)

    def look(layer: int) -> Hook:
        def hook(h: Tensor) -> None:
            rows = torch.arange(len(h), device=h.device)
            kept[layer].append(h[rows, last.to(h.device)].float().cpu())

        return hook

    hooks = {Site(layer, component): look(layer) for layer in layers}
    with torch.no_grad(), model.reading(hooks) as read:
        for start in range(0, len(texts), BATCH):
            batch = model.batch(texts[start : start + BATCH])
            last = batch.last
            read(batch)
    return torch.stack([torch.cat(kept[layer]) for layer in layers])


# Language-specific neurons by the entropy of their activation probabilities (LAPE), switched off.


SHARE = 0.01
"""Of the neurons, those of the least entropy count as language-specific."""
ACTIVE = 0.95
"""A neuron belongs to a language where it fires more often than this quantile of all probabilities."""


def activation_probabilities(given: Ingredients) -> dict[str, Float[Tensor, "layer neuron"]]:
    """In each language of the text, how often each neuron is above 0, over the fitting sentences' tokens."""
    study = given.study
    return {
        code: _probabilities(given, [study.text[code][int(row)] for row in given.rows])
        for code in study.text.languages
    }


def _probabilities(given: Ingredients, sentences: list[str]) -> Float[Tensor, "layer neuron"]:
    model = given.study.model
    counts: dict[int, Tensor] = {}
    mask, seen = torch.empty(0), 0

    def look(layer: int) -> Hook:
        def hook(h: Tensor) -> None:
            above = ((h > 0) & mask[..., None].to(h.device)).sum((0, 1)).cpu()
            counts[layer] = counts[layer] + above if layer in counts else above

        return hook

    encoded = model.tokens.encode_in(None, sentences)
    hooks = {Site(layer, "mlp_act"): look(layer) for layer in given.layers}
    with torch.no_grad(), model.reading(hooks) as read:
        for start in range(0, len(encoded), BATCH):
            some = encoded[start : start + BATCH]
            batch = model.batch([text.ids for text in some])
            mask = batch.mask.clone()
            for row, text in enumerate(some):
                mask[row, : len(text)] = torch.tensor(text.sentence, device=mask.device)
            seen += int(mask.sum())
            read(batch)
    return torch.stack([counts[layer] for layer in given.layers]).double() / seen


def specific_neurons(probabilities: dict[str, Tensor], language: str) -> Tensor:
    """Which neurons [layer neuron] are specific to some language or languages, and this is one of them."""
    stacked = torch.stack(list(probabilities.values()))
    shares = stacked / stacked.sum(0).clamp(min=torch.finfo(torch.float64).tiny)
    entropy = -torch.special.xlogy(shares, shares).sum(0)
    often = torch.quantile(_sample(stacked.flatten()), ACTIVE)
    entropy[(stacked <= often).all(0)] = torch.inf  # hardly ever active in any language
    count = max(round(SHARE * entropy.numel()), 1)
    flat = torch.zeros(entropy.numel(), dtype=torch.bool)
    flat[entropy.flatten().argsort(stable=True)[:count]] = True
    flat &= entropy.flatten().isfinite()
    return flat.view_as(entropy) & (probabilities[language] > often)


def _sample(values: Tensor, most: int = 10_000_000) -> Tensor:
    """Torch takes no quantile of more values than this."""
    return values if len(values) <= most else values[:: -(-len(values) // most)]


def _configurations(given: Ingredients) -> list[Configuration]:
    language = given.study.source
    off = specific_neurons(activation_probabilities(given), language)
    maps = {layer: Masked(off[layer]) for layer in given.layers if off[layer].any()}
    if not maps:
        raise NotApplicable(f"no neuron of the model is specific to {language}")
    return all_layers(maps, "interpolate", ALPHAS, "mlp_act", positions="all")


RECIPES = (
    Recipe(
        "lape",
        "Language-specific neurons switched off (LAPE)",
        "Tang et al. 2024, arXiv 2402.16438",
        faithful="entropy of activation probabilities over the text's languages; the lowest hundredth, "
        "without neurons that are hardly ever active; all tokens",
        differs="a neuron of a gated model is counted where it enters the down-projection, behind its gate's "
        "product; α < 1 switches off in part",
        configurations=_configurations,
        uses_pairs=False,
        formula="(1 − α) a for neurons that are specific to the language, at all layers; all tokens",
    ),
)
