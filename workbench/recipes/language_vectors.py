"""Language vectors: unit mean differences (CLaS-Bench), an LDA subspace (ITLC), norms kept (ReCoVeR)."""

import torch

from workbench.align import Aligner, Given, MeanShift, discriminant_directions
from workbench.recipes.base import ALPHAS, Ingredients, Recipe, all_layers, single_layers
from workbench.sweep import Branch

UNIT_STRENGTHS = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Of a vector as long as the states are on average."""
STRENGTHS = (0.25, 0.5, 1.0, 2.0)


def _unit_difference(given: Ingredients) -> list[Branch]:
    maps: dict[int, Aligner] = {}
    for layer, (source, target) in enumerate(zip(*given.states(pool="mean"), strict=True)):
        step = target.double().mean(0) - source.double().mean(0)
        length = source.double().norm(dim=1).mean()
        maps[layer] = Given.step(length * step / step.norm().clamp(min=torch.finfo(torch.float64).tiny))
    return single_layers(maps, "add_vector", UNIT_STRENGTHS, positions="all")


def _in_lda_subspace(given: Ingredients) -> list[Branch]:
    middle = len(given.layers) // 2
    languages = given.of_all_languages(pool="mean")
    groups = {code: states[middle].double() for code, states in languages.items()}
    S = discriminant_directions(list(groups.values()))
    study = given.study
    step = (groups[study.target].mean(0) - groups[study.source].mean(0)) @ S
    maps = {middle: Given.step(step @ torch.linalg.pinv(S))}
    return single_layers(maps, "add_vector", STRENGTHS, positions="all")


def _norm_restored(given: Ingredients) -> list[Branch]:
    maps = given.fit(MeanShift(), pool="mean")
    return all_layers(maps, "interpolate_norm_kept", ALPHAS, positions="all")


RECIPES = (
    Recipe(
        "clas_bench",
        "Unit-norm difference of means, as CLaS-Bench steers",
        "CLaS-Bench, its difference-of-means method",
        faithful="the vector's own length plays no part; all tokens at one layer",
        differs="α is in units of the layer's mean state length, so that it means the same everywhere; "
        "language control is measured by `workbench generate`, beside repetition; relevance, which its "
        "makers have judged by a language model, is not",
        branches=_unit_difference,
        uses_pairs=False,
        formula="h + α n (μ_t − μ_s) / ‖μ_t − μ_s‖, n the mean ‖h‖ there, μ over all tokens; all tokens",
    ),
    Recipe(
        "itlc",
        "ITLC: a shift within the LDA subspace of languages, in the middle",
        "Lopo et al. 2025, Language Surgery, arXiv 2506.12450",
        faithful="linear discriminant analysis of mean-pooled states; the shift between the languages' means "
        "within its subspace, at layer L/2",
        differs="all the directions that the text's languages allow (one fewer than there are), where the "
        "paper has a hundred of two hundred languages",
        branches=_in_lda_subspace,
        uses_pairs=False,
        formula="h + α S⁺ Sᵀ (μ_t − μ_s) at layer L/2, S the LDA directions; all tokens",
    ),
    Recipe(
        "recover",
        "ReCoVeR: language vectors at all layers, with norm restoration",
        "Sterz et al. 2025, ReCoVeR, arXiv 2509.14814",
        faithful="the target's vector is added and the source's taken away at every layer; each state keeps "
        "its length",
        differs="β = 1, so that the mean over languages cancels; the first token is patched like all others",
        branches=_norm_restored,
        uses_pairs=False,
        formula="h′ ‖h‖ / ‖h′‖, h′ = h + α (v_t − β v_s), β = 1, at all layers; all tokens",
    ),
)
