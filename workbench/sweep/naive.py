"""The reference sweep: every branch is a run of its own. Slow, and right by construction."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from workbench.errors import InputError
from workbench.intervene import INTERVENTIONS, PositionPatch
from workbench.models import Batch, Hook, LanguageModel
from workbench.progress import Progress, silent
from workbench.sweep.plan import CLEAN, COLUMNS, Branch
from workbench.sweep.score import Reading, read_examples, score_choices
from workbench.tasks import Example
from workbench.types import Site


class Scores(NamedTuple):
    """What one branch made of each example."""

    choices: list[Tensor]
    """Log-likelihoods of the choices, example by example."""
    sizes: Tensor
    """How far the patch moved each state; nothing where there is no patch."""


def sweep_naive(
    model: LanguageModel,
    examples: Sequence[Example],
    branches: Sequence[Branch],
    *,
    task: str,
    pair: str,
    clean: bool = True,
    batch_size: int = 128,
    progress: Progress = silent,
) -> pd.DataFrame:
    """One row per (branch, example); with `clean`, the unpatched run is the first branch."""
    if not examples:
        raise InputError(f"no examples of {task} to sweep over")
    readings = read_examples(model, examples)
    facts = {"model": model.info.name, "task": task, "pair": pair}
    tables = []
    runs: list[Branch | None] = [*([None] if clean else []), *branches]
    for done, branch in enumerate(runs):
        tables.append(
            branch_table(readings, branch, naive_scores(model, readings, branch, batch_size), facts)
        )
        progress("sweep", done + 1, len(runs))
    return pd.concat(tables, ignore_index=True)


def naive_scores(
    model: LanguageModel, readings: Sequence[Reading], branch: Branch | None, batch_size: int
) -> Scores:
    """Every example run under one branch, or unpatched."""
    patches: list[PositionPatch] = []

    def hooks_at(batch: Batch, at: Tensor) -> dict[Site, Hook]:
        assert branch is not None
        patches.append(patch_of(branch, at))
        return {branch.site: patches[-1]}

    choices = score_choices(model, readings, hooks_at if branch else None, batch_size)
    if branch is None:
        return Scores(choices, torch.zeros(len(readings), dtype=torch.float64))
    sizes: list[Tensor] = []
    for patch in patches:
        assert patch.size is not None, "the model's run lets no silent hook pass"
        sizes.append(patch.size)
    flat = torch.cat(sizes)
    # Choices of several tokens run one by one, all with the same patch: keep the first of each.
    one_each = len(flat) == len(readings)
    counts = [1 if one_each else len(reading.choices) for reading in readings]
    return Scores(choices, flat[torch.tensor([0, *counts[:-1]]).cumsum(0)])


def patch_of(branch: Branch, at: Tensor) -> PositionPatch:
    """The hook that is this branch, at one position of each row."""
    return PositionPatch(INTERVENTIONS[branch.intervention], branch.map.transform, at, branch.strength)


def branch_table(
    readings: Sequence[Reading], branch: Branch | None, scores: Scores, facts: dict[str, str]
) -> pd.DataFrame:
    """The rows of one branch."""
    columns = facts | _branch_columns(branch) | _example_columns(readings, scores)
    return pd.DataFrame(columns)[list(COLUMNS)].astype(COLUMNS)


def _branch_columns(branch: Branch | None) -> dict[str, Any]:
    if branch is None:
        nothing = dict.fromkeys(("site", "layer", "intervention", "strength", "seed"))
        return {"method": CLEAN, **nothing}
    return {
        "method": branch.method,
        "site": str(branch.site),
        "layer": branch.site.layer,
        "intervention": branch.intervention,
        "strength": branch.strength,
        "seed": branch.seed,
    }


def _example_columns(readings: Sequence[Reading], scores: Scores) -> dict[str, Any]:
    examples = [reading.example for reading in readings]
    predictions = [int(score.argmax()) for score in scores.choices]
    return {
        "language": [example.language for example in examples],
        "split": [example.split for example in examples],
        "example": [example.id for example in examples],
        "group": [example.group for example in examples],
        "prediction": predictions,
        "correct": [p == e.answer for p, e in zip(predictions, examples, strict=True)],
        "margin": [margin(s, e.answer) for s, e in zip(scores.choices, examples, strict=True)],
        "patch_size": scores.sizes.numpy(),
    }


def margin(scores: Tensor, answer: int) -> float:
    """Log-likelihood of the right choice minus that of the best other one."""
    others = torch.cat([scores[:answer], scores[answer + 1 :]])
    return float(scores[answer] - others.max())
