"""The rows of branches: columns as lists, and one table made of all of them at the end.

A table for each branch would cost more than the model does, where it is small.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from workbench.sweep.plan import CLEAN, COLUMNS, Branch
from workbench.sweep.score import Reading
from workbench.tasks import AnswerExample, Example

Columns = dict[str, list[Any]]
"""Name → a value for each row."""


class Scores(NamedTuple):
    """What one branch made of each example."""

    choices: list[Tensor]
    """Log-likelihoods of the choices, example by example."""
    sizes: Tensor
    """How far the patch moved each state; nothing where there is no patch."""


def choice_rows(
    readings: Sequence[Reading], branch: Branch | None, scores: Scores, facts: Mapping[str, str]
) -> Columns:
    """The rows of one branch over examples with choices."""
    return rows([reading.example for reading in readings], branch, _choice_columns(readings, scores), facts)


def rows(
    examples: Sequence[Example | AnswerExample],
    branch: Branch | None,
    found: Mapping[str, Iterable[Any]],
    facts: Mapping[str, str],
) -> Columns:
    """The rows of one branch, given what it made of each example."""
    same = {**facts, **({"aligner": CLEAN} if branch is None else branch.columns)}
    own: dict[str, list[Any]] = {
        "language": [example.language for example in examples],
        "split": [example.split for example in examples],
        "example": [example.id for example in examples],
        "group": [example.group for example in examples],
        **{name: list(values) for name, values in found.items()},
    }
    return {name: own[name] if name in own else [same.get(name)] * len(examples) for name in COLUMNS}


def table_of(parts: Sequence[Mapping[str, Sequence[Any]]]) -> pd.DataFrame:
    """One table of the rows of many branches, typed."""
    names = list(parts[0])
    joined = {name: list(chain.from_iterable(part[name] for part in parts)) for name in names}
    return pd.DataFrame(joined).astype({name: kind for name, kind in COLUMNS.items() if name in joined})


def margin(scores: Tensor, answer: int) -> float:
    """The score of the right choice minus that of the best other one."""
    others = torch.cat([scores[:answer], scores[answer + 1 :]])
    return float(scores[answer] - others.max())


def _choice_columns(readings: Sequence[Reading], scores: Scores) -> dict[str, list[Any]]:
    """Of all examples at once; rows with fewer choices are filled up with −∞."""
    right = torch.tensor([reading.example.answer for reading in readings])[:, None]
    all = torch.nn.utils.rnn.pad_sequence(scores.choices, batch_first=True, padding_value=-torch.inf)
    own = all.gather(1, right)
    others = all.scatter(1, right, -torch.inf).max(1).values
    predictions = all.argmax(1)
    return {
        "prediction": predictions.tolist(),
        "correct": (predictions == right[:, 0]).tolist(),
        "margin": (own[:, 0] - others).tolist(),
        "score": own[:, 0].tolist(),
        "patch_size": scores.sizes.tolist(),
    }
