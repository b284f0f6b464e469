"""The reference: one configuration after the other, choices scored and answers generated."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from workbench.core.errors import InputError, did_you_mean
from workbench.core.progress import Progress, silent
from workbench.intervene import INTERVENTIONS, Patch, Placement, applied
from workbench.models import Batch, LanguageModel
from workbench.models.base import Padding
from workbench.sweeps.plan import Branch
from workbench.sweeps.score import (
    Reading,
    Scores,
    all_single,
    choice_rows,
    read_examples,
    score_choices,
    table_of,
)
from workbench.tasks import SCORERS, AnswerExample, Example

# The reference sweep: every branch is a run of its own. Slow, and right by construction.


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


# Generated answers: what a model says behind each prompt, patched or not, and the scorer's word on it.


@dataclass(frozen=True)
class Generation:
    """How answers are generated and scored."""

    scorer: str
    """A name in `tasks.SCORERS`."""
    max_new_tokens: int = 32
    until: str | None = "\n"
    """Where an answer ends, if the model does not end it: a base model goes on with the next question."""

    def __post_init__(self) -> None:
        if self.scorer not in SCORERS:
            raise InputError(f"unknown scorer {self.scorer!r}: {did_you_mean(self.scorer, SCORERS)}")
        if self.max_new_tokens < 1:
            raise InputError(f"max_new_tokens is {self.max_new_tokens}: an answer needs at least one token")

    def answer(self, text: str) -> str:
        """The part of a generated text that counts."""
        text = text.strip()
        return text if self.until is None else text.partition(self.until)[0].strip()


@dataclass(frozen=True)
class Question:
    """An example as the model reads it."""

    example: AnswerExample
    prompt: tuple[int, ...]


def read_questions(model: LanguageModel, examples: Sequence[AnswerExample]) -> list[Question]:
    """Tokenise prompts."""
    prompts = model.tokens.encode([example.prompt for example in examples])
    return [Question(e, tuple(ids)) for e, ids in zip(examples, prompts, strict=True)]


def answer_columns(
    model: LanguageModel, questions: Sequence[Question], branch: Branch | None, how: Generation
) -> dict[str, Any]:
    """Generate greedily for one batch of questions under one branch, or unpatched, and score."""
    batch = model.batch([question.prompt for question in questions], padding="left")
    decode = model.tokens.decode

    def enough(ids: Sequence[int]) -> bool:
        return how.until is not None and how.until in decode(ids).lstrip()

    sizes = torch.zeros(len(questions), dtype=torch.float64)
    if branch is None:
        found = model.generate(batch, how.max_new_tokens, enough)
    else:
        from_clean = branch.joint == "from_clean"
        with applied(model, patches_of(branch), batch, from_clean=from_clean) as placements:
            found = model.generate(batch, how.max_new_tokens, enough)
        sizes = mean_size(placements)
    texts = [how.answer(decode(ids)) for ids in found]
    score = SCORERS[how.scorer]
    examples = [question.example for question in questions]
    scores = [score(text, e.answers, e.language) for text, e in zip(texts, examples, strict=True)]
    return {
        "generated": texts,
        "correct": [value == 1 for value in scores],
        "score": scores,
        "patch_size": sizes.numpy(),
    }
