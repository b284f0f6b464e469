"""A model goes on with prompts, patched or not; every finished batch is kept on disk."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import torch

from workbench.intervene import applied
from workbench.models import LanguageModel
from workbench.sweep import Branch
from workbench.sweep.answers import Question, read_questions
from workbench.sweep.naive import mean_size, patches_of
from workbench.sweep.shards import Shelf, plan_facts
from workbench.tasks import AnswerExample


def speak(
    model: LanguageModel,
    prompts: Sequence[AnswerExample],
    branch: Branch | None,
    tokens: int,
    batch_size: int,
    folder: Path,
    done: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """One row a prompt: what the model says behind it, greedily, at most so many tokens.

    Batches follow from the arguments alone, so what was stopped goes on to the same texts. `done` is called
    after each batch. `seconds` is the time of the row's batch for one token; the rest is the same each time.
    """
    settings = {"generate": 1, "tokens": tokens, "batch_size": batch_size}
    shelf = Shelf(folder, plan_facts(model, prompts, [] if branch is None else [branch], settings))
    questions = read_questions(model, prompts)
    parts = []
    for number, start in enumerate(range(0, len(questions), batch_size)):
        part = shelf.get(number)
        if part is None:
            part = _speak(model, questions[start : start + batch_size], branch, tokens)
            shelf.put(number, part)
        parts.append(part)
        done()
    return pd.concat(parts, ignore_index=True)


def batches(prompts: Sequence[AnswerExample], batch_size: int) -> int:
    """How many there will be."""
    return -(-len(prompts) // batch_size)


def _speak(
    model: LanguageModel, questions: Sequence[Question], branch: Branch | None, tokens: int
) -> pd.DataFrame:
    batch = model.batch([question.prompt for question in questions], padding="left")
    sizes = torch.zeros(len(questions), dtype=torch.float64)
    start = time.perf_counter()
    if branch is None:
        ids = model.generate(batch, tokens)
    else:
        from_clean = branch.joint == "from_clean"
        with applied(model, patches_of(branch), batch, from_clean=from_clean) as placements:
            ids = model.generate(batch, tokens)
        sizes = mean_size(placements)
    # A text that ended early costs as much as the longest of its batch, and one token more: the end.
    steps = min(tokens, max(map(len, ids)) + 1)
    return pd.DataFrame(
        {
            "ids": ids,
            "text": [model.tokens.decode(row).strip() for row in ids],
            "patch_size": sizes.numpy(),
            "seconds": (time.perf_counter() - start) / steps,
        }
    )
