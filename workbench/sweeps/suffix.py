"""Suffixes: the layers below a patch are run once for all branches, those above once for each.

Nothing below its lowest patched layer can tell a branch from the clean run. So a batch is carried up layer
by layer, unpatched; wherever branches begin, each of them goes on from there to the top by itself. That
takes any positions, any sites and sets of sites, and any backend that can start at a layer.

Rows are trees where a model takes them and only the residual stream is patched: a prompt and behind it all
its choices, each seeing the prompt and itself. Where a backend keeps keys and values, prompts are run once
and choices behind them (see `forked`). Otherwise every choice has a row of its own, prompt and all.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.core.errors import InputError
from workbench.core.progress import Progress, silent
from workbench.core.types import Site
from workbench.intervene import Patch, Placement
from workbench.models import Hook, LanguageModel
from workbench.models.base import Padding
from workbench.sweeps.forked import ForkedRows, forks
from workbench.sweeps.naive import mean_size, patches_of
from workbench.sweeps.plan import Branch
from workbench.sweeps.score import (
    Reading,
    Scores,
    all_single,
    choice_rows,
    classes_of,
    log_likelihoods,
    read_examples,
    table_of,
)
from workbench.sweeps.slots import Limits, Pack, block_size, too_long, trees_tried
from workbench.tasks import Example


def sweep_suffix(
    model: LanguageModel,
    examples: Sequence[Example],
    branches: Sequence[Branch],
    *,
    task: str,
    pair: str,
    clean: bool = True,
    batch_size: int = 64,
    token_budget: int = 8192,
    padding: Padding = "right",
    progress: Progress = silent,
) -> pd.DataFrame:
    """The table of `sweep_naive`, from runs that share the layers below their patches.

    A run has at most `batch_size` examples and `token_budget` tokens (but one example at least). `padding`
    says on which side rows are padded that hold a prompt with one choice each.
    """
    if not examples:
        raise InputError(f"no examples of {task} to sweep over")
    readings = read_examples(model, examples)
    facts = {"model": model.info.name, "task": task, "pair": pair}
    limits = Limits(batch_size, token_budget)
    unpatched, patched = suffix_scores(model, readings, branches, limits, padding, progress)
    parts = [choice_rows(readings, None, unpatched, facts)] if clean else []
    parts += [choice_rows(readings, b, s, facts) for b, s in zip(branches, patched, strict=True)]
    if not parts:
        raise InputError(f"nothing to sweep over {task}: no branches, and no clean run")
    return table_of(parts)


def suffix_can(model: LanguageModel, readings: Sequence[Reading], branches: Sequence[Branch]) -> str | None:
    """Why these branches must be swept naively, or None where suffixes can do it."""
    for branch in branches:
        for site, _ in branch.parts:
            model.check_site(site)
    return too_long(model, readings)


def suffix_scores(
    model: LanguageModel,
    readings: Sequence[Reading],
    branches: Sequence[Branch],
    limits: Limits | None = None,
    padding: Padding = "right",
    progress: Progress = silent,
) -> tuple[Scores, list[Scores]]:
    """The clean run, and each branch."""
    found: list[list[Tensor]] = [[torch.empty(0)] * len(readings) for _ in range(len(branches) + 1)]
    sizes = torch.zeros(len(branches) + 1, len(readings), dtype=torch.float64)
    runs = list(suffix_runs(model, readings, branches, limits or Limits()))
    for done, (rows, mine) in enumerate(runs):
        some, those = [readings[i] for i in rows], [branches[j] for j in mine]
        where = [0, *(j + 1 for j in mine)]
        unpatched, patched = run_suffix(model, some, those, padding)
        assert unpatched is not None
        for j, scores in zip(where, [unpatched, *patched], strict=True):
            sizes[j, torch.tensor(rows)] = scores.sizes
            for i, choices in zip(rows, scores.choices, strict=True):
                found[j][i] = choices
        progress("sweep", done + 1, len(runs))
    by_branch = [Scores(choices, size) for choices, size in zip(found, sizes, strict=True)]
    return by_branch[0], by_branch[1:]


def suffix_runs(
    model: LanguageModel, readings: Sequence[Reading], branches: Sequence[Branch], limits: Limits
) -> Iterator[tuple[list[int], list[int]]]:
    """Which examples and which branches share a run: rows of like length, branches of one kind of row."""
    kinds = [_takes_trees(model, [branch]) for branch in branches]
    order = sorted(range(len(branches)), key=lambda j: _leaves(branches[j]))
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


@torch.no_grad()
def run_suffix(
    model: LanguageModel,
    readings: Sequence[Reading],
    branches: Sequence[Branch],
    padding: Padding = "right",
    clean: bool = True,
) -> tuple[Scores | None, list[Scores]]:
    """One batch: the clean run (with `clean`), and each branch, from where it leaves the clean run."""
    rows = _rows(model, readings, branches, padding)
    placed = [[rows.place(patch) for patch in patches_of(b)] for b in branches]
    _look(
        rows, [p for b, those in zip(branches, placed, strict=True) if b.joint == "from_clean" for p in those]
    )
    top = model.info.n_layers
    found: list[Scores | None] = [None] * len(branches)
    h, at = None, 0
    for j in sorted(range(len(branches)), key=lambda j: _leaves(branches[j])):
        start = _leaves(branches[j])
        if start > at:
            h, at = rows.run({}, at, start, h), start
        found[j] = Scores(rows.scores(_go_on(rows, placed[j], h, at, top)), mean_size(placed[j])[rows.first])
    patched = [scores for scores in found if scores is not None]
    if not clean:
        return None, patched
    if at < top:
        h = rows.run({}, at, top, h)
    assert h is not None
    return Scores(rows.scores(h), torch.zeros(len(readings), dtype=torch.float64)), patched


def _rows(
    model: LanguageModel, readings: Sequence[Reading], branches: Sequence[Branch], padding: Padding
) -> "Rows":
    if _takes_trees(model, branches):
        return TreeRows(model, readings)
    if forks(model, readings):
        return ForkedRows(model, readings)
    return PlainRows(model, readings, padding)


def _takes_trees(model: LanguageModel, branches: Sequence[Branch]) -> bool:
    stream = all(site.component == "resid_post" for branch in branches for site, _ in branch.parts)
    return stream and trees_tried(model) is None


def _leaves(branch: Branch) -> int:
    """The layer whose input is the last thing that the branch shares with the clean run.

    A patch of what leaves a layer is put into that; one within a layer needs the layer itself.
    """
    lowest = branch.parts[0][0].layer
    within = any(site.layer == lowest and site.component != "resid_post" for site, _ in branch.parts)
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
