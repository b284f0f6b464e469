"""Inference-time intervention: attention heads whose output tells right choices from wrong ones."""

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align import Given
from workbench.errors import NotApplicable
from workbench.models import LanguageModel
from workbench.recipes.base import Ingredients, Recipe, all_layers
from workbench.recipes.reading import Contrast, contrast
from workbench.sweep import Branch

SHARE = 0.05
"""Of all heads are patched, as 48 of 1,024 are in the paper; one at least."""
STRENGTHS = (1.0, 2.0, 5.0, 10.0, 20.0)


def _branches(given: Ingredients) -> list[Branch]:
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
    return all_layers(maps, "add_vector", STRENGTHS, "head_out")


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


RECIPES = (
    Recipe(
        "iti",
        "Inference-time intervention at the heads that a probe chooses",
        "Li et al. 2023, arXiv 2306.03341; a baseline of INCLINE",
        faithful="heads by a probe's accuracy on held-out items; each is moved along its mean difference, α "
        "standard deviations of the states there",
        differs="right and wrong choices of the task in place of true and false statements; Fisher's "
        "discriminant as the probe; at the last prompt token; α chosen on dev",
        branches=_branches,
        uses_pairs=False,
        needs_labels=True,
        formula="a + α σ θ at the best heads, θ = unit mean difference right − wrong, σ the spread along θ",
    ),
)
