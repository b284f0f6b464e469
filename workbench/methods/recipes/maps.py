"""Recipes with linear maps: INCLINE and its variants, Procrustes by layer, embeddings, shortcuts."""

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd

from workbench.align import (
    Affine,
    Aligner,
    Given,
    LayerMaps,
    LeastSquares,
    MeanShift,
    Procrustes,
    Ridge,
    ShortcutEntry,
    ShortcutExit,
)
from workbench.core.types import Component, Site
from workbench.intervene import INCLINE
from workbench.methods.recipes.base import (
    ALPHAS,
    SIGNED_ALPHAS,
    Ingredients,
    Recipe,
    all_layers,
    margin_gains,
    single_layers,
)
from workbench.select import NOTHING
from workbench.sweeps import Configuration

# INCLINE (arXiv 2410.12462): h + α W h, W the least-squares map from the language to the main one.


_REFERENCE_INCLINE = "Wang et al. 2024, arXiv 2410.12462"
_SITES: tuple[tuple[str, Component, str, str], ...] = (
    ("attention", "attn_out", "what attention adds", " at all layers, in cascade"),
    ("mlp", "mlp_out", "what the feed-forward part adds", " at all layers, in cascade"),
    ("embedding", "embed", "the token embedding", ""),
)


def _every_layer(given: Ingredients, way: str) -> list[Configuration]:
    read = INCLINE[way]
    maps = given.fit(LeastSquares(center=read.centre), pool=read.fit_on)
    return all_layers(
        maps, read.formula, SIGNED_ALPHAS, positions=read.positions, from_clean=not read.cascade
    )


def _inside(given: Ingredients, component: Component) -> list[Configuration]:
    maps = given.fit(LeastSquares(center=False), component)
    return all_layers(maps, "add_mapped", SIGNED_ALPHAS, component)


def _one_layer(given: Ingredients) -> list[Configuration]:
    return single_layers(given.fit(LeastSquares(center=False)), "add_mapped", SIGNED_ALPHAS)


# Centred Procrustes at a few layers, chosen greedily on dev: h ← (h − μ_s) R + μ_t.


LAYERS_OF_PROCRUSTES = 3
"""At most so many are patched."""


def _first(given: Ingredients) -> list[Configuration]:
    return single_layers(given.fit(Procrustes()), "interpolate", (1.0,))


def _next(
    given: Ingredients, configurations: Sequence[Configuration], dev: pd.DataFrame
) -> list[Configuration]:
    """The best set of layers with each other one added, as long as the last one added has helped."""
    gains = margin_gains(configurations, dev)
    best: dict[int, tuple[float, Configuration]] = {}
    for gain, configuration in zip(gains, configurations, strict=True):
        n = len(configuration.parts)
        if n not in best or gain > best[n][0]:
            best[n] = gain, configuration
    most = max(best)
    gain, configuration = best[most]
    before = best[most - 1][0] if most > 1 else 0.0
    if most == LAYERS_OF_PROCRUSTES or gain <= before + NOTHING:
        return []
    maps: dict[Site, Aligner] = {b.site: b.map for b in configurations if not b.also}
    chosen = dict(configuration.parts)
    return [
        Configuration.jointly(
            configuration.aligner, {**chosen, site: map}, configuration.intervention, configuration.strength
        )
        for site, map in maps.items()
        if site not in chosen
    ]


# A linear map between embeddings, as SALT and FUSE make between vocabularies, at the embedding site.


def _configurations_embedding(given: Ingredients) -> list[Configuration]:
    maps = given.fit(Ridge(), "embed", "mean")
    return single_layers(maps, "interpolate", ALPHAS, "embed", positions="prompt")


# An affine shortcut past the last layers: z = W h + b, from an inner layer's state to the last layer's.


LAYERS_OF_SHORTCUT = 16
"""At most so many inner layers are tried; of a deeper model they are evenly spaced."""

_REFERENCE_SHORTCUT = "Wang et al. 2025, Lost in Multilinguality, arXiv 2504.04264"
_FAITHFUL = "an affine map from an inner layer's state replaces what the layers above make of it"


def _configurations_shortcut(given: Ingredients, to_target: bool) -> list[Configuration]:
    source, target = given.states()
    top = len(given.layers) - 1
    configurations = []
    for layer in (layer for layer in given.spread(LAYERS_OF_SHORTCUT) if layer < top):
        map = Ridge().fit(source[layer], (target if to_target else source)[top])
        for strength in ALPHAS:
            entry = ShortcutEntry()
            sites: dict[Site, Aligner] = {Site(layer): entry, Site(top): ShortcutExit(entry, map)}
            configurations.append(Configuration.jointly("", sites, "interpolate", strength))
    return configurations


# ShifCon's shift to the main language's place, and back later: h − v_s + v_t, then h − v_t + v_s.


LAYERS_OF_SHIFCON = 8
"""At most so many candidates for either end; of a deeper model they are evenly spaced."""

_REFERENCE_SHIFCON = "Zhang et al. 2024, ShifCon, arXiv 2410.19453"
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


def _configurations_shifcon(given: Ingredients, way_back: Back) -> list[Configuration]:
    there = given.fit(MeanShift(), pool="mean")
    layers = given.spread(LAYERS_OF_SHIFCON)
    return [
        Configuration.jointly(
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
        "incline_paper",
        "INCLINE as its paper defines it",
        _REFERENCE_INCLINE,
        faithful="least squares without a bias on last-token states; h + α W h at the last prompt token of "
        "all layers, in cascade",
        differs="α is chosen on dev items, with the rule for doing nothing; the text is yours",
        configurations=partial(_every_layer, way="paper"),
        formula="h + α W h at all layers in cascade, W = argmin Σ ‖W h^s − h^t‖²; last prompt token",
    ),
    Recipe(
        "incline_released",
        "INCLINE as its released code behaves",
        _REFERENCE_INCLINE + ", code weixuan-wang123/INCLINE",
        faithful="fitted on means over tokens, applied at the last one; all patches computed from a clean "
        "run",
        differs="α is not chosen on the test file, no copies of English are among the pairs, and the right "
        "answer is not fed in",
        configurations=partial(_every_layer, way="released"),
        formula="h + α W h̃ at all layers, h̃ of a clean run; W on means over tokens; last prompt token",
    ),
    Recipe(
        "incline_single",
        "INCLINE at one layer",
        _REFERENCE_INCLINE,
        faithful="its map and formula",
        differs="one layer, chosen on dev; the paper patches all of them",
        configurations=_one_layer,
        formula="h + α W h at one layer, W = argmin Σ ‖W h^s − h^t‖²; last prompt token",
    ),
    *(
        Recipe(
            f"incline_{name}",
            f"INCLINE on {what}",
            _REFERENCE_INCLINE + ", its ablation",
            faithful="least squares without a bias; a + α W a at the last prompt token" + where,
            differs="α is chosen on dev items; the text is yours",
            configurations=partial(_inside, component=component),
            formula=f"a + α W a{where}, a {what}; W = argmin Σ ‖W a^s − a^t‖²; last prompt token",
        )
        for name, component, what, where in _SITES
    ),
    Recipe(
        "procrustes_greedy",
        "Centred Procrustes at up to three layers, chosen greedily",
        "RoSh, an independent preprint; Procrustes after Conneau et al. 2018, arXiv 1710.04087",
        faithful="centred rotation in place of the state; layers added greedily, three at most",
        differs="greedy by the mean margin on dev; applied at the last prompt token",
        configurations=_first,
        grow=_next,
        formula="(h − μ_s) R + μ_t, RᵀR = I, at layers i, j, k in cascade",
    ),
    Recipe(
        "embedding_linear",
        "Linear transfer between embeddings",
        "after SALT (Lee et al. 2025, arXiv 2505.10945) and FUSE",
        faithful="a linear map takes the language's embeddings to the main one's",
        differs="within one model: fitted on sentences' mean embeddings of both languages, where they fit on "
        "tokens of two vocabularies; no vocabulary is replaced",
        configurations=_configurations_embedding,
        formula="(1 − α) e + α (W e + b), e a token's embedding; W, b by ridge; all prompt tokens",
    ),
    Recipe(
        "affine_shortcut",
        "Affine shortcut past the last layers",
        _REFERENCE_SHORTCUT,
        faithful=_FAITHFUL,
        differs="W and b by ridge on sentences' last tokens, β = 1; at the last prompt token; layer and α "
        "are chosen on dev",
        configurations=partial(_configurations_shortcut, to_target=False),
        uses_pairs=False,
        formula="(1 − α) h_L + α (W h_l + b), W, b from the language's own h_l to its own h_L",
    ),
    Recipe(
        "affine_shortcut_target",
        "Affine shortcut past the last layers, to the main language's last state",
        "after " + _REFERENCE_SHORTCUT,
        faithful=_FAITHFUL,
        differs="a variant: fitted on pairs, it ends at the main language's states, not the language's own",
        configurations=partial(_configurations_shortcut, to_target=True),
        formula="(1 − α) h_L + α (W h_l + b), W, b from the language's h_l to its translation's h_L",
    ),
    Recipe(
        "shifcon",
        "Shift to the main language, and back by the later layer's means",
        _REFERENCE_SHIFCON,
        faithful="all tokens are shifted by the difference of language vectors, and back at a later layer",
        differs=_DIFFERS,
        configurations=lambda given: _configurations_shifcon(given, own_means),
        uses_pairs=False,
        formula="h − v_s + v_t behind layer i; h − v_t + v_s behind layer j > i, with layer j's vectors",
    ),
    Recipe(
        "shifcon_inverse",
        "Shift to the main language, and back by the same vector",
        _REFERENCE_SHIFCON,
        faithful="all tokens are shifted by the difference of language vectors; the exact inverse later",
        differs=_DIFFERS,
        configurations=lambda given: _configurations_shifcon(given, exact_inverse),
        uses_pairs=False,
        formula="h − v_s + v_t behind layer i; h − v_t + v_s behind layer j > i, with layer i's vectors",
    ),
)
