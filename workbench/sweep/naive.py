"""The reference sweep: every branch is a run of its own. Slow, and right by construction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.intervene import INTERVENTIONS, Patch, Placement, applied
from workbench.models import Batch, LanguageModel
from workbench.models.base import Padding
from workbench.progress import Progress, silent
from workbench.sweep.plan import CLEAN, COLUMNS, Branch
from workbench.sweep.score import Reading, all_single, read_examples, score_choices
from workbench.tasks import AnswerExample, Example


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
    padding: Padding = "right",
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
        scores = naive_scores(model, readings, branch, batch_size, padding)
        tables.append(branch_table(readings, branch, scores, facts))
        progress("sweep", done + 1, len(runs))
    return pd.concat(tables, ignore_index=True)


def naive_scores(
    model: LanguageModel,
    readings: Sequence[Reading],
    branch: Branch | None,
    batch_size: int,
    padding: Padding = "right",
) -> Scores:
    """Every example run under one branch, or unpatched."""
    if branch is None:
        choices = score_choices(model, readings, None, batch_size, padding)
        return Scores(choices, torch.zeros(len(readings), dtype=torch.float64))
    sizes: list[Tensor] = []

    @contextmanager
    def patched(batch: Batch, at: Tensor) -> Iterator[None]:
        from_clean = branch.joint == "from_clean"
        with applied(model, patches_of(branch), batch, ends=at, from_clean=from_clean) as placements:
            yield
        sizes.append(mean_size(placements))

    choices = score_choices(model, readings, patched, batch_size, padding)
    flat = torch.cat(sizes)
    # Choices of several tokens run one by one, all with the same patch: keep the first of each.
    counts = [1 if all_single(readings) else len(reading.choices) for reading in readings]
    return Scores(choices, flat[torch.tensor([0, *counts[:-1]]).cumsum(0)])


def patches_of(branch: Branch) -> list[Patch]:
    """What the branch changes, site by site."""
    formula = INTERVENTIONS[branch.intervention]
    return [
        Patch(site, formula, map.transform, branch.strength, branch.positions) for site, map in branch.parts
    ]


def mean_size(placements: Sequence[Placement]) -> Float[Tensor, " batch"]:
    """The patch size of each row, its mean over the branch's sites."""
    sizes = [placement.size for placement in placements if placement.size is not None]
    assert len(sizes) == len(placements), "the model's run lets no silent hook pass"
    return torch.stack(sizes).mean(0)


def branch_table(
    readings: Sequence[Reading], branch: Branch | None, scores: Scores, facts: dict[str, str]
) -> pd.DataFrame:
    """The rows of one branch."""
    return rows_table(
        [reading.example for reading in readings], branch, _choice_columns(readings, scores), facts
    )


def rows_table(
    examples: Sequence[Example | AnswerExample],
    branch: Branch | None,
    found: dict[str, Any],
    facts: dict[str, str],
) -> pd.DataFrame:
    """The rows of one branch, given what it made of each example."""
    columns = {
        **dict.fromkeys(COLUMNS),
        **facts,
        **({"method": CLEAN} if branch is None else branch.columns),
        "language": [example.language for example in examples],
        "split": [example.split for example in examples],
        "example": [example.id for example in examples],
        "group": [example.group for example in examples],
        **found,
    }
    return pd.DataFrame(columns)[list(COLUMNS)].astype(COLUMNS)


def _choice_columns(readings: Sequence[Reading], scores: Scores) -> dict[str, Any]:
    examples = [reading.example for reading in readings]
    predictions = [int(score.argmax()) for score in scores.choices]
    return {
        "prediction": predictions,
        "correct": [p == e.answer for p, e in zip(predictions, examples, strict=True)],
        "margin": [margin(s, e.answer) for s, e in zip(scores.choices, examples, strict=True)],
        "score": [float(s[e.answer]) for s, e in zip(scores.choices, examples, strict=True)],
        "patch_size": scores.sizes.numpy(),
    }


def margin(scores: Tensor, answer: int) -> float:
    """Log-likelihood of the right choice minus that of the best other one."""
    others = torch.cat([scores[:answer], scores[answer + 1 :]])
    return float(scores[answer] - others.max())
