"""Recipes that add one vector: mean difference, CAA, language vectors, ITI, CC-Tuning."""

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align import Aligner, Given, LeastSquares, MeanShift, discriminant_directions
from workbench.core.errors import NotApplicable
from workbench.methods.recipes.base import ALPHAS, Ingredients, Recipe, all_layers, single_layers
from workbench.methods.recipes.neurons import Contrast, contrast
from workbench.models import LanguageModel
from workbench.sweeps import Configuration

# Contrastive activation addition: the mean state behind right choices less that behind wrong ones.


STRENGTHS_OF_CAA = (0.5, 1.0, 2.0, 4.0)


def _configurations_caa(given: Ingredients) -> list[Configuration]:
    right, wrong = contrast(given, "resid_post").means()
    maps = {layer: Given.step(right[layer] - wrong[layer]) for layer in given.layers}
    return single_layers(maps, "add_vector", STRENGTHS_OF_CAA)


# Steering by the difference of the languages' means: h + α (μ_t − μ_s).


STRENGTHS_OF_MEAN_DIFFERENCE = (0.5, 1.0, 2.0, 4.0)
"""Of steering vectors, which are commonly added more than once over."""

_REFERENCE = "after Mahmoud et al. 2025, arXiv 2505.12584"
_DIFFERS = (
    "a variant: how that paper makes its vector could not be verified and no code was found; layer and α are "
    "chosen on dev"
)


def _at_the_end(given: Ingredients) -> list[Configuration]:
    return single_layers(given.fit(MeanShift()), "add_vector", STRENGTHS_OF_MEAN_DIFFERENCE)


def _everywhere(given: Ingredients) -> list[Configuration]:
    return single_layers(
        given.fit(MeanShift(), pool="mean"), "add_vector", STRENGTHS_OF_MEAN_DIFFERENCE, positions="all"
    )


# Language vectors: unit mean differences (CLaS-Bench), an LDA subspace (ITLC), norms kept (ReCoVeR).


UNIT_STRENGTHS = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Of a vector as long as the states are on average."""
STRENGTHS_OF_LANGUAGE_VECTORS = (0.25, 0.5, 1.0, 2.0)


def _unit_difference(given: Ingredients) -> list[Configuration]:
    maps: dict[int, Aligner] = {}
    for layer, (source, target) in enumerate(zip(*given.states(pool="mean"), strict=True)):
        step = target.double().mean(0) - source.double().mean(0)
        length = source.double().norm(dim=1).mean()
        maps[layer] = Given.step(length * step / step.norm().clamp(min=torch.finfo(torch.float64).tiny))
    return single_layers(maps, "add_vector", UNIT_STRENGTHS, positions="all")


def _in_lda_subspace(given: Ingredients) -> list[Configuration]:
    middle = len(given.layers) // 2
    languages = given.of_all_languages(pool="mean")
    groups = {code: states[middle].double() for code, states in languages.items()}
    S = discriminant_directions(list(groups.values()))
    study = given.study
    step = (groups[study.target].mean(0) - groups[study.source].mean(0)) @ S
    maps = {middle: Given.step(step @ torch.linalg.pinv(S))}
    return single_layers(maps, "add_vector", STRENGTHS_OF_LANGUAGE_VECTORS, positions="all")


def _norm_restored(given: Ingredients) -> list[Configuration]:
    maps = given.fit(MeanShift(), pool="mean")
    return all_layers(maps, "interpolate_norm_kept", ALPHAS, positions="all")


# Inference-time intervention: attention heads whose output tells right choices from wrong ones.


SHARE = 0.05
"""Of all heads are patched, as 48 of 1,024 are in the paper; one at least."""
STRENGTHS_OF_ITI = (1.0, 2.0, 5.0, 10.0, 20.0)


def _configurations_iti(given: Ingredients) -> list[Configuration]:
    read, n_heads = contrast(given, "head_out"), heads_of(given.study.model)
    accuracy = probe_accuracies(read, n_heads)
    count = max(round(SHARE * accuracy.numel()), 1)
    # Of equals the first, on every machine.
    best = accuracy.flatten().argsort(descending=True, stable=True)[:count].tolist()
    steps: dict[int, Tensor] = {}
    for index in best:
        layer, head = divmod(index, n_heads)
        wide = read.states.shape[-1] // n_heads
        part = slice(head * wide, (head + 1) * wide)
        states = read.states[layer, :, part].double()
        line = states[read.right].mean(0) - states[~read.right].mean(0)
        line = line / line.norm().clamp(min=torch.finfo(torch.float64).tiny)
        step = steps.setdefault(layer, torch.zeros(read.states.shape[-1], dtype=torch.float64))
        step[part] = (states @ line).std() * line
    maps = {layer: Given.step(step) for layer, step in steps.items()}
    return all_layers(maps, "add_vector", STRENGTHS_OF_ITI, "head_out")


def probe_accuracies(read: Contrast, n_heads: int) -> Float[Tensor, "layer head"]:
    """How well each head tells right from wrong on every other item, by a probe fitted on the rest.

    Right and wrong weigh the same, in the probe as in the accuracy.
    """
    held_out = read.item % 2 == 1
    if not held_out.any():
        raise NotApplicable("one solved item is not enough to choose heads by")
    heads = read.states.unflatten(-1, (n_heads, -1)).double()
    found = torch.empty(heads.shape[0], n_heads, dtype=torch.float64)
    for layer in range(heads.shape[0]):
        for head in range(n_heads):
            X = heads[layer, :, head]
            guess = _probe(X[~held_out], read.right[~held_out], X[held_out])
            right = read.right[held_out]
            found[layer, head] = (guess[right].double().mean() + (~guess[~right]).double().mean()) / 2
    return found


def _probe(X: Tensor, right: Tensor, other: Tensor) -> Tensor:
    """Which of the other rows are right, by Fisher's discriminant with a tenth of the mean variance added."""
    a, b = X[right].mean(0), X[~right].mean(0)
    within = torch.where(right[:, None], X - a, X - b)
    cov = within.mT @ within / len(X)
    cov = cov + 0.1 * cov.diagonal().mean().clamp(min=1e-12) * torch.eye(len(cov)).to(cov)
    line = torch.linalg.solve(cov, a - b)
    return (other - (a + b) / 2) @ line > 0


def heads_of(model: LanguageModel) -> int:
    """How many attention heads a layer has."""
    inner = getattr(model, "bridge", None) or getattr(model, "hooked_transformer", None)
    return int(inner.cfg.n_heads)  # type: ignore[union-attr]


# CC-Tuning at inference: one matrix for feed-forward outputs, from the language to the main one.


def _configurations_cc_tuning(given: Ingredients) -> list[Configuration]:
    source, target = given.states("mlp_out")
    pooled = LeastSquares(center=False).fit(source.flatten(0, 1), target.flatten(0, 1))
    maps = dict.fromkeys(given.layers, pooled)
    return [
        *single_layers(maps, "add_mapped", ALPHAS, "mlp_out", positions="prompt"),
        *all_layers(maps, "add_mapped", ALPHAS, "mlp_out", positions="prompt"),
    ]


RECIPES = (
    Recipe(
        "caa",
        "Contrastive activation addition",
        "Rimsky et al. 2024, arXiv 2312.06681; a baseline of INCLINE",
        faithful="the difference between mean states at the end of right and of wrong choices, at one layer",
        differs="added at the last prompt token, not at all tokens behind it; layer and α are chosen on dev",
        configurations=_configurations_caa,
        uses_pairs=False,
        needs_labels=True,
        formula="h + α (mean h(right) − mean h(wrong)), h at the end of prompt and choice; last prompt token",
    ),
    Recipe(
        "mean_difference",
        "Steering by the difference of means, at the last token",
        _REFERENCE,
        faithful="one vector in the residual stream of a single layer",
        differs=_DIFFERS,
        configurations=_at_the_end,
        uses_pairs=False,
        formula="h + α (μ_t − μ_s), μ over sentences' last tokens; last prompt token",
    ),
    Recipe(
        "mean_difference_all",
        "Steering by the difference of means, at all tokens",
        _REFERENCE,
        faithful="one vector in the residual stream of a single layer",
        differs=_DIFFERS,
        configurations=_everywhere,
        uses_pairs=False,
        formula="h + α (μ_t − μ_s), μ over all tokens; all tokens, those of choices and answers too",
    ),
    Recipe(
        "clas_bench",
        "Unit-norm difference of means, as CLaS-Bench steers",
        "CLaS-Bench, its difference-of-means method",
        faithful="the vector's own length plays no part; all tokens at one layer",
        differs="α is in units of the layer's mean state length, so that it means the same everywhere; "
        "language control is measured by `workbench generate`, beside repetition; relevance, which its "
        "makers have judged by a language model, is not",
        configurations=_unit_difference,
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
        configurations=_in_lda_subspace,
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
        configurations=_norm_restored,
        uses_pairs=False,
        formula="h′ ‖h‖ / ‖h′‖, h′ = h + α (v_t − β v_s), β = 1, at all layers; all tokens",
    ),
    Recipe(
        "iti",
        "Inference-time intervention at the heads that a probe chooses",
        "Li et al. 2023, arXiv 2306.03341; a baseline of INCLINE",
        faithful="heads by a probe's accuracy on held-out items; each is moved along its mean difference, α "
        "standard deviations of the states there",
        differs="right and wrong choices of the task in place of true and false statements; Fisher's "
        "discriminant as the probe; at the last prompt token; α chosen on dev",
        configurations=_configurations_iti,
        uses_pairs=False,
        needs_labels=True,
        formula="a + α σ θ at the best heads, θ = unit mean difference right − wrong, σ the spread along θ",
    ),
    Recipe(
        "cc_tuning",
        "CC-Tuning's matrix for feed-forward outputs",
        "Ye et al. 2025, CC-Tuning, arXiv 2506.00875",
        faithful="one least-squares matrix, pooled over layers, turns feed-forward outputs into the main "
        "language's; in the prompt only",
        differs="the model is not fine-tuned and has no decision maker: where it is added is chosen on dev, "
        "one layer or all; fitted on sentences' last tokens",
        configurations=_configurations_cc_tuning,
        formula="f + α W f at one layer or all, f a feed-forward output; W = argmin Σ_layers ‖W f^s − f^t‖²",
    ),
)
