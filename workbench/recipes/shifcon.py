"""ShifCon's shift to the main language's place, and back later: h − v_s + v_t, then h − v_t + v_s."""

from collections.abc import Callable

from workbench.align import Affine, Given, LayerMaps, MeanShift
from workbench.recipes.base import Ingredients, Recipe
from workbench.sweep import Branch
from workbench.types import Site

LAYERS = 8
"""At most so many candidates for either end; of a deeper model they are evenly spaced."""

_REFERENCE = "Zhang et al. 2024, ShifCon, arXiv 2410.19453"
_DIFFERS = (
    "the shift alone: the model is not trained, with a contrastive loss on shifted states or otherwise; "
    "vectors are means over all tokens; both layers are chosen on dev"
)

Back = Callable[[LayerMaps, int, int], Given]
"""Means, the layer shifted at, the layer shifted back at → the way back."""


def own_means(there: LayerMaps, to: int, back: int) -> Given:
    """v_s − v_t of the later layer itself."""
    return _reversed(there, back)


def exact_inverse(there: LayerMaps, to: int, back: int) -> Given:
    """The very vector that was added, taken off again."""
    return _reversed(there, to)


def _reversed(maps: LayerMaps, layer: int) -> Given:
    map = maps[layer]
    assert isinstance(map, MeanShift) and map.bias_ is not None
    return Given.of(Affine((), -map.bias_, skip=1.0))


def _branches(given: Ingredients, way_back: Back) -> list[Branch]:
    there = given.fit(MeanShift(), pool="mean")
    layers = given.spread(LAYERS)
    return [
        Branch.jointly(
            "",
            {Site(to): there[to], Site(back): way_back(there, to, back)},
            "interpolate",
            positions="all",
        )
        for to in layers
        for back in layers
        if to < back
    ]


RECIPES = (
    Recipe(
        "shifcon",
        "Shift to the main language, and back by the later layer's means",
        _REFERENCE,
        faithful="all tokens are shifted by the difference of language vectors, and back at a later layer",
        differs=_DIFFERS,
        branches=lambda given: _branches(given, own_means),
        uses_pairs=False,
        formula="h − v_s + v_t behind layer i; h − v_t + v_s behind layer j > i, with layer j's vectors",
    ),
    Recipe(
        "shifcon_inverse",
        "Shift to the main language, and back by the same vector",
        _REFERENCE,
        faithful="all tokens are shifted by the difference of language vectors; the exact inverse later",
        differs=_DIFFERS,
        branches=lambda given: _branches(given, exact_inverse),
        uses_pairs=False,
        formula="h − v_s + v_t behind layer i; h − v_t + v_s behind layer j > i, with layer i's vectors",
    ),
)
