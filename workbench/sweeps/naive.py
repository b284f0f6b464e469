"""The reference: one configuration after the other, choices scored and answers generated.

Every configuration is a run of its own. Slow, and right by construction.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.intervene import Placement, applied
from workbench.models import Batch, LanguageModel
from workbench.models.base import Padding
from workbench.sweeps.plan import Configuration, Plan, patches_of
from workbench.sweeps.score import Generation, Question, Reading, Scores, all_single, score_choices
from workbench.tasks import SCORERS

CONFIGURATIONS = 8
"""Most configurations in one run."""


class Naive:
    """The engine that takes any configuration, of any model."""

    def refusal(
        self, model: LanguageModel, readings: Sequence[Reading], configurations: Sequence[Configuration]
    ) -> None:
        """None: it can do everything."""

    def runs(
        self, plan: Plan, configurations: Sequence[Configuration]
    ) -> Iterator[tuple[list[int], list[int]]]:
        """Batches of items in order (generated answers by length), under some configurations at a time."""
        order = list(range(len(plan.items)))
        if plan.generation:
            order.sort(key=lambda i: len(plan.items[i].prompt))  # padding on the left is work, too
        numbers, size = list(range(len(configurations))), plan.limits.batch_size
        for at in range(0, len(order), size):
            # The clean run takes the place of a configuration, and may stand alone.
            for start in range(0, max(len(numbers), 1), CONFIGURATIONS):
                yield order[at : at + size], numbers[start : start + CONFIGURATIONS]

    def run(
        self, plan: Plan, readings: Sequence[Reading], configurations: Sequence[Configuration], clean: bool
    ) -> list[Scores]:
        """One after the other."""
        runs: list[Configuration | None] = [*([None] if clean else []), *configurations]
        size = plan.limits.batch_size
        return [
            naive_scores(plan.model, readings, configuration, size, plan.padding) for configuration in runs
        ]


def naive_scores(
    model: LanguageModel,
    readings: Sequence[Reading],
    configuration: Configuration | None,
    batch_size: int,
    padding: Padding = "right",
) -> Scores:
    """Every example run under one configuration, or unpatched."""
    if configuration is None:
        choices = score_choices(model, readings, None, batch_size, padding)
        return Scores(choices, torch.zeros(len(readings), dtype=torch.float64))
    sizes: list[Tensor] = []

    @contextmanager
    def patched(batch: Batch, at: Tensor) -> Iterator[None]:
        from_clean = configuration.joint == "from_clean"
        with applied(model, patches_of(configuration), batch, ends=at, from_clean=from_clean) as placements:
            yield
        sizes.append(mean_size(placements))

    choices = score_choices(model, readings, patched, batch_size, padding)
    flat = torch.cat(sizes)
    # Choices of several tokens run one by one, all with the same patch: keep the first of each.
    counts = [1 if all_single(readings) else len(reading.choices) for reading in readings]
    return Scores(choices, flat[torch.tensor([0, *counts[:-1]]).cumsum(0)])


def mean_size(placements: Sequence[Placement]) -> Float[Tensor, " batch"]:
    """The patch size of each row, its mean over the configuration's sites."""
    sizes = [placement.size for placement in placements if placement.size is not None]
    assert len(sizes) == len(placements), "the model's run lets no silent hook pass"
    return torch.stack(sizes).mean(0)


def answer_columns(
    model: LanguageModel, questions: Sequence[Question], configuration: Configuration | None, how: Generation
) -> dict[str, Any]:
    """Generate greedily for one batch of questions under one configuration, or unpatched, and score."""
    batch = model.batch([question.prompt for question in questions], padding="left")
    decode = model.tokens.decode

    def enough(ids: Sequence[int]) -> bool:
        return how.until is not None and how.until in decode(ids).lstrip()

    sizes = torch.zeros(len(questions), dtype=torch.float64)
    if configuration is None:
        found = model.generate(batch, how.max_new_tokens, enough)
    else:
        from_clean = configuration.joint == "from_clean"
        with applied(model, patches_of(configuration), batch, from_clean=from_clean) as placements:
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
