"""A method of a comparison, before it becomes a table row: its choice, its test rows, its cost."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.methods.base import Cost
from workbench.models import LanguageModel
from workbench.select import Choice
from workbench.sweeps import Configuration
from workbench.sweeps.naive import naive_scores
from workbench.sweeps.score import all_single, read_examples
from workbench.tasks import Example

# What is known of one method in a comparison before it becomes a row.


@dataclass(eq=False)
class Entry:
    """A method, what dev chose for it, and its rows on test items."""

    method: str
    title: str
    family: str
    """`baseline`, `recipe` or `combination`."""
    chosen: str
    """In words."""
    test: pd.DataFrame
    """One row per source-language test item."""
    on_target: pd.DataFrame | None
    """The same for target-language items; None where the method leaves those as they are."""
    cost: Cost = field(default_factory=Cost)
    choice: Choice | None = None
    """The configuration, where there is one."""
    controls: dict[str, pd.DataFrame] = field(default_factory=dict)
    """Rows on the same test items, by the control's name."""
    over: pd.DataFrame | None = None
    """Of a combination: the rows of its baseline alone."""
    dev_gain: float = 0.0
    """Accuracy on dev over direct prompting; optimistically biased, as it was selected as the best."""


@dataclass(frozen=True)
class Skipped:
    """A method that had nothing to work on, and why."""

    method: str
    title: str
    family: str
    why: str


# What answering costs: tokens run forward for an item, and the time a patch adds.


ITEMS, REPEATS = 64, 3


def tokens_per_item(model: LanguageModel, items: Sequence[Any], generated: Sequence[str] = ()) -> float:
    """Mean tokens run forward to answer an item: the prompt, once for each choice of several tokens."""
    if not items or not isinstance(items[0], Example):
        prompts = sum(map(len, model.tokens.encode([item.prompt for item in items])))
        said = sum(map(len, model.tokens.encode(list(generated)))) if generated else 0
        return (prompts + said) / max(len(items), 1)
    readings = read_examples(model, items)
    if all_single(readings):
        return sum(len(reading.prompt) for reading in readings) / len(readings)
    rows = (len(reading.prompt) + len(choice) - 1 for reading in readings for choice in reading.choices)
    return sum(rows) / len(readings)


def seconds_per_item(
    model: LanguageModel, items: Sequence[Any], configuration: Configuration | None
) -> float | None:
    """The time one item takes, patched or not, in a batch by itself: the best of a few runs.

    Measured over the same few items for all methods; None for generated answers.
    """
    some = list(items)[:ITEMS]
    if not some or not isinstance(some[0], Example):
        return None
    readings = read_examples(model, some)
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        naive_scores(model, readings, configuration, len(readings))
        best = min(best, time.perf_counter() - start)
    return best / len(readings)
