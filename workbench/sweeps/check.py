"""The check before every sweep: some examples go through a fast way and through naive, and must agree."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from workbench.models import LanguageModel
from workbench.sweeps.naive import naive_scores
from workbench.sweeps.plan import Branch
from workbench.sweeps.score import Reading, Scores, classes_of, last_states, margin
from workbench.sweeps.slots import slot_scores
from workbench.sweeps.suffix import suffix_scores

CHECKED = 8
"""Examples that go through a fast way and naive before a sweep."""
FACTOR = 4.0
"""A fast way may differ from naive by so much more than naive at one batch size from naive at another…"""
FLOOR = 1e-4
"""… or by this share of the logits' scale, for each token of a choice (in half precision: one step).

By class prototypes, a share of the distance between the nearest and the farthest class."""
CLASS_FLOOR = 1e-5
"""And there at least this share of the largest score: classes may lie close together, far from the origin."""

FAST: dict[str, Callable[..., tuple[Scores, list[Scores]]]] = {"slots": slot_scores, "suffix": suffix_scores}
"""The fast ways: model, readings, branches → the clean run, and each branch."""


@dataclass(frozen=True)
class Disagreement:
    """Where a fast way and naive differ, beyond tolerance, on one example."""

    way: str
    model: str
    branch: Branch | None
    example: str
    margins: tuple[float, float]
    predictions: tuple[int, int]
    tolerance: float
    seconds: float
    """What naive takes for one example in one branch."""

    def __str__(self) -> str:
        what = "the clean run" if self.branch is None else str(self.branch)
        return (
            f"{self.way} and naive disagree on {self.model}, {what}, example {self.example!r}: margin "
            f"{self.margins[0]:.6g} and {self.margins[1]:.6g} (allowed difference {self.tolerance:.1g}), "
            f"choice {self.predictions[0]} and {self.predictions[1]}"
        )

    def naive_takes(self, n_branches: int, n_examples: int) -> str:
        """How long naive would take for all, for people."""
        seconds = self.seconds * n_examples * (n_branches + 1)
        return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def check_fast(
    way: str, model: LanguageModel, readings: Sequence[Reading], branches: Sequence[Branch]
) -> Disagreement | None:
    """Some examples, in the clean run and in telling branches, both ways; None where they agree.

    The examples are spread over the lengths of prompts, with the shortest and the longest. Margins must
    agree, and choices unless naive itself has a tie there.
    """
    some = _spread(readings)
    clean, patched = FAST[way](model, some, branches)
    picks = _telling(branches, patched)
    pairs = [(None, clean), *((branches[j], patched[j]) for j in picks)]
    start = time.perf_counter()
    whole = [naive_scores(model, some, branch, len(some)) for branch, _ in pairs]
    seconds = (time.perf_counter() - start) / (len(pairs) * len(some))
    few = max(1, len(some) // 4)
    noise = max(
        abs(p - q)
        # Of the clean run and the first branch: rounding is of one kind in all.
        for (branch, _), together in list(zip(pairs, whole, strict=True))[:2]
        for p, q in zip(
            _margins(together, some), _margins(naive_scores(model, some, branch, few), some), strict=True
        )
    )
    tolerance = max(FACTOR * noise, _floor(model, some))
    for (branch, fast), naive in zip(pairs, whole, strict=True):
        for i, reading in enumerate(some):
            margins = _margins(fast, some)[i], _margins(naive, some)[i]
            predictions = int(fast.choices[i].argmax()), int(naive.choices[i].argmax())
            best = naive.choices[i].topk(2).values
            tie = float(best[0] - best[1]) <= tolerance
            same = abs(margins[0] - margins[1]) <= tolerance  # not so where one is NaN
            if not same or (predictions[0] != predictions[1] and not tie):
                return Disagreement(
                    way, model.info.name, branch, reading.example.id, margins, predictions, tolerance, seconds
                )
    return None


def _telling(branches: Sequence[Branch], patched: Sequence[Scores]) -> list[int]:
    """The first, the last and the strongest branch, and the first of each kind."""
    first: dict[tuple[str, ...], int] = {}
    for j, branch in enumerate(branches):
        components = sorted({str(site.component) for site, _ in branch.parts})
        first.setdefault((branch.positions, branch.joint, *components), j)
    strongest = max(range(len(branches)), key=lambda j: float(patched[j].sizes.mean()))
    return list(dict.fromkeys((0, len(branches) - 1, strongest, *first.values())))


def _spread(readings: Sequence[Reading]) -> list[Reading]:
    by_length = sorted(readings, key=lambda reading: len(reading.prompt))
    n = min(CHECKED, len(by_length))
    return [by_length[round(i * (len(by_length) - 1) / max(n - 1, 1))] for i in range(n)]


def _margins(scores: Scores, readings: Sequence[Reading]) -> list[float]:
    return [margin(s, reading.example.answer) for s, reading in zip(scores.choices, readings, strict=True)]


@torch.no_grad()
def _floor(model: LanguageModel, readings: Sequence[Reading]) -> float:
    if (classes := classes_of(readings)) is not None:
        states = last_states(model, readings)
        scores, step = classes.scores(states), torch.finfo(states.dtype).eps
        range_ = float((scores.max(1).values - scores.min(1).values).max())
        return max(max(FLOOR, step) * range_, max(CLASS_FLOOR, step) * float(scores.abs().max()))
    logits = model.run(model.batch([reading.prompt for reading in readings]))
    step = torch.finfo(logits.dtype).eps
    summed = max(len(choice) for reading in readings for choice in reading.choices)
    return max(FLOOR, step) * max(float(logits.float().abs().max()), 1.0) * summed
