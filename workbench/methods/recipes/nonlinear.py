"""Recipes with non-linear maps or without pairs: kernels, networks, adaptive strength, transport."""

import warnings
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from workbench.align import Adaptive, Aligner, KernelRidge, LayerMaps, ResidualMLP, Ridge, SelfLearning
from workbench.core.errors import InputError, NotApplicable
from workbench.core.types import Site
from workbench.methods.recipes.base import ALPHAS, Ingredients, Recipe, single_layers
from workbench.methods.recipes.learned import keep
from workbench.sweeps import Configuration

# Maps that need not be linear, and strengths that follow the state: left open by INCLINE's authors.


_REFERENCE = "left open in Wang et al. 2024, arXiv 2410.12462"
_DIFFERS = "no published protocol: layer and α are chosen on dev"


def _single(given: Ingredients, estimator: Any) -> list[Configuration]:
    seeded = {"seed": given.seed} if estimator in (KernelRidge, ResidualMLP) else {}
    return single_layers(given.fit(estimator(**seeded)), "interpolate", ALPHAS)


def _adaptive(given: Ingredients) -> list[Configuration]:
    return single_layers(given.fit(Adaptive(Ridge())), "interpolate", ALPHAS)


# A strength that is calibrated to the shift it makes in the output: the same in nats at every layer.


TARGETS = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Nats by which the prediction behind a sentence is to shift."""
TRIED = tuple(i / 16 for i in range(1, 17))
"""Strengths at which the shift is measured; between them it is interpolated."""
SENTENCES = 64
LAYERS = 16


def _configurations(given: Ingredients) -> list[Configuration]:
    maps = given.fit(Ridge())
    shifts = output_shifts(given, {layer: maps[layer] for layer in given.spread(LAYERS)})
    configurations = []
    for layer, by_strength in shifts.items():
        strengths = {round(a, 6) for nats in TARGETS if (a := strength_for(nats, by_strength)) is not None}
        configurations += [
            Configuration("", Site(layer), maps[layer], "interpolate", strength)
            for strength in sorted(strengths)
        ]
    return configurations


def strength_for(nats: float, shifts: list[float]) -> float | None:
    """The least strength with this shift; None where even the whole step makes a smaller one."""
    below, at = 0.0, 0.0
    for strength, shift in zip(TRIED, shifts, strict=True):
        if shift >= nats:
            return at + (strength - at) * (nats - below) / (shift - below)
        below, at = shift, strength
    return None


@torch.no_grad()
def output_shifts(given: Ingredients, maps: dict[int, Aligner]) -> dict[int, list[float]]:
    """For each layer, the mean KL(clean ‖ patched) of the next token behind some fitting sentences."""
    study, model, top = given.study, given.study.model, len(given.layers)
    ids = model.tokens.encode([study.text[study.source][int(row)] for row in given.rows[:SENTENCES]])
    batch, below = model.batch(ids), dict[int, Tensor]()
    rows = torch.arange(len(ids), device=model.device)
    hooks = keep(below, sorted({*maps, top - 1}))
    model.run(batch, hooks=hooks, head=False)

    def predicted(h: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch d_vocab"]:
        states = h[rows.to(h.device), batch.last.to(h.device)]
        return model.unembed(model.final_norm(states[:, None]))[:, 0].float().log_softmax(-1)

    clean, found = predicted(below[top - 1]), {}
    for done, (layer, map) in enumerate(maps.items()):
        h = below[layer]
        state = h[rows, batch.last]
        step, found[layer] = map.transform(state) - state, list[float]()
        for strength in TRIED:
            patched = h.clone()
            patched[rows, batch.last] = state + strength * step
            if layer + 1 < top:
                patched = model.run(batch, start=layer + 1, residual=patched, head=False)
            shift = (clean.exp() * (clean - predicted(patched))).sum(-1).mean()
            found[layer].append(float(shift))
        study.progress("calibrate", done + 1, len(maps))
    return found


# Optimal transport between two sets of states, by the library POT (optional).


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
            warnings.simplefilter(
                "ignore"
            )  # that it might be closer still; rows are normalised by the caller
            plan: NDArray[np.float64] = ot.sinkhorn(
                a, b, cost, BLUR * cost.mean(), method=method, numItermax=ROUNDS
            )
        if np.isfinite(plan).all() and np.allclose(plan.sum(1), a, rtol=0.01, atol=0):
            break  # a row so far from all others that its products are 0 would have no mass
    return plan


# Maps that need no pairs, only sentences of both languages: self-learning, and optimal transport.


def _self_learned(given: Ingredients) -> list[Configuration]:
    try:
        maps = given.fit(SelfLearning())
    except InputError as error:
        raise NotApplicable(str(error)) from error
    return single_layers(maps, "interpolate", ALPHAS)


def _transported(given: Ingredients) -> list[Configuration]:
    maps = [
        Ridge().fit(source, transported(source, target))
        for source, target in zip(*given.states(), strict=True)
    ]
    return single_layers(LayerMaps(tuple(maps)), "interpolate", ALPHAS)


RECIPES = (
    Recipe(
        "kernel_ridge",
        "A smooth non-linear map: kernel ridge with Nyström landmarks",
        _REFERENCE,
        faithful="a non-linear map in place of the matrix",
        differs=_DIFFERS,
        configurations=partial(_single, estimator=KernelRidge),
        formula="(1 − α) h + α f(h), f(h) = Σ_j c_j k(h, z_j) + b, k Gaussian; last prompt token",
    ),
    Recipe(
        "residual_mlp",
        "A network on top of ridge, stopped early on held-out pairs",
        _REFERENCE,
        faithful="a non-linear map in place of the matrix",
        differs=_DIFFERS,
        configurations=partial(_single, estimator=ResidualMLP),
        formula="(1 − α) h + α (W h + b + A relu(B z + c) + a), z the standardised h; last prompt token",
    ),
    Recipe(
        "adaptive_strength",
        "Ridge, with a strength that follows how far the state is from the target's region",
        _REFERENCE,
        faithful="the strength adapts to the input",
        differs=_DIFFERS,
        configurations=_adaptive,
        formula="h + α g(h) (W h + b − h), g = 1 at the source's mean, 0 at the target's; last prompt token",
    ),
    Recipe(
        "kl_calibrated",
        "Ridge, with strengths that shift the output by the same amount at every layer",
        "left open in Wang et al. 2024, arXiv 2410.12462",
        faithful="the strength is calibrated to a shift in the output",
        differs="no published protocol: the shift is measured behind the language's own sentences; it and "
        "the layer are chosen on dev",
        configurations=_configurations,
        formula="(1 − α) h + α (W h + b), α such that mean KL(clean ‖ patched) is 0.05 … 2 nats",
    ),
    Recipe(
        "self_learning",
        "A rotation learned without pairs, from mutual nearest neighbours",
        "after Artetxe et al. 2018, arXiv 1805.06297 (VecMap), and Conneau et al. 2018, arXiv 1710.04087",
        faithful="dictionary and rotation are found in turns; neighbours by CSLS, mutual ones only",
        differs="begins with the identity, as both languages live in one model; no stochastic dictionary, no "
        "re-weighting",
        configurations=_self_learned,
        uses_pairs=False,
        formula="(1 − α) h + α ((h − μ_s) R + μ_t), R by Procrustes on mutual neighbours; last prompt token",
    ),
    Recipe(
        "optimal_transport",
        "Ridge towards the images of an optimal transport plan, without pairs",
        "Cuturi 2013, arXiv 1306.0895; library POT",
        faithful="entropic transport between both languages' states; each state's image is its barycentre",
        differs="a ridge map carries the images over to new states; needs POT",
        configurations=_transported,
        uses_pairs=False,
        formula="(1 − α) h + α (W h + b), W, b by ridge onto the images n P Y, P Sinkhorn's plan",
    ),
)
