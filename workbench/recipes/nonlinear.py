"""Maps that need not be linear, and strengths that follow the state: left open by INCLINE's authors."""

from functools import partial
from typing import Any

from workbench.align import Adaptive, KernelRidge, ResidualMLP, Ridge
from workbench.recipes.base import ALPHAS, Ingredients, Recipe, single_layers
from workbench.sweep import Branch

_REFERENCE = "left open in Wang et al. 2024, arXiv 2410.12462"
_DIFFERS = "no published protocol: layer and α are chosen on dev"


def _single(given: Ingredients, estimator: Any) -> list[Branch]:
    seeded = {"seed": given.seed} if estimator in (KernelRidge, ResidualMLP) else {}
    return single_layers(given.fit(estimator(**seeded)), "interpolate", ALPHAS)


def _adaptive(given: Ingredients) -> list[Branch]:
    return single_layers(given.fit(Adaptive(Ridge())), "interpolate", ALPHAS)


RECIPES = (
    Recipe(
        "kernel_ridge",
        "A smooth non-linear map: kernel ridge with Nyström landmarks",
        _REFERENCE,
        faithful="a non-linear map in place of the matrix",
        differs=_DIFFERS,
        branches=partial(_single, estimator=KernelRidge),
        formula="(1 − α) h + α f(h), f(h) = Σ_j c_j k(h, z_j) + b, k Gaussian; last prompt token",
    ),
    Recipe(
        "residual_mlp",
        "A network on top of ridge, stopped early on held-out pairs",
        _REFERENCE,
        faithful="a non-linear map in place of the matrix",
        differs=_DIFFERS,
        branches=partial(_single, estimator=ResidualMLP),
        formula="(1 − α) h + α (W h + b + A relu(B z + c) + a), z the standardised h; last prompt token",
    ),
    Recipe(
        "adaptive_strength",
        "Ridge, with a strength that follows how far the state is from the target's region",
        _REFERENCE,
        faithful="the strength adapts to the input",
        differs=_DIFFERS,
        branches=_adaptive,
        formula="h + α g(h) (W h + b − h), g = 1 at the source's mean, 0 at the target's; last prompt token",
    ),
)
