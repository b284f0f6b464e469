"""What a sweep would cost, before it runs: from the tokens of its items and the number of branches."""

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.models.outline import Outline
from workbench.sweeps.score import Reading
from workbench.sweeps.slots import Limits, block_size, slot_runs
from workbench.tasks import Example

_CHARACTERS_A_TOKEN = 3.0
"""Where no tokenizer is at hand, as in the plan of a capture."""


@dataclass(frozen=True)
class SweepCost:
    """The bill of a sweep by slots."""

    examples: int
    branches: int
    tokens: int
    """Tokens that pass through the model, padding included."""
    runs: int
    flops: float
    one_by_one: int
    """Tokens that one run for every branch would take."""


def sweep_cost(
    outline: Outline, examples: Sequence[Example], n_branches: int, batch_size: int = 64
) -> SweepCost:
    """Count the tokens of all runs, branches in slots, and of as many runs without slots."""
    readings = _readings(outline, examples)
    tokens = runs = 0
    for rows, branches in slot_runs(readings, n_branches, Limits(batch_size)):
        runs += 1
        widths = [_head(readings[i]) + block_size(readings[i]) * (len(branches) + 1) for i in rows]
        tokens += max(widths) * len(rows)
    alone = sum(_head(reading) + block_size(reading) for reading in readings) * (n_branches + 1)
    return SweepCost(len(examples), n_branches, tokens, runs, 2.0 * outline.parameters * tokens, alone)


def _head(reading: Reading) -> int:
    return len(reading.prompt) - 1


def _readings(outline: Outline, examples: Sequence[Example]) -> list[Reading]:
    """As many tokens as the examples have; which ones makes no difference to the cost."""
    prompts = _counts(outline, [example.prompt for example in examples])
    choices = _counts(outline, [choice for example in examples for choice in example.choices])
    counted = iter(choices)
    return [
        Reading(example, (0,) * n, tuple((0,) * max(next(counted) - 1, 1) for _ in example.choices))
        for example, n in zip(examples, prompts, strict=True)
    ]


def _counts(outline: Outline, texts: Sequence[str]) -> list[int]:
    if outline.tokens is not None:
        return [len(ids) for ids in outline.tokens.encode(list(texts))]
    return [1 + max(1, round(len(text) / _CHARACTERS_A_TOKEN)) for text in texts]
