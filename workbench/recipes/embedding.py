"""A linear map between embeddings, as SALT and FUSE make between vocabularies, at the embedding site."""

from workbench.align import Ridge
from workbench.recipes.base import ALPHAS, Ingredients, Recipe, single_layers
from workbench.sweep import Branch


def _branches(given: Ingredients) -> list[Branch]:
    maps = given.fit(Ridge(), "embed", "mean")
    return single_layers(maps, "interpolate", ALPHAS, "embed", positions="prompt")


RECIPES = (
    Recipe(
        "embedding_linear",
        "Linear transfer between embeddings",
        "after SALT (Lee et al. 2025, arXiv 2505.10945) and FUSE",
        faithful="a linear map takes the language's embeddings to the main one's",
        differs="within one model: fitted on sentences' mean embeddings of both languages, where they fit on "
        "tokens of two vocabularies; no vocabulary is replaced",
        branches=_branches,
        formula="(1 − α) e + α (W e + b), e a token's embedding; W, b by ridge; all prompt tokens",
    ),
)
