"""Suffixes: the layers below a patch are run once for all configurations, those above once for each.

Nothing below its lowest patched layer can tell a configuration from the clean run. So a batch is carried up
layer
by layer, unpatched; wherever configurations begin, each of them goes on from there to the top by itself. That
takes any positions, any sites and sets of sites, and any backend that can start at a layer.

Rows are trees where a model takes them and only the residual stream is patched: a prompt and behind it all
its choices, each seeing the prompt and itself. Where a backend keeps keys and values, prompts are run once
and choices behind them (see `ForkedRows`). Otherwise every choice has a row of its own, prompt and all.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.core.types import Site
from workbench.intervene import Patch, Placement
from workbench.models import Forked, Hook, LanguageModel
from workbench.models.base import Padding
from workbench.sweeps.naive import mean_size
from workbench.sweeps.plan import Configuration, Limits, Plan, patches_of
from workbench.sweeps.score import Reading, Scores, all_single, classes_of, log_likelihoods
from workbench.sweeps.slots import Pack, block_size, too_long, trees_tried

CONFIGURATIONS = 64
"""Most configurations in one run."""


class Suffix:
    """The engine of any positions and sites, where a model can start at a layer."""

    def refusal(
        self, model: LanguageModel, readings: Sequence[Reading], configurations: Sequence[Configuration]
    ) -> str | None:
        """Why these configurations must be swept naively, or None where suffixes can do it."""
        for configuration in configurations:
            for site, _ in configuration.parts:
                model.check_site(site)
        return too_long(model, readings)

    def runs(
        self, plan: Plan, configurations: Sequence[Configuration]
    ) -> Iterator[tuple[list[int], list[int]]]:
        """Rows of like length, configurations of one kind of row, from the lowest layer up."""
        for rows, mine in suffix_runs(plan.model, plan.items, configurations, plan.limits):
            parts = range(0, max(len(mine), 1), CONFIGURATIONS)
            yield from ((rows, mine[start : start + CONFIGURATIONS]) for start in parts)

    @torch.no_grad()
    def run(
        self, plan: Plan, readings: Sequence[Reading], configurations: Sequence[Configuration], clean: bool
    ) -> list[Scores]:
        """The clean run, and each configuration from where it leaves the clean run."""
        rows = _rows(plan.model, readings, configurations, plan.padding)
        placed = [[rows.place(patch) for patch in patches_of(b)] for b in configurations]
        _look(
            rows,
            [
                p
                for b, those in zip(configurations, placed, strict=True)
                if b.joint == "from_clean"
                for p in those
            ],
        )
        top = plan.model.info.n_layers
        found: list[Scores | None] = [None] * len(configurations)
        h, at = None, 0
        for j in sorted(range(len(configurations)), key=lambda j: _leaves(configurations[j])):
            start = _leaves(configurations[j])
            if start > at:
                h, at = rows.run({}, at, start, h), start
            choices = rows.scores(_go_on(rows, placed[j], h, at, top))
            found[j] = Scores(choices, mean_size(placed[j])[rows.first])
        patched = [scores for scores in found if scores is not None]
        if not clean:
            return patched
        if at < top:
            h = rows.run({}, at, top, h)
        assert h is not None
        return [Scores(rows.scores(h), torch.zeros(len(readings), dtype=torch.float64)), *patched]


def suffix_runs(
    model: LanguageModel, readings: Sequence[Reading], configurations: Sequence[Configuration], limits: Limits
) -> Iterator[tuple[list[int], list[int]]]:
    """Which examples and configurations share a run: rows of like length, one kind of configuration."""
    kinds = [_takes_trees(model, [configuration]) for configuration in configurations]
    order = sorted(range(len(configurations)), key=lambda j: _leaves(configurations[j]))
    for trees in dict.fromkeys(kinds or [_takes_trees(model, [])]):
        mine = [j for j in order if kinds[j] == trees]
        for rows in _batches(readings, trees or forks(model, readings), limits):
            yield rows, mine


def _batches(readings: Sequence[Reading], shared: bool, limits: Limits) -> Iterator[list[int]]:
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
        full = len(batch) == limits.batch_size or (height + rows) * width > limits.token_budget
        if batch and full:
            yield batch
            batch, height = [], 0
        batch.append(i)
        height += rows
    if batch:
        yield batch


def _rows(
    model: LanguageModel,
    readings: Sequence[Reading],
    configurations: Sequence[Configuration],
    padding: Padding,
) -> "Rows":
    if _takes_trees(model, configurations):
        return TreeRows(model, readings)
    if forks(model, readings):
        return ForkedRows(model, readings)
    return PlainRows(model, readings, padding)


def _takes_trees(model: LanguageModel, configurations: Sequence[Configuration]) -> bool:
    stream = all(
        site.component == "resid_post" for configuration in configurations for site, _ in configuration.parts
    )
    return stream and trees_tried(model) is None


def _leaves(configuration: Configuration) -> int:
    """The layer whose input is the last thing that the configuration shares with the clean run.

    A patch of what leaves a layer is put into that; one within a layer needs the layer itself.
    """
    lowest = configuration.parts[0][0].layer
    within = any(site.layer == lowest and site.component != "resid_post" for site, _ in configuration.parts)
    return lowest if within else lowest + 1


def _go_on(rows: "Rows", placements: Sequence[Any], h: "State | None", at: int, top: int) -> "State":
    """From the input of layer `at` to the top, patched."""
    above: dict[Site, Any] = {}
    for placement in placements:
        site = placement.patch.site
        if site.layer < at:
            assert h is not None
            h = placement(h)
        else:
            above[site] = placement
    if at < top:
        return rows.run(above, at, top, h)
    assert h is not None
    return h


def _look(rows: "Rows", placements: Sequence[Any]) -> None:
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
        self.model, self.pack = model, Pack(model, readings, [])
        columns = torch.arange(self.pack.tree.ids.shape[1], device=model.device)
        self.mask = columns < (self.pack.heads + self.pack.blocks)[:, None]
        self.ends = self.pack.heads
        self.first = torch.arange(len(readings))

    def place(self, patch: Patch) -> Placement:
        """The patch in these rows."""
        return Placement(patch, self.mask, self.ends)

    def run(self, hooks: Mapping[Site, Hook], start: int, stop: int, h: Tensor | None) -> Tensor:
        """From the input of one layer to that of another."""
        return self.model.run_tree(self.pack.tree, hooks, start=start, stop=stop, residual=h)

    def scores(self, h: Float[Tensor, "row pos d_model"]) -> list[Tensor]:
        """Scores of the choices of each example."""
        return [of_blocks[0] for of_blocks in self.pack.scores(h)]


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

    def scores(self, h: Float[Tensor, "row pos d_model"]) -> list[Tensor]:
        """Scores of the choices of each example."""
        row, behind, token = (torch.tensor(column) for column in zip(*self.wanted, strict=True))
        states = h[row.to(h.device), (self.ends.cpu()[row] + behind).to(h.device)]
        if (classes := classes_of(self.readings)) is not None:
            return list(classes.scores(states))
        return log_likelihoods(self.model, self.readings, states, token)


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
        """Of each token of each choice: the tail that predicts it or −1 − its prompt, where in it, its id."""
        for row, reading in enumerate(readings):
            for choice in reading.choices:
                self.wanted.append((-1 - row, 0, choice[0]))
                self.wanted += [(len(tails), k, token) for k, token in enumerate(choice[1:])]
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

    def scores(self, h: Both) -> list[Tensor]:
        """Log-likelihoods of the choices of each example, from what leaves the last layer."""
        prompts, tails = h
        last = prompts[:, -1]
        row, behind, token = (torch.tensor(column) for column in zip(*self.wanted, strict=True))
        in_prompt = row < 0
        states = torch.empty(len(row), last.shape[-1], dtype=last.dtype, device=last.device)
        states[in_prompt.to(last.device)] = last[(-1 - row[in_prompt]).to(last.device)]
        here = row[~in_prompt].to(tails.device), behind[~in_prompt].to(tails.device)
        states[~in_prompt.to(last.device)] = tails[here].to(last.device)
        return log_likelihoods(self.model, self.readings, states, token)


def forks(model: LanguageModel, readings: Sequence[Reading]) -> bool:
    """Whether these are run in two parts: choices have something to run, and the model keeps a cache."""
    several = any(len(choice) > 1 for reading in readings for choice in reading.choices)
    return several and model.forked_refused() is None
