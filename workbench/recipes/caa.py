"""Contrastive activation addition: the mean state behind right choices less that behind wrong ones."""

from workbench.align import Given
from workbench.recipes.base import Ingredients, Recipe, single_layers
from workbench.recipes.reading import contrast
from workbench.sweep import Branch

STRENGTHS = (0.5, 1.0, 2.0, 4.0)


def _branches(given: Ingredients) -> list[Branch]:
    right, wrong = contrast(given, "resid_post").means()
    maps = {layer: Given.step(right[layer] - wrong[layer]) for layer in given.layers}
    return single_layers(maps, "add_vector", STRENGTHS)


RECIPES = (
    Recipe(
        "caa",
        "Contrastive activation addition",
        "Rimsky et al. 2024, arXiv 2312.06681; a baseline of INCLINE",
        faithful="the difference between mean states at the end of right and of wrong choices, at one layer",
        differs="added at the last prompt token, not at all tokens behind it; layer and α are chosen on dev",
        branches=_branches,
        uses_pairs=False,
        needs_labels=True,
        formula="h + α (mean h(right) − mean h(wrong)), h at the end of prompt and choice; last prompt token",
    ),
)
