"""Centred Procrustes at a few layers, chosen greedily on dev: h ← (h − μ_s) R + μ_t."""

from collections.abc import Sequence

import pandas as pd

from workbench.align import Aligner, Procrustes
from workbench.recipes.base import Ingredients, Recipe, margin_gains, single_layers
from workbench.select import NOTHING
from workbench.sweep import Branch
from workbench.types import Site

LAYERS = 3
"""At most so many are patched."""


def _first(given: Ingredients) -> list[Branch]:
    return single_layers(given.fit(Procrustes()), "interpolate", (1.0,))


def _next(given: Ingredients, branches: Sequence[Branch], dev: pd.DataFrame) -> list[Branch]:
    """The best set of layers with each other one added, as long as the last one added has helped."""
    gains = margin_gains(branches, dev)
    best: dict[int, tuple[float, Branch]] = {}
    for gain, branch in zip(gains, branches, strict=True):
        n = len(branch.parts)
        if n not in best or gain > best[n][0]:
            best[n] = gain, branch
    most = max(best)
    gain, branch = best[most]
    before = best[most - 1][0] if most > 1 else 0.0
    if most == LAYERS or gain <= before + NOTHING:
        return []
    maps: dict[Site, Aligner] = {b.site: b.map for b in branches if not b.also}
    chosen = dict(branch.parts)
    return [
        Branch.jointly(branch.aligner, {**chosen, site: map}, branch.intervention, branch.strength)
        for site, map in maps.items()
        if site not in chosen
    ]


RECIPES = (
    Recipe(
        "procrustes_greedy",
        "Centred Procrustes at up to three layers, chosen greedily",
        "RoSh, an independent preprint; Procrustes after Conneau et al. 2018, arXiv 1710.04087",
        faithful="centred rotation in place of the state; layers added greedily, three at most",
        differs="greedy by the mean margin on dev; applied at the last prompt token",
        branches=_first,
        grow=_next,
        formula="(h − μ_s) R + μ_t, RᵀR = I, at layers i, j, k in cascade",
    ),
)
