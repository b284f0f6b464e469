"""Maps that need no pairs, only sentences of both languages: self-learning, and optimal transport."""

from workbench.align import LayerMaps, Ridge, SelfLearning
from workbench.errors import InputError, NotApplicable
from workbench.recipes.base import ALPHAS, Ingredients, Recipe, single_layers
from workbench.recipes.transport import transported
from workbench.sweep import Branch


def _self_learned(given: Ingredients) -> list[Branch]:
    try:
        maps = given.fit(SelfLearning())
    except InputError as error:
        raise NotApplicable(str(error)) from error
    return single_layers(maps, "interpolate", ALPHAS)


def _transported(given: Ingredients) -> list[Branch]:
    maps = [
        Ridge().fit(source, transported(source, target))
        for source, target in zip(*given.states(), strict=True)
    ]
    return single_layers(LayerMaps(tuple(maps)), "interpolate", ALPHAS)


RECIPES = (
    Recipe(
        "self_learning",
        "A rotation learned without pairs, from mutual nearest neighbours",
        "after Artetxe et al. 2018, arXiv 1805.06297 (VecMap), and Conneau et al. 2018, arXiv 1710.04087",
        faithful="dictionary and rotation are found in turns; neighbours by CSLS, mutual ones only",
        differs="begins with the identity, as both languages live in one model; no stochastic dictionary, no "
        "re-weighting",
        branches=_self_learned,
        uses_pairs=False,
        formula="(1 − α) h + α ((h − μ_s) R + μ_t), R by Procrustes on mutual neighbours; last prompt token",
    ),
    Recipe(
        "optimal_transport",
        "Ridge towards the images of an optimal transport plan, without pairs",
        "Cuturi 2013, arXiv 1306.0895; library POT",
        faithful="entropic transport between both languages' states; each state's image is its barycentre",
        differs="a ridge map carries the images over to new states; needs POT",
        branches=_transported,
        uses_pairs=False,
        formula="(1 − α) h + α (W h + b), W, b by ridge onto the images n P Y, P Sinkhorn's plan",
    ),
)
