"""The reference sweep: every branch is a run of its own. Slow, and right by construction."""

from collections.abc import Sequence
from typing import Any

import numpy as np
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
        tables.append(_one_branch(model, readings, branch, facts, batch_size))
        progress("sweep", done + 1, len(runs))
    return pd.concat(tables, ignore_index=True)


def _one_branch(
    model: LanguageModel,
    readings: Sequence[Reading],
    branch: Branch | None,
    facts: dict[str, str],
    batch_size: int,
) -> pd.DataFrame:
    sizes: list[Tensor] = []
    patches: list[PositionPatch] = []

    def hooks_at(batch: Batch, at: Tensor) -> dict[Site, Hook]:
        assert branch is not None
        patch = PositionPatch(INTERVENTIONS[branch.intervention], branch.map.transform, at, branch.strength)
        patches.append(patch)
        return {branch.site: patch}

    scores = score_choices(model, readings, hooks_at if branch else None, batch_size)
    for patch in patches:
        assert patch.size is not None, "the model's run lets no silent hook pass"
        sizes.append(patch.size)
    columns = facts | _branch_columns(branch) | _example_columns(readings, scores, sizes)
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


def _example_columns(
    readings: Sequence[Reading], scores: Sequence[Tensor], sizes: Sequence[Tensor]
) -> dict[str, Any]:
    examples = [reading.example for reading in readings]
    predictions = [int(score.argmax()) for score in scores]
    margins = [margin(score, example.answer) for score, example in zip(scores, examples, strict=True)]
    columns = {
        "language": [example.language for example in examples],
        "split": [example.split for example in examples],
        "example": [example.id for example in examples],
        "group": [example.group for example in examples],
        "prediction": predictions,
        "correct": [p == e.answer for p, e in zip(predictions, examples, strict=True)],
        "margin": margins,
        "patch_size": np.zeros(len(examples)),
    }
    if sizes:
        flat = torch.cat(list(sizes)).numpy()
        # Choices of several tokens run one by one, all with the same patch: keep the first of each.
        one_each = len(flat) == len(examples)
        counts = [1 if one_each else len(reading.choices) for reading in readings]
        columns["patch_size"] = flat[np.cumsum([0, *counts[:-1]])]
    return columns


def margin(scores: Tensor, answer: int) -> float:
    """Log-likelihood of the right choice minus that of the best other one."""
    others = torch.cat([scores[:answer], scores[answer + 1 :]])
    return float(scores[answer] - others.max())
