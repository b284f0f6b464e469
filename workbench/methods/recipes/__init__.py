"""Recipes: published interventions, implemented with align, intervene and sweeps."""

import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from workbench.align import Adaptive, KernelRidge, LeastSquares, MeanShift, Procrustes, ResidualMLP, Ridge
from workbench.core.bundled import Registry
from workbench.methods.recipes import learned, maps, vectors
from workbench.methods.recipes.base import (
    SIGNED_ALPHAS,
    Ingredients,
    Recipe,
    all_layers,
    fitted,
    single_layers,
    turned,
)
from workbench.sweeps import Configuration

_VECTOR: dict[str, Any] = {"intervention": "add_vector", "strengths": vectors.STRENGTHS}
_INCLINE: dict[str, Any] = {
    "aligner": LeastSquares(center=False),
    "intervention": "add_mapped",
    "strengths": SIGNED_ALPHAS,
}
_CONFIGURATIONS: dict[str, Callable[[Ingredients], list[Configuration]]] = {
    "incline_paper": partial(maps.incline, reading="paper"),
    "incline_released": partial(maps.incline, reading="released"),
    "incline_single": partial(fitted, **_INCLINE),
    "incline_attention": partial(fitted, **_INCLINE, component="attn_out", at=all_layers),
    "incline_mlp": partial(fitted, **_INCLINE, component="mlp_out", at=all_layers),
    "incline_embedding": partial(fitted, **_INCLINE, component="embed", at=all_layers),
    "mean_difference": partial(fitted, aligner=MeanShift(), **_VECTOR),
    "mean_difference_all": partial(fitted, aligner=MeanShift(), **_VECTOR, pool="mean", positions="all"),
    "learned_vector_states": partial(learned.learned_vectors, learn=learned.towards_states),
    "learned_vector_answers": partial(learned.learned_vectors, learn=learned.towards_answers),
    "shifcon": partial(maps.there_and_back, exact=False),
    "shifcon_inverse": partial(maps.there_and_back, exact=True),
    "procrustes_greedy": partial(fitted, aligner=Procrustes(), strengths=(1.0,)),
    "caa": vectors.contrastive_addition,
    "iti": vectors.inference_time_intervention,
    "cc_tuning": vectors.cc_tuning,
    "clas_bench": vectors.unit_difference,
    "itlc": vectors.shift_in_lda_subspace,
    "recover": partial(
        fitted,
        aligner=MeanShift(),
        intervention="interpolate_norm_kept",
        pool="mean",
        at=all_layers,
        positions="all",
    ),
    "affine_shortcut": partial(maps.affine_shortcut, to_target=False),
    "affine_shortcut_target": partial(maps.affine_shortcut, to_target=True),
    "lape": vectors.specific_neurons_off,
    "embedding_linear": partial(fitted, aligner=Ridge(), component="embed", pool="mean", positions="prompt"),
    "kernel_ridge": partial(fitted, aligner=KernelRidge()),
    "residual_mlp": partial(fitted, aligner=ResidualMLP()),
    "adaptive_strength": partial(fitted, aligner=Adaptive(Ridge())),
    "kl_calibrated": maps.calibrated_strengths,
    "self_learning": maps.self_learned,
    "optimal_transport": maps.optimal_transport,
}
_GROW = {"procrustes_greedy": maps.procrustes_next_layer}
_TEXTS = tomllib.loads((Path(__file__).parent / "recipes.toml").read_text(encoding="utf-8"))

RECIPES: Registry[Recipe] = Registry(
    "recipes",
    {
        name: Recipe(
            name,
            configurations=_CONFIGURATIONS[name],
            grow=_GROW.get(name),
            needs=tuple(texts.pop("needs", ["pairs"])),
            **texts,
        )
        for name, texts in _TEXTS.items()
    },
)
"""Recipes by the name that tables and the command line use."""

__all__ = ["RECIPES", "Ingredients", "Recipe", "all_layers", "fitted", "single_layers", "turned"]
