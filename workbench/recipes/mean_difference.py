"""Steering by the difference of the languages' means: h + α (μ_t − μ_s)."""

from workbench.align import MeanShift
from workbench.recipes.base import Ingredients, Recipe, single_layers
from workbench.sweep import Branch

STRENGTHS = (0.5, 1.0, 2.0, 4.0)
"""Of steering vectors, which are commonly added more than once over."""

_REFERENCE = "after Mahmoud et al. 2025, arXiv 2505.12584"
_DIFFERS = (
    "a variant: how that paper makes its vector could not be verified and no code was found; layer and α are "
    "chosen on dev"
)


def _at_the_end(given: Ingredients) -> list[Branch]:
    return single_layers(given.fit(MeanShift()), "add_vector", STRENGTHS)


def _everywhere(given: Ingredients) -> list[Branch]:
    return single_layers(given.fit(MeanShift(), pool="mean"), "add_vector", STRENGTHS, positions="all")


RECIPES = (
    Recipe(
        "mean_difference",
        "Steering by the difference of means, at the last token",
        _REFERENCE,
        faithful="one vector in the residual stream of a single layer",
        differs=_DIFFERS,
        branches=_at_the_end,
        uses_pairs=False,
        formula="h + α (μ_t − μ_s), μ over sentences' last tokens; last prompt token",
    ),
    Recipe(
        "mean_difference_all",
        "Steering by the difference of means, at all tokens",
        _REFERENCE,
        faithful="one vector in the residual stream of a single layer",
        differs=_DIFFERS,
        branches=_everywhere,
        uses_pairs=False,
        formula="h + α (μ_t − μ_s), μ over all tokens; all tokens, those of choices and answers too",
    ),
)
