"""CC-Tuning at inference: one matrix for feed-forward outputs, from the language to the main one."""

from workbench.align import LeastSquares
from workbench.recipes.base import ALPHAS, Ingredients, Recipe, all_layers, single_layers
from workbench.sweep import Branch


def _branches(given: Ingredients) -> list[Branch]:
    source, target = given.states("mlp_out")
    pooled = LeastSquares(center=False).fit(source.flatten(0, 1), target.flatten(0, 1))
    maps = dict.fromkeys(given.layers, pooled)
    return [
        *single_layers(maps, "add_mapped", ALPHAS, "mlp_out", positions="prompt"),
        *all_layers(maps, "add_mapped", ALPHAS, "mlp_out", positions="prompt"),
    ]


RECIPES = (
    Recipe(
        "cc_tuning",
        "CC-Tuning's matrix for feed-forward outputs",
        "Ye et al. 2025, CC-Tuning, arXiv 2506.00875",
        faithful="one least-squares matrix, pooled over layers, turns feed-forward outputs into the main "
        "language's; in the prompt only",
        differs="the model is not fine-tuned and has no decision maker: where it is added is chosen on dev, "
        "one layer or all; fitted on sentences' last tokens",
        branches=_branches,
        formula="f + α W f at one layer or all, f a feed-forward output; W = argmin Σ_layers ‖W f^s − f^t‖²",
    ),
)
