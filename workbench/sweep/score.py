"""Log-likelihood of choices, given a prompt; with or without patches."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.errors import InputError
from workbench.models import Batch, LanguageModel
from workbench.models.base import Padding
from workbench.tasks import Example

Patched = Callable[[Batch, Int[Tensor, " batch"]], AbstractContextManager[Any]]
"""Given a batch and where each row's prompt ends, a block in which its run is patched."""


@dataclass(frozen=True)
class Reading:
    """An example as the model reads it: token ids of its prompt, and of each choice after it."""

    example: Example
    prompt: tuple[int, ...]
    choices: tuple[tuple[int, ...], ...]


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
    run behind its prompt.
    """
    single = all_single(readings)
    rows = [(i, c) for i, r in enumerate(readings) for c in range(1 if single else len(r.choices))]
    scores: list[list[Tensor]] = [[] for _ in readings]
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        tails = [() if single else readings[i].choices[c][:-1] for i, c in part]
        texts = [readings[i].prompt + tail for (i, _), tail in zip(part, tails, strict=True)]
        batch = model.batch(texts, padding)
        at = batch.last - torch.tensor([len(tail) for tail in tails], device=batch.last.device)
        with patched(batch, at) if patched else nullcontext():
            logits = model.run(batch)
        for row, (i, c) in enumerate(part):
            log_p = logits[row, int(at[row]) : int(batch.last[row]) + 1].float().log_softmax(-1).cpu()
            if single:
                scores[i] += [log_p[0, choice[0]] for choice in readings[i].choices]
            else:
                choice = torch.tensor(readings[i].choices[c])
                scores[i].append(log_p[torch.arange(len(choice)), choice].sum())
    return [torch.stack(values) for values in scores]


def all_single(readings: Sequence[Reading]) -> bool:
    """Whether every choice is one token, so that a run of the prompt scores them all."""
    return all(len(choice) == 1 for reading in readings for choice in reading.choices)
