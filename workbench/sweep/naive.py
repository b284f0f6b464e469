"""The reference sweep: every branch is a run of its own. Slow, and right by construction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import InputError
from workbench.intervene import INTERVENTIONS, Patch, Placement, applied
from workbench.models import Batch, LanguageModel
from workbench.models.base import Padding
from workbench.progress import Progress, silent
from workbench.sweep.plan import Branch
from workbench.sweep.rows import Scores, choice_rows, table_of
from workbench.sweep.score import Reading, all_single, read_examples, score_choices
from workbench.tasks import Example


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
    parts = []
    runs: list[Branch | None] = [*([None] if clean else []), *branches]
    for done, branch in enumerate(runs):
        scores = naive_scores(model, readings, branch, batch_size, padding)
        parts.append(choice_rows(readings, branch, scores, facts))
        progress("sweep", done + 1, len(runs))
    return table_of(parts)


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
