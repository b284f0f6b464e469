"""The sweep as others call it: by slots where they can, once they have been checked against naive."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch

from workbench.errors import InputError
from workbench.models import LanguageModel
from workbench.progress import Progress, silent
from workbench.sweep.naive import Scores, margin, naive_scores, sweep_naive
from workbench.sweep.plan import Branch
from workbench.sweep.score import Reading, read_examples
from workbench.sweep.slots import slot_scores, slots_can, sweep_slots
from workbench.tasks import Example

CHECKED = 8
"""Examples that go through slots and naive before a sweep."""
FACTOR = 4.0
"""Slots may differ from naive by so much more than naive at one batch size from naive at another…"""
FLOOR = 1e-4
"""… or by this share of the logits' scale, for each token of a choice (in half precision: one step)."""


def sweep(
    model: LanguageModel,
    examples: Sequence[Example],
    branches: Sequence[Branch],
    *,
    task: str,
    pair: str,
    clean: bool = True,
    batch_size: int = 64,
    progress: Progress = silent,
    allow_naive: bool = False,
) -> pd.DataFrame:
    """One row per (branch, example), as from `sweep_naive`; by slots for all branches that they can do.

    Some examples go through both first. Where they disagree this is an error, or, with `allow_naive`, all
    is swept naively.
    """
    if not examples:
        raise InputError(f"no examples of {task} to sweep over")
    readings = read_examples(model, examples)
    able = [slots_can(model, readings, [branch]) is None for branch in branches]
    fast = [branch for branch, can in zip(branches, able, strict=True) if can]
    slow = [branch for branch, can in zip(branches, able, strict=True) if not can]
    found = check_slots(model, readings, fast) if fast else None
    if found is not None and not allow_naive:
        raise InputError(
            f"{found}: naive for all would take about {_minutes(found, len(branches), len(examples))}; "
            "pass allow_naive=True to go on so"
        )
    if found is not None or not fast:
        return sweep_naive(
            model,
            examples,
            branches,
            task=task,
            pair=pair,
            clean=clean,
            batch_size=batch_size,
            progress=progress,
        )
    table = sweep_slots(
        model, examples, fast, task=task, pair=pair, clean=clean, batch_size=batch_size, progress=progress
    )
    if not slow:
        return table
    rest = sweep_naive(
        model, examples, slow, task=task, pair=pair, clean=False, batch_size=batch_size, progress=progress
    )
    return _interleaved(table, rest, [*([True] if clean else []), *able], len(examples))


@dataclass(frozen=True)
class Disagreement:
    """Where slots and naive differ most, for their tolerance, on one example."""

    model: str
    branch: Branch | None
    example: str
    margins: tuple[float, float]
    predictions: tuple[int, int]
    tolerance: float
    seconds: float
    """What naive takes for one example in one branch."""

    def __str__(self) -> str:
        b = self.branch
        what = "the clean run" if b is None else f"{b.method} at {b.site} ({b.intervention}, {b.strength:g})"
        return (
            f"slots and naive disagree on {self.model}, {what}, example {self.example!r}: margin "
            f"{self.margins[0]:.6g} and {self.margins[1]:.6g} (allowed difference {self.tolerance:.1g}), "
            f"choice {self.predictions[0]} and {self.predictions[1]}"
        )


def check_slots(
    model: LanguageModel, readings: Sequence[Reading], branches: Sequence[Branch]
) -> Disagreement | None:
    """Some examples, in the clean run and in the first, the last and the strongest branch, both ways.

    The examples are spread over the lengths of prompts, with the shortest and the longest. Margins must
    agree, and choices unless naive itself has a tie there.
    """
    some = _spread(readings)
    clean, patched = slot_scores(model, some, branches)
    strongest = max(range(len(branches)), key=lambda j: float(patched[j].sizes.mean()))
    picks = dict.fromkeys((0, len(branches) - 1, strongest))
    pairs = [(None, clean), *((branches[j], patched[j]) for j in picks)]
    start = time.perf_counter()
    whole = [naive_scores(model, some, branch, len(some)) for branch, _ in pairs]
    seconds = (time.perf_counter() - start) / (len(pairs) * len(some))
    alone = [naive_scores(model, some, branch, 1) for branch, _ in pairs]
    noise = max(
        abs(p - q)
        for a, b in zip(whole, alone, strict=True)
        for p, q in zip(_margins(a, some), _margins(b, some), strict=True)
    )
    tolerance = max(FACTOR * noise, _floor(model, some))
    for (branch, slots), naive in zip(pairs, whole, strict=True):
        for i, reading in enumerate(some):
            margins = _margins(slots, some)[i], _margins(naive, some)[i]
            predictions = int(slots.choices[i].argmax()), int(naive.choices[i].argmax())
            best = naive.choices[i].topk(2).values
            tie = float(best[0] - best[1]) <= tolerance
            same = abs(margins[0] - margins[1]) <= tolerance  # not so where one is NaN
            if not same or (predictions[0] != predictions[1] and not tie):
                name = model.info.name
                return Disagreement(
                    name, branch, reading.example.id, margins, predictions, tolerance, seconds
                )
    return None


def _spread(readings: Sequence[Reading]) -> list[Reading]:
    by_length = sorted(readings, key=lambda reading: len(reading.prompt))
    n = min(CHECKED, len(by_length))
    return [by_length[round(i * (len(by_length) - 1) / max(n - 1, 1))] for i in range(n)]


def _margins(scores: Scores, readings: Sequence[Reading]) -> list[float]:
    return [margin(s, reading.example.answer) for s, reading in zip(scores.choices, readings, strict=True)]


@torch.no_grad()
def _floor(model: LanguageModel, readings: Sequence[Reading]) -> float:
    logits = model.run(model.batch([reading.prompt for reading in readings]))
    step = torch.finfo(logits.dtype).eps
    summed = max(len(choice) for reading in readings for choice in reading.choices)
    return max(FLOOR, step) * max(float(logits.float().abs().max()), 1.0) * summed


def _minutes(found: Disagreement, n_branches: int, n_examples: int) -> str:
    seconds = found.seconds * n_examples * (n_branches + 1)
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _interleaved(fast: pd.DataFrame, slow: pd.DataFrame, able: Sequence[bool], n: int) -> pd.DataFrame:
    """Both tables' branches, `n` rows each, in the order asked for."""
    tables = {True: fast, False: slow}
    done = {True: 0, False: 0}
    parts = []
    for which in able:
        parts.append(tables[which].iloc[done[which] : done[which] + n])
        done[which] += n
    return pd.concat(parts, ignore_index=True)
