"""A strength that is calibrated to the shift it makes in the output: the same in nats at every layer."""

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align import Aligner, Ridge
from workbench.recipes.base import Ingredients, Recipe
from workbench.recipes.training import keep
from workbench.sweep import Branch
from workbench.types import Site

TARGETS = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Nats by which the prediction behind a sentence is to shift."""
TRIED = tuple(i / 16 for i in range(1, 17))
"""Strengths at which the shift is measured; between them it is interpolated."""
SENTENCES = 64
LAYERS = 16


def _branches(given: Ingredients) -> list[Branch]:
    maps = given.fit(Ridge())
    shifts = output_shifts(given, {layer: maps[layer] for layer in given.spread(LAYERS)})
    branches = []
    for layer, by_strength in shifts.items():
        strengths = {round(a, 6) for nats in TARGETS if (a := strength_for(nats, by_strength)) is not None}
        branches += [
            Branch("", Site(layer), maps[layer], "interpolate", strength) for strength in sorted(strengths)
        ]
    return branches


def strength_for(nats: float, shifts: list[float]) -> float | None:
    """The least strength with this shift; None where even the whole step makes a smaller one."""
    below, at = 0.0, 0.0
    for strength, shift in zip(TRIED, shifts, strict=True):
        if shift >= nats:
            return at + (strength - at) * (nats - below) / (shift - below)
        below, at = shift, strength
    return None


@torch.no_grad()
def output_shifts(given: Ingredients, maps: dict[int, Aligner]) -> dict[int, list[float]]:
    """For each layer, the mean KL(clean ‖ patched) of the next token behind some fitting sentences."""
    study, model, top = given.study, given.study.model, len(given.layers)
    ids = model.tokens.encode([study.text[study.source][int(row)] for row in given.rows[:SENTENCES]])
    batch, below = model.batch(ids), dict[int, Tensor]()
    rows = torch.arange(len(ids), device=model.device)
    hooks = keep(below, sorted({*maps, top - 1}))
    model.run(batch, hooks=hooks, head=False)

    def predicted(h: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch d_vocab"]:
        states = h[rows.to(h.device), batch.last.to(h.device)]
        return model.unembed(model.final_norm(states[:, None]))[:, 0].float().log_softmax(-1)

    clean, found = predicted(below[top - 1]), {}
    for done, (layer, map) in enumerate(maps.items()):
        h = below[layer]
        state = h[rows, batch.last]
        step, found[layer] = map.transform(state) - state, list[float]()
        for strength in TRIED:
            patched = h.clone()
            patched[rows, batch.last] = state + strength * step
            if layer + 1 < top:
                patched = model.run(batch, start=layer + 1, residual=patched, head=False)
            shift = (clean.exp() * (clean - predicted(patched))).sum(-1).mean()
            found[layer].append(float(shift))
        study.progress("calibrate", done + 1, len(maps))
    return found


RECIPES = (
    Recipe(
        "kl_calibrated",
        "Ridge, with strengths that shift the output by the same amount at every layer",
        "left open in Wang et al. 2024, arXiv 2410.12462",
        faithful="the strength is calibrated to a shift in the output",
        differs="no published protocol: the shift is measured behind the language's own sentences; it and "
        "the layer are chosen on dev",
        branches=_branches,
        formula="(1 − α) h + α (W h + b), α such that mean KL(clean ‖ patched) is 0.05 … 2 nats",
    ),
)
