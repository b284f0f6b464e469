"""Recipes with fitted maps: INCLINE and its variants, Procrustes, shortcuts, non-linear and pairless maps."""

import warnings
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from workbench.align import (
    Affine,
    Aligner,
    Given,
    LeastSquares,
    MeanShift,
    Ridge,
    SelfLearning,
    ShortcutEntry,
    ShortcutExit,
)
from workbench.core.errors import InputError, NotApplicable
from workbench.core.types import Site
from workbench.intervene import INCLINE
from workbench.methods.recipes.base import (
    ALPHAS,
    SIGNED_ALPHAS,
    Ingredients,
    all_layers,
    fitted,
    margin_gains,
    single_layers,
)
from workbench.methods.recipes.learned import keep
from workbench.select import NOTHING
from workbench.sweeps import Configuration

LAYERS_OF_PROCRUSTES = 3
LAYERS_OF_SHORTCUT = 16
LAYERS_OF_CALIBRATION = 16
LAYERS_OF_SHIFCON = 8
"""At most so many layers are patched (Procrustes) or tried: of a deeper model evenly spaced ones."""


def incline(ingredients: Ingredients, reading: str) -> list[Configuration]:
    """INCLINE at all layers, as its paper defines it or as its released code behaves."""
    way = INCLINE[reading]
    return fitted(
        ingredients,
        LeastSquares(center=way.centre),
        way.formula,
        SIGNED_ALPHAS,
        pool=way.fit_on,
        at=all_layers,
        positions=way.positions,
        from_clean=not way.cascade,
    )


def procrustes_next_layer(
    ingredients: Ingredients, configurations: Sequence[Configuration], dev: pd.DataFrame
) -> list[Configuration]:
    """The best set of layers with each other one added, as long as the last one added has helped."""
    best: dict[int, tuple[float, Configuration]] = {}
    for gain, configuration in zip(margin_gains(configurations, dev), configurations, strict=True):
        n = len(configuration.parts)
        if n not in best or gain > best[n][0]:
            best[n] = gain, configuration
    most = max(best)
    gain, chosen = best[most]
    before = best[most - 1][0] if most > 1 else 0.0
    if most == LAYERS_OF_PROCRUSTES or gain <= before + NOTHING:
        return []
    patched = dict(chosen.parts)
    return [
        Configuration.jointly(
            chosen.aligner, {**patched, other.site: other.map}, chosen.intervention, chosen.strength
        )
        for other in configurations
        if not other.also and other.site not in patched
    ]


def affine_shortcut(ingredients: Ingredients, to_target: bool) -> list[Configuration]:
    """z = W h + b from each inner layer to the language's own last state, or to the target language's."""
    source, target = ingredients.states()
    top = len(ingredients.layers) - 1
    configurations = []
    for layer in (layer for layer in ingredients.spread(LAYERS_OF_SHORTCUT) if layer < top):
        map = Ridge().fit(source[layer], (target if to_target else source)[top])
        for strength in ALPHAS:
            entry = ShortcutEntry()
            sites: dict[Site, Aligner] = {Site(layer): entry, Site(top): ShortcutExit(entry, map)}
            configurations.append(Configuration.jointly("", sites, "interpolate", strength))
    return configurations


def there_and_back(ingredients: Ingredients, exact: bool) -> list[Configuration]:
    """ShifCon: to the target language's place, and back by the later layer's means or the same vector."""
    there: dict[int, Any] = ingredients.fit(MeanShift(), pool="mean")
    returns = {layer: Given.of(Affine((), -map.bias_, skip=1.0)) for layer, map in there.items()}
    layers = ingredients.spread(LAYERS_OF_SHIFCON)
    return [
        Configuration.jointly(
            "",
            {Site(to): there[to], Site(back): returns[to if exact else back]},
            "interpolate",
            positions="all",
        )
        for to in layers
        for back in layers
        if to < back
    ]


def self_learned(ingredients: Ingredients) -> list[Configuration]:
    """A rotation learned from mutual nearest neighbours."""
    try:
        return fitted(ingredients, SelfLearning())
    except InputError as error:
        raise NotApplicable(str(error)) from error


def optimal_transport(ingredients: Ingredients) -> list[Configuration]:
    """Ridge towards each state's image under a transport plan."""
    pairs = enumerate(zip(*ingredients.states(), strict=True))
    maps = {layer: Ridge().fit(source, transported(source, target)) for layer, (source, target) in pairs}
    return single_layers(maps, "interpolate")


# A strength that is calibrated to the shift it makes in the output: the same in nats at every layer.


TARGETS = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Nats by which the prediction behind a sentence is to shift."""
TRIED = tuple(i / 16 for i in range(1, 17))
"""Strengths at which the shift is measured; between them it is interpolated."""
SENTENCES = 64


def calibrated_strengths(ingredients: Ingredients) -> list[Configuration]:
    """Ridge at each layer, with the strengths that shift the output by the nats of `TARGETS`."""
    maps, configurations = ingredients.fit(Ridge()), []
    tried = {layer: maps[layer] for layer in ingredients.spread(LAYERS_OF_CALIBRATION)}
    for layer, shifts in output_shifts(ingredients, tried).items():
        strengths = {round(a, 6) for nats in TARGETS if (a := strength_for(nats, shifts)) is not None}
        configurations += single_layers({layer: maps[layer]}, "interpolate", sorted(strengths))
    return configurations


def strength_for(nats: float, shifts: list[float]) -> float | None:
    """The least strength with this shift; None where even the whole step makes a smaller one."""
    points = [(0.0, 0.0), *zip(TRIED, shifts, strict=True)]
    for (at, below), (strength, shift) in pairwise(points):
        if shift >= nats:
            return at + (strength - at) * (nats - below) / (shift - below)
    return None


@torch.no_grad()
def output_shifts(ingredients: Ingredients, maps: dict[int, Aligner]) -> dict[int, list[float]]:
    """For each layer, the mean KL(clean ‖ patched) of the next token behind some fitting sentences."""
    study, model, top = ingredients.study, ingredients.study.model, len(ingredients.layers)
    ids = model.tokens.encode(ingredients.sentences(study.source)[:SENTENCES])
    batch, below = model.batch(ids), dict[int, Tensor]()
    rows = torch.arange(len(ids), device=model.device)
    model.run(batch, hooks=keep(below, sorted({*maps, top - 1})), head=False)

    def predicted(h: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch d_vocab"]:
        states = h[rows.to(h.device), batch.last.to(h.device)]
        return model.unembed(model.final_norm(states[:, None]))[:, 0].float().log_softmax(-1)

    clean, shifts = predicted(below[top - 1]), {}
    for done, (layer, map) in enumerate(maps.items()):
        h = below[layer]
        state = h[rows, batch.last]
        step, shifts[layer] = map.transform(state) - state, list[float]()
        for strength in TRIED:
            patched = h.clone()
            patched[rows, batch.last] = state + strength * step
            if layer + 1 < top:
                patched = model.run(batch, start=layer + 1, residual=patched, head=False)
            shifts[layer].append(float((clean.exp() * (clean - predicted(patched))).sum(-1).mean()))
        study.progress("calibrate", done + 1, len(maps))
    return shifts


BLUR = 0.05
"""The entropic penalty, in units of the mean cost."""
ROUNDS = 2000


def transported(X: Float[Tensor, "sent d"], Y: Float[Tensor, "other d"]) -> Float[Tensor, "sent d"]:
    """Each row's barycentre under Sinkhorn's plan from X to Y, all rows equally heavy, squared distances.

    Both sets are centred before distances are taken: a plan between places far apart knows only the shift.
    """
    try:
        ot = import_module("ot")
    except ImportError as error:
        raise NotApplicable(
            "optimal transport needs the library POT: pip install 'alignment-workbench[transport]'"
        ) from error
    X, Y = X.double().cpu(), Y.double().cpu()
    A, B = X - X.mean(0), Y - Y.mean(0)
    weights = torch.as_tensor(_plan(ot, torch.cdist(A, B).square().numpy()))
    return (weights / weights.sum(1, keepdim=True)) @ Y


def _plan(ot: Any, cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sinkhorn's plan, by products where these hold, else by logarithms, which take twenty times as long."""
    a, b = (np.full(n, 1 / n) for n in cost.shape)
    for method in ("sinkhorn", "sinkhorn_log"):
        with warnings.catch_warnings():
            # That it might be closer still; rows are normalised by the caller.
            warnings.simplefilter("ignore")
            plan: NDArray[np.float64] = ot.sinkhorn(
                a, b, cost, BLUR * cost.mean(), method=method, numItermax=ROUNDS
            )
        if np.isfinite(plan).all() and np.allclose(plan.sum(1), a, rtol=0.01, atol=0):
            break  # a row so far from all others that its products are 0 would have no mass
    return plan
