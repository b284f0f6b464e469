"""What a method is: a way to close the gap between two languages. Baselines ask otherwise, recipes patch."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import pandas as pd
import torch

from workbench.core.types import Progress
from workbench.models import LanguageModel, TokenReader
from workbench.results import COLUMNS
from workbench.tasks import AnswerExample, AnswerTask, Example, Task
from workbench.text import ParallelText
from workbench.text.splits import Rows

Family = Literal["baseline", "recipe"]
Need = Literal["pairs", "labels", "training"]
"""Parallel sentences, solved items, or gradient steps on a model's weights."""
Question = Example | AnswerExample


class LanguagePair(Protocol):
    """What a method works on: a `Study`, or any object with these attributes."""

    model: LanguageModel
    text: ParallelText
    """Sentences of both languages."""
    source: str
    """The language to improve."""
    target: str
    """The target language."""
    task: Task | AnswerTask
    folder: Path
    """Where translations and trained models are kept."""

    @property
    def progress(self) -> Progress:
        """Called with what is done, how far, of how much."""

    @property
    def fit_rows(self) -> Rows:
        """The sentences to fit on."""

    @property
    def seed(self) -> int:
        """Seed of all random draws."""

    @property
    def states_folder(self) -> Path:
        """Where captured states are kept."""


@dataclass(frozen=True)
class Cost:
    """What a method needs besides the model, before the first test item is asked."""

    parameters: int = 0
    """Numbers that were fitted or trained, of what is used in the end."""
    fit_tokens: int = 0
    """Tokens run forward to fit or train it; choosing on dev is not counted."""
    pairs: int = 0
    """Parallel sentences."""
    labels: int = 0
    """Solved items."""
    translations: int = 0
    """Items translated from outside."""
    item_tokens: float | None = None
    """Tokens run forward for one test item, where it is not the item as it is asked."""


@dataclass(frozen=True)
class Method:
    """A row of a comparison: a `Baseline` or a `Recipe`."""

    name: str
    """Its name in tables and on the command line."""
    title: str
    """A short description."""
    needs: tuple[Need, ...] = field(default=(), kw_only=True)
    """What it learns from, besides sentences in each language."""
    family: ClassVar[Family]


def count_tokens(model: LanguageModel, texts: Iterable[str]) -> int:
    """Tokens of all texts together."""
    return sum(map(len, model.tokens.encode(list(texts))))


def right_answer(item: Question, end: str = "") -> str:
    """The right choice, or the first right answer and `end`, as it stands behind the prompt."""
    if isinstance(item, Example):
        return item.choices[item.answer]
    return ("" if item.prompt[-1:].isspace() else " ") + item.answers[0] + end


def read_answers(
    reader: TokenReader, items: Sequence[Question], end: str = ""
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Token ids of each prompt and its right answer; no answer where the tokenizer joins the two."""
    prompts = reader.encode([item.prompt for item in items])
    texts = reader.encode([item.prompt + right_answer(item, end) for item in items])
    return [
        (tuple(prompt), tuple(ids[len(prompt) :]) if prompt and ids[: len(prompt)] == prompt else ())
        for prompt, ids in zip(prompts, texts, strict=True)
    ]


def shuffled_batches(n: int, size: int, seed: int, whole: bool = False) -> Iterator[list[int]]:
    """Row numbers in batches, without end, each round in a new order; `whole` drops its last short batch."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(n, generator=generator).tolist()
        for start in range(0, max(n - n % size, 1) if whole else n, size):
            yield order[start : start + size]


def typed_table(name: str, rows: pd.DataFrame | list[dict[str, Any]], **types: str) -> pd.DataFrame:
    """Rows as the table of that name; its columns are Float64, except those listed under another type."""
    columns = list(COLUMNS[name])
    other = {column: kind for kind, listed in types.items() for column in listed.split()}
    return pd.DataFrame(rows).reindex(columns=columns).astype(dict.fromkeys(columns, "Float64") | other)
