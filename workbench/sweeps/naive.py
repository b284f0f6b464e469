"""Rows of prompts with their choices, and the naive engine, which runs them from the bottom to the top.

Trees hold a prompt and behind it all its choices, each seeing the prompt and itself. Forked rows are in two
parts: each prompt once, and behind it its choices, which see its keys and values. Plain rows hold a prompt
and one choice each. The naive engine is the reference: one configuration after the other, each a run of its
own, slow and right by construction.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.core.types import Site
from workbench.intervene import Patch, Placement, applied
from workbench.models import Forked, Hook, LanguageModel
from workbench.models.base import Padding
from workbench.sweeps.plan import Configuration, Limits, Plan, limits_of, patches_of
from workbench.sweeps.score import (
    Generation,
    Question,
    Reading,
    Scores,
    all_single,
    by_choice,
    classes_of,
    log_likelihoods,
)
from workbench.sweeps.slots import Prompts, block_size
from workbench.tasks import find_scorer

State = Any
"""A residual, or where rows are in two parts that of each: nobody but the rows looks into it."""


class Rows(Protocol):
    """What is run: prompts with their choices behind them."""

    first: Int[Tensor, " example"]
    """The first row of each example."""

    def place(self, patch: Patch) -> Any:
        """The patch in these rows: a hook, which also takes a state and gives the patched one."""

    def run(self, hooks: Mapping[Site, Any], start: int, stop: int, h: State | None) -> State:
        """From the input of one layer to that of another."""

    def scores(self, h: State) -> list[Tensor]:
        """Scores of the choices of each example, from what leaves the last layer."""


class TreeRows:
    """A row for each example, its choices side by side."""

    def __init__(self, model: LanguageModel, readings: Sequence[Reading]):
        self.model, self.prompts = model, Prompts(model, readings)
        columns = torch.arange(self.prompts.tree.ids.shape[1], device=model.device)
        self.mask = columns < (self.prompts.heads + self.prompts.blocks)[:, None]
        self.ends = self.prompts.heads
        self.first = torch.arange(len(readings))

    def place(self, patch: Patch) -> Placement:
        """The patch in these rows."""
        return Placement(patch, self.mask, self.ends)

    def run(self, hooks: Mapping[Site, Hook], start: int, stop: int, h: Tensor | None) -> Tensor:
        """From the input of one layer to that of another."""
        return self.model.run_tree(self.prompts.tree, hooks, start=start, stop=stop, residual=h)

    def scores(self, h: Float[Tensor, "row pos d_model"]) -> list[Tensor]:
        """Scores of the choices of each example."""
        return [of_blocks[0] for of_blocks in self.prompts.scores(self.prompts.blocks_of(h)[:, None])]


class PlainRows:
    """A row for each choice of each example, or for each example where all choices are one token."""

    def __init__(self, model: LanguageModel, readings: Sequence[Reading], padding: Padding):
        self.model, self.readings = model, readings
        single = all_single(readings)
        texts: list[tuple[int, ...]] = []
        ends, first = [], []
        self.wanted: list[tuple[int, int, int]] = []
        """Of each token of each choice: its row, how far behind the prompt's end it is predicted, its id."""
        for reading in readings:
            first.append(len(texts))
            for c, choice in enumerate(reading.choices):
                if c == 0 or not single:
                    texts.append(reading.prompt + choice[:-1])
                    ends.append(len(choice) - 1)
                self.wanted += [(len(texts) - 1, k, token) for k, token in enumerate(choice)]
        self.batch = model.batch(texts, padding)
        self.mask, self.first = self.batch.mask, torch.tensor(first)
        self.ends = self.batch.last - torch.tensor(ends, device=self.batch.last.device)

    def place(self, patch: Patch) -> Placement:
        """The patch in these rows."""
        return Placement(patch, self.mask, self.ends)

    def run(self, hooks: Mapping[Site, Hook], start: int, stop: int, h: Tensor | None) -> Tensor:
        """From the input of one layer to that of another."""
        return self.model.run(self.batch, hooks=hooks, start=start, stop=stop, residual=h, head=False)

    def predicting(self, h: Float[Tensor, "row pos d_model"]) -> tuple[Tensor, Tensor, Tensor]:
        """The states that predict the choices' tokens, and of each token its state and its id."""
        row, behind, at, tokens = _places(self.wanted, h.device)
        return h[row, self.ends.to(h.device)[row] + behind], at, tokens

    def scores(self, h: Float[Tensor, "row pos d_model"]) -> list[Tensor]:
        """Scores of the choices of each example."""
        states, at, tokens = self.predicting(h)
        if (classes := classes_of(self.readings)) is not None:
            return list(classes.scores(states))
        return by_choice(self.readings, log_likelihoods(self.model, states, at, tokens))


def _places(wanted: Sequence[tuple[int, int, int]], device: torch.device) -> tuple[Tensor, ...]:
    """Row and column of each state that predicts something, once; for each token its state and its id."""
    *where, tokens = torch.tensor(wanted).T
    (row, behind), at = torch.stack(where).unique(dim=1, return_inverse=True)
    return row.to(device), behind.to(device), at, tokens


# Rows in two parts: each prompt once, and behind it its choices, which see its keys and values.
#
# For backends that keep a cache of keys and values. A choice of one token needs no row: it is read from its
# prompt's last state. Of longer ones all tokens but the last are run.


Both = tuple[Float[Tensor, "prompt pos d_model"], Float[Tensor, "tail pos d_model"]]
"""The residual of prompts, and of the choices behind them."""


class ForkedPlacement:
    """One patch in prompts, and in choices where it is at all positions."""

    def __init__(self, patch: Patch, prompts: Placement, tails: Placement | None):
        self.patch, self.prompts, self.tails = patch, prompts, tails

    def __call__(self, h: Both) -> Both:
        """The residuals with the new states in place."""
        in_prompts = self.prompts(h[0])
        in_tails = None if self.tails is None else self.tails(h[1])
        return h[0] if in_prompts is None else in_prompts, h[1] if in_tails is None else in_tails

    def look(self, h: Tensor) -> None:
        """Compute the new states of prompts here and now."""
        self.prompts.look(h)

    @property
    def size(self) -> Float[Tensor, " batch"] | None:
        """‖h′ − h‖ / ‖h‖ of each prompt."""
        return self.prompts.size


class ForkedRows:
    """A row for each example, and one for each of its choices of several tokens."""

    def __init__(self, model: LanguageModel, readings: Sequence[Reading]):
        self.model, self.readings = model, readings
        tails: list[tuple[int, ...]] = []
        owner: list[int] = []
        self.wanted: list[tuple[int, int, int]] = []
        """Of each token of each choice: its prompt, or behind these its tail; its place there; its id."""
        for row, reading in enumerate(readings):
            for choice in reading.choices:
                self.wanted.append((row, 0, choice[0]))
                self.wanted += [(len(readings) + len(tails), k, token) for k, token in enumerate(choice[1:])]
                if len(choice) > 1:
                    tails.append(choice[:-1])
                    owner.append(row)
        prompts = model.batch([reading.prompt for reading in readings], "left")
        behind = model.batch(tails, "right")
        self.forked = Forked(prompts, behind, torch.tensor(owner, device=model.device))
        self.first = torch.arange(len(readings))

    def place(self, patch: Patch) -> ForkedPlacement:
        """The patch in these rows."""
        prompts, tails = self.forked.prompts, self.forked.tails
        behind = Placement(patch, tails.mask, tails.last) if patch.positions == "all" else None
        return ForkedPlacement(patch, Placement(patch, prompts.mask, prompts.last), behind)

    def run(
        self, hooks: Mapping[Site, "ForkedPlacement | Hook"], start: int, stop: int, h: Both | None
    ) -> Both:
        """From the input of one layer to that of another; hooks that are no placements look at prompts."""
        placed = {site: hook for site, hook in hooks.items() if isinstance(hook, ForkedPlacement)}
        looking = {site: hook for site, hook in hooks.items() if not isinstance(hook, ForkedPlacement)}
        on_prompts = {site: placement.prompts for site, placement in placed.items()} | looking
        on_tails = {site: one.tails for site, one in placed.items() if one.tails is not None}
        return self.model.run_forked(self.forked, on_prompts, on_tails, start=start, stop=stop, residuals=h)

    def predicting(self, h: Both) -> tuple[Tensor, Tensor, Tensor]:
        """The states that predict the choices' tokens, and of each token its state and its id."""
        last = h[0][:, -1:].expand(-1, h[1].shape[1], -1)
        row, behind, at, tokens = _places(self.wanted, last.device)
        return torch.cat([last, h[1]])[row, behind], at, tokens

    def scores(self, h: Both) -> list[Tensor]:
        """Log-likelihoods of the choices of each example, from what leaves the last layer."""
        return by_choice(self.readings, log_likelihoods(self.model, *self.predicting(h)))


def forks(model: LanguageModel, readings: Sequence[Reading]) -> bool:
    """Whether these can be run in two parts: choices have something to run, and the model keeps a cache."""
    several = any(len(choice) > 1 for reading in readings for choice in reading.choices)
    return several and model.forked_refused() is None


def choice_rows(
    model: LanguageModel, readings: Sequence[Reading], padding: Padding, shared: bool
) -> PlainRows | ForkedRows:
    """Rows for any sites; with `shared`, choices see the keys and values of one run of their prompt."""
    if shared and forks(model, readings):
        return ForkedRows(model, readings)
    return PlainRows(model, readings, padding)


def batches(readings: Sequence[Reading], shared: bool, limits: Limits) -> Iterator[list[int]]:
    """Examples of like length; with `shared`, choices do not repeat their prompt."""
    single = all_single(readings)

    def shape(reading: Reading) -> tuple[int, int]:
        """Its rows, and how long they are; where choices share their prompt, that of all its tokens."""
        if shared:
            return 1, len(reading.prompt) - 1 + block_size(reading)
        longest = max(len(choice) for choice in reading.choices)
        return (1 if single else len(reading.choices)), len(reading.prompt) + longest - 1

    order = sorted(range(len(readings)), key=lambda i: shape(readings[i])[1])
    batch: list[int] = []
    height = 0
    for i in order:
        rows, width = shape(readings[i])
        tokens = min(limits.token_budget, limits.row_tokens)
        full = len(batch) == limits.batch_size or (height + rows) * width > tokens
        if batch and full:
            yield batch
            batch, height = [], 0
        batch.append(i)
        height += rows
    if batch:
        yield batch


def mean_size(placements: Sequence[Placement | ForkedPlacement]) -> Float[Tensor, " batch"]:
    """The patch size of each row, its mean over the configuration's sites."""
    sizes = [placement.size for placement in placements if placement.size is not None]
    assert len(sizes) == len(placements), "the model's run lets no silent hook pass"
    return torch.stack(sizes).mean(0)


def look(rows: "Rows", placements: Sequence[Any]) -> None:
    """Let placements compute their new states in one unpatched run."""
    by_site: dict[Site, list[Any]] = {}
    for placement in placements:
        by_site.setdefault(placement.patch.site, []).append(placement)

    def looking(those: Sequence[Any]) -> Hook:
        def hook(h: Tensor) -> None:
            for placement in those:
                placement.look(h)

        return hook

    if by_site:
        stop = 1 + max(site.layer for site in by_site)
        rows.run({site: looking(those) for site, those in by_site.items()}, 0, stop, None)


# The naive engine, and answers that are generated.


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
    patches = [] if configuration is None else patches_of(configuration)
    from_clean = configuration is not None and configuration.joint == "from_clean"
    for those, rows, placed, h in patched_rows(
        model, readings, patches, from_clean, batch_size, padding, shared
    ):
        for i, scores in zip(those, rows.scores(h), strict=True):
            choices[i] = scores
        if placed:
            sizes[torch.tensor(those)] = mean_size(placed)[rows.first].double()
    return Scores(choices, sizes)


def patched_rows(
    model: LanguageModel,
    readings: Sequence[Reading],
    patches: Sequence[Patch],
    from_clean: bool,
    batch_size: int,
    padding: Padding = "right",
    shared: bool = True,
) -> Iterator[tuple[list[int], PlainRows | ForkedRows, list[Any], State]]:
    """Of some readings at a time: their numbers, rows and placements, and what leaves the last layer."""
    shared = shared and forks(model, readings)
    for those in batches(readings, shared, limits_of(model, batch_size)):
        rows = choice_rows(model, [readings[i] for i in those], padding, shared)
        placed: list[Any] = [rows.place(patch) for patch in patches]
        if from_clean:
            look(rows, placed)
        hooks = {placement.patch.site: placement for placement in placed}
        yield those, rows, placed, rows.run(hooks, 0, model.info.n_layers, None)


def score_choices(
    model: LanguageModel, readings: Sequence[Reading], batch_size: int = 64, padding: Padding = "right"
) -> list[Float[Tensor, " choice"]]:
    """Σ log p(choice token | prompt, choice tokens before it), for each choice of each example."""
    return naive_scores(model, readings, None, batch_size, padding, shared=True).choices


def answer_columns(
    model: LanguageModel, questions: Sequence[Question], configuration: Configuration | None, how: Generation
) -> dict[str, Any]:
    """Generate greedily for one batch of questions under one configuration, or unpatched, and score."""
    batch = model.batch([question.prompt for question in questions], padding="left")
    decode = model.tokens.decode

    def enough(ids: Sequence[int]) -> bool:
        return how.ended(decode(ids))

    sizes = torch.zeros(len(questions), dtype=torch.float64)
    most = max(len(question.written) or how.max_new_tokens for question in questions)
    if configuration is None:
        found = model.generate(batch, most, enough)
    else:
        from_clean = configuration.joint == "from_clean"
        with applied(model, patches_of(configuration), batch, from_clean=from_clean) as placements:
            found = model.generate(batch, most, enough)
        sizes = mean_size(placements)
    texts = [how.answer(decode(ids)) for ids in found]
    score = find_scorer(how.scorer)
    scores = [
        float(tuple(ids[: len(question.written)]) == question.written)
        if question.written
        else score(text, question.example.answers, question.example.language)
        for ids, text, question in zip(found, texts, questions, strict=True)
    ]
    return {
        "generated": texts,
        "correct": [value == 1 for value in scores],
        "score": scores,
        "patch_size": sizes.numpy(),
    }
