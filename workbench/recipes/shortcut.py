"""An affine shortcut past the last layers: z = W h + b, from an inner layer's state to the last layer's."""

from functools import partial

from workbench.align import Aligner, Ridge, ShortcutEntry, ShortcutExit
from workbench.recipes.base import ALPHAS, Ingredients, Recipe
from workbench.sweep import Branch
from workbench.types import Site

LAYERS = 16
"""At most so many inner layers are tried; of a deeper model they are evenly spaced."""

_REFERENCE = "Wang et al. 2025, Lost in Multilinguality, arXiv 2504.04264"
_FAITHFUL = "an affine map from an inner layer's state replaces what the layers above make of it"


def _branches(given: Ingredients, to_target: bool) -> list[Branch]:
    source, target = given.states()
    top = len(given.layers) - 1
    branches = []
    for layer in (layer for layer in given.spread(LAYERS) if layer < top):
        map = Ridge().fit(source[layer], (target if to_target else source)[top])
        for strength in ALPHAS:
            entry = ShortcutEntry()
            sites: dict[Site, Aligner] = {Site(layer): entry, Site(top): ShortcutExit(entry, map)}
            branches.append(Branch.jointly("", sites, "interpolate", strength))
    return branches


RECIPES = (
    Recipe(
        "affine_shortcut",
        "Affine shortcut past the last layers",
        _REFERENCE,
        faithful=_FAITHFUL,
        differs="W and b by ridge on sentences' last tokens, β = 1; at the last prompt token; layer and α "
        "are chosen on dev",
        branches=partial(_branches, to_target=False),
        uses_pairs=False,
        formula="(1 − α) h_L + α (W h_l + b), W, b from the language's own h_l to its own h_L",
    ),
    Recipe(
        "affine_shortcut_target",
        "Affine shortcut past the last layers, to the main language's last state",
        "after " + _REFERENCE,
        faithful=_FAITHFUL,
        differs="a variant: fitted on pairs, it ends at the main language's states, not the language's own",
        branches=partial(_branches, to_target=True),
        formula="(1 − α) h_L + α (W h_l + b), W, b from the language's h_l to its translation's h_L",
    ),
)
