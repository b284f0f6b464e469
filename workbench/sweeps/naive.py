"""The reference: one configuration after the other, choices scored and answers generated.

Every configuration is a run of its own. Slow, and right by construction.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.intervene import applied
from workbench.models import LanguageModel
from workbench.models.base import Padding
from workbench.sweeps.plan import Configuration, Limits, Plan, patches_of
from workbench.sweeps.rows import batches, choice_rows, forks, look, mean_size
from workbench.sweeps.score import Generation, Question, Reading, Scores
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
            naive_scores(plan.model, readings, configuration, size, plan.padding, shared=True)
            for configuration in runs
        ]


@torch.no_grad()
def naive_scores(
    model: LanguageModel,
    readings: Sequence[Reading],
    configuration: Configuration | None,
    batch_size: int,
    padding: Padding = "right",
    shared: bool = False,
) -> Scores:
    """Every example run from the bottom under one configuration, or unpatched.

    With `shared`, a prompt is run once for all its choices; else every choice has a row of its own.
    """
    choices: list[Tensor] = [torch.empty(0)] * len(readings)
    sizes = torch.zeros(len(readings), dtype=torch.float64)
    shared = shared and forks(model, readings)
    for those in batches(readings, shared, Limits(batch_size)):
        rows = choice_rows(model, [readings[i] for i in those], padding, shared)
        placed = [] if configuration is None else [rows.place(patch) for patch in patches_of(configuration)]
        if configuration is not None and configuration.joint == "from_clean":
            look(rows, placed)
        h = rows.run({placement.patch.site: placement for placement in placed}, 0, model.info.n_layers, None)
        for i, scores in zip(those, rows.scores(h), strict=True):
            choices[i] = scores
        if placed:
            sizes[torch.tensor(those)] = mean_size(placed)[rows.first].double()
    return Scores(choices, sizes)


def score_choices(
    model: LanguageModel, readings: Sequence[Reading], batch_size: int = 64, padding: Padding = "right"
) -> list[Float[Tensor, " choice"]]:
    """Σ log p(choice token | prompt, choice tokens before it), for each choice of each example."""
    return naive_scores(model, readings, None, batch_size, padding).choices


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
