"""Recipes: published interventions, implemented with align, intervene and sweeps."""

from workbench.methods.recipes import learned, neurons
from workbench.methods.recipes.base import Ingredients, Recipe, all_layers, single_layers, turned
from workbench.methods.recipes.maps import (
    RECIPES_OF_EMBEDDING,
    RECIPES_OF_INCLINE,
    RECIPES_OF_PROCRUSTES,
    RECIPES_OF_SHIFCON,
    RECIPES_OF_SHORTCUT,
)
from workbench.methods.recipes.nonlinear import (
    RECIPES_OF_KL_CALIBRATED,
    RECIPES_OF_NONLINEAR,
    RECIPES_OF_UNPAIRED,
)
from workbench.methods.recipes.vectors import (
    RECIPES_OF_CAA,
    RECIPES_OF_CC_TUNING,
    RECIPES_OF_ITI,
    RECIPES_OF_LANGUAGE_VECTORS,
    RECIPES_OF_MEAN_DIFFERENCE,
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        *RECIPES_OF_INCLINE,
        *RECIPES_OF_MEAN_DIFFERENCE,
        *learned.RECIPES,
        *RECIPES_OF_SHIFCON,
        *RECIPES_OF_PROCRUSTES,
        *RECIPES_OF_CAA,
        *RECIPES_OF_ITI,
        *RECIPES_OF_CC_TUNING,
        *RECIPES_OF_LANGUAGE_VECTORS,
        *RECIPES_OF_SHORTCUT,
        *neurons.RECIPES,
        *RECIPES_OF_EMBEDDING,
        *RECIPES_OF_NONLINEAR,
        *RECIPES_OF_KL_CALIBRATED,
        *RECIPES_OF_UNPAIRED,
    )
}
"""Recipes by the name that tables and the command line use."""

__all__ = ["RECIPES", "Ingredients", "Recipe", "all_layers", "single_layers", "turned"]
