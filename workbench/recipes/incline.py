"""INCLINE (arXiv 2410.12462): h + α W h, W the least-squares map from the language to the main one."""

from functools import partial

from workbench.align import LeastSquares
from workbench.intervene import INCLINE
from workbench.recipes.base import SIGNED_ALPHAS, Ingredients, Recipe, all_layers, single_layers
from workbench.sweep import Branch
from workbench.types import Component

_REFERENCE = "Wang et al. 2024, arXiv 2410.12462"
_SITES: tuple[tuple[str, Component, str, str], ...] = (
    ("attention", "attn_out", "what attention adds", " at all layers, in cascade"),
    ("mlp", "mlp_out", "what the feed-forward part adds", " at all layers, in cascade"),
    ("embedding", "embed", "the token embedding", ""),
)


def _every_layer(given: Ingredients, way: str) -> list[Branch]:
    read = INCLINE[way]
    maps = given.fit(LeastSquares(center=read.centre), pool=read.fit_on)
    return all_layers(
        maps, read.formula, SIGNED_ALPHAS, positions=read.positions, from_clean=not read.cascade
    )


def _inside(given: Ingredients, component: Component) -> list[Branch]:
    maps = given.fit(LeastSquares(center=False), component)
    return all_layers(maps, "add_mapped", SIGNED_ALPHAS, component)


def _one_layer(given: Ingredients) -> list[Branch]:
    return single_layers(given.fit(LeastSquares(center=False)), "add_mapped", SIGNED_ALPHAS)


RECIPES = (
    Recipe(
        "incline_paper",
        "INCLINE as its paper defines it",
        _REFERENCE,
        faithful="least squares without a bias on last-token states; h + α W h at the last prompt token of "
        "all layers, in cascade",
        differs="α is chosen on dev items, with the rule for doing nothing; the text is yours",
        branches=partial(_every_layer, way="paper"),
        formula="h + α W h at all layers in cascade, W = argmin Σ ‖W h^s − h^t‖²; last prompt token",
    ),
    Recipe(
        "incline_released",
        "INCLINE as its released code behaves",
        _REFERENCE + ", code weixuan-wang123/INCLINE",
        faithful="fitted on means over tokens, applied at the last one; all patches computed from a clean "
        "run",
        differs="α is not chosen on the test file, no copies of English are among the pairs, and the right "
        "answer is not fed in",
        branches=partial(_every_layer, way="released"),
        formula="h + α W h̃ at all layers, h̃ of a clean run; W on means over tokens; last prompt token",
    ),
    Recipe(
        "incline_single",
        "INCLINE at one layer",
        _REFERENCE,
        faithful="its map and formula",
        differs="one layer, chosen on dev; the paper patches all of them",
        branches=_one_layer,
        formula="h + α W h at one layer, W = argmin Σ ‖W h^s − h^t‖²; last prompt token",
    ),
    *(
        Recipe(
            f"incline_{name}",
            f"INCLINE on {what}",
            _REFERENCE + ", its ablation",
            faithful="least squares without a bias; a + α W a at the last prompt token" + where,
            differs="α is chosen on dev items; the text is yours",
            branches=partial(_inside, component=component),
            formula=f"a + α W a{where}, a {what}; W = argmin Σ ‖W a^s − a^t‖²; last prompt token",
        )
        for name, component, what, where in _SITES
    ),
)
