"""States of solved items with their choices, right and wrong: what contrastive recipes learn from."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.errors import NotApplicable
from workbench.models import Hook, LanguageModel
from workbench.recipes.base import Ingredients
from workbench.sweep import read_examples
from workbench.tasks import Example
from workbench.types import Component, Site

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
