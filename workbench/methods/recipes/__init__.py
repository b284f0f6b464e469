"""Recipes: published interventions, implemented with align, intervene and sweeps."""

from workbench.methods.recipes import learned, maps, neurons, nonlinear, vectors
from workbench.methods.recipes.base import Ingredients, Recipe, all_layers, single_layers, turned

_ORDER = (
    *("incline_paper", "incline_released", "incline_single", "incline_attention", "incline_mlp"),
    *("incline_embedding", "mean_difference", "mean_difference_all", "learned_vector_states"),
    *("learned_vector_answers", "shifcon", "shifcon_inverse", "procrustes_greedy", "caa", "iti", "cc_tuning"),
    *("clas_bench", "itlc", "recover", "affine_shortcut", "affine_shortcut_target", "lape"),
)
"""The order of rows in tables; recipes that are not named here follow in the order of their files."""
_FILES = (maps, vectors, learned, neurons, nonlinear)
_FOUND = {recipe.name: recipe for file in _FILES for recipe in file.RECIPES}

RECIPES: dict[str, Recipe] = {name: _FOUND[name] for name in dict.fromkeys((*_ORDER, *_FOUND))}
"""Recipes by the name that tables and the command line use."""

__all__ = ["RECIPES", "Ingredients", "Recipe", "all_layers", "single_layers", "turned"]
