"""Log-likelihood of choices and likeness to class prototypes, patched or not, and the rows they become."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.core.errors import InputError
from workbench.models import Batch, LanguageModel
from workbench.models.base import Padding
from workbench.sweeps.plan import CLEAN, COLUMNS, Branch
from workbench.tasks import AnswerExample, Example, Prototypes

# Log-likelihood of choices, given a prompt; with or without patches.


LOGITS = 2**25
"""Most logits held at a time."""

Patched = Callable[[Batch, Int[Tensor, " batch"]], AbstractContextManager[Any]]
"""Given a batch and where each row's prompt ends, a block in which its run is patched."""


@dataclass(frozen=True)
class Reading:
    """An example as the model reads it: token ids of its prompt, and of each choice after it."""

    example: Example
    prompt: tuple[int, ...]
    choices: tuple[tuple[int, ...], ...]
    classes: Prototypes | None = None
    """What the prompt's last state is compared with, in place of any reading of choices (see `classes`)."""


def read_examples(model: LanguageModel, examples: Sequence[Example]) -> list[Reading]:
    """Tokenise prompts and choices; a choice must not change the tokens of its prompt."""
    prompts = model.tokens.encode([example.prompt for example in examples])
    texts = [example.prompt + choice for example in examples for choice in example.choices]
    whole = iter(model.tokens.encode(texts))
    readings = []
    for example, prompt in zip(examples, prompts, strict=True):
        choices = []
        for choice in example.choices:
            ids = next(whole)
            if ids[: len(prompt)] != prompt or len(ids) == len(prompt):
                # The patch goes to the last prompt token, so there must be one.
                raise InputError(
                    f"example {example.id!r}: the tokenizer joins the prompt's end with choice "
                    f"{choice!r}: start the choices with a space"
                )
            choices.append(tuple(ids[len(prompt) :]))
        readings.append(Reading(example, tuple(prompt), tuple(choices)))
    return readings


@torch.no_grad()
def score_choices(
    model: LanguageModel,
    readings: Sequence[Reading],
    patched: Patched | None = None,
    batch_size: int = 64,
    padding: Padding = "right",
) -> list[Float[Tensor, " choice"]]:
    """Σ log p(choice token | prompt, choice tokens before it), for each choice of each example.

    Where all choices are single tokens, one run of the prompt scores them all; else every choice is
    run behind its prompt. Where they are classes, the prompt's last state is enough.
    """
    single = all_single(readings)
    by_classes = classes_of(readings)
    rows = [(i, c) for i, r in enumerate(readings) for c in range(1 if single else len(r.choices))]
    scores: list[list[Tensor]] = [[] for _ in readings]
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        tails = [() if single else readings[i].choices[c][:-1] for i, c in part]
        texts = [readings[i].prompt + tail for (i, _), tail in zip(part, tails, strict=True)]
        batch = model.batch(texts, padding)
        at = batch.last - torch.tensor([len(tail) for tail in tails], device=batch.last.device)
        with patched(batch, at) if patched else nullcontext():
            found = model.run(batch, head=by_classes is None)
        if by_classes is not None:
            states = found[torch.arange(len(part)), at.to(found.device)]
            for (i, _), similar in zip(part, by_classes.scores(states), strict=True):
                scores[i] += list(similar)
            continue
        for row, (i, c) in enumerate(part):
            log_p = found[row, int(at[row]) : int(batch.last[row]) + 1].float().log_softmax(-1).cpu()
            if single:
                scores[i] += [log_p[0, choice[0]] for choice in readings[i].choices]
            else:
                choice = torch.tensor(readings[i].choices[c])
                scores[i].append(log_p[torch.arange(len(choice)), choice].sum())
    return [torch.stack(values) for values in scores]


def log_likelihoods(
    model: LanguageModel,
    readings: Sequence[Reading],
    states: Float[Tensor, "token d_model"],
    tokens: Int[Tensor, " token"],
) -> list[Float[Tensor, " choice"]]:
    """Summed log p of the tokens of each choice, all in order, from the last layer's states before them."""
    parts = []
    step = max(LOGITS // model.info.d_vocab, 1)
    for some, ids in zip(states.split(step), tokens.split(step), strict=True):
        log_p = model.unembed(model.final_norm(some[None]))[0].float().log_softmax(-1)
        parts.append(log_p.gather(-1, ids.to(log_p.device)[:, None])[:, 0].cpu())
    lengths = [len(choice) for reading in readings for choice in reading.choices]
    sums = torch.stack([part.sum() for part in torch.cat(parts).split(lengths)])
    return list(sums.split([len(reading.choices) for reading in readings]))


def all_single(readings: Sequence[Reading]) -> bool:
    """Whether every choice is one token, so that a run of the prompt scores them all."""
    return all(len(choice) == 1 for reading in readings for choice in reading.choices)


def classes_of(readings: Sequence[Reading]) -> Prototypes | None:
    """What all readings of one sweep are compared with, or None where choices are read."""
    return readings[0].classes if readings else None


@torch.no_grad()
def last_states(model: LanguageModel, readings: Sequence[Reading]) -> Float[Tensor, "example d_model"]:
    """The states of the prompts' last tokens where they leave the last layer, unpatched."""
    batch = model.batch([reading.prompt for reading in readings])
    h = model.run(batch, head=False)
    return h[torch.arange(len(h)), batch.last.to(h.device)]


# The rows of branches: columns as lists, and one table made of all of them at the end.
#
# A table for each branch would cost more than the model does, where it is small.


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
