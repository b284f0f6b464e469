"""Recipes: interventions of the literature in a few lines over align, intervene and sweep."""

from workbench.recipes import (
    caa,
    cc_tuning,
    embedding,
    incline,
    iti,
    kl_calibrated,
    language_vectors,
    lape,
    learned,
    mean_difference,
    nonlinear,
    procrustes,
    shifcon,
    shortcut,
    unpaired,
)
from workbench.recipes.base import Ingredients, Recipe, all_layers, single_layers, turned

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        *incline.RECIPES,
        *mean_difference.RECIPES,
        *learned.RECIPES,
        *shifcon.RECIPES,
        *procrustes.RECIPES,
        *caa.RECIPES,
        *iti.RECIPES,
        *cc_tuning.RECIPES,
        *language_vectors.RECIPES,
        *shortcut.RECIPES,
        *lape.RECIPES,
        *embedding.RECIPES,
        *nonlinear.RECIPES,
        *kl_calibrated.RECIPES,
        *unpaired.RECIPES,
    )
}
"""Recipes by the name that tables and the command line use."""

__all__ = ["RECIPES", "Ingredients", "Recipe", "all_layers", "single_layers", "turned"]
