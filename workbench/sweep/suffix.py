"""Suffixes: the layers below a patch are run once for all branches, those above once for each.

Nothing below its lowest patched layer can tell a branch from the clean run. So a batch is carried up layer
by layer, unpatched; wherever branches begin, each of them goes on from there to the top by itself. That
takes any positions, any sites and sets of sites, and any backend that can start at a layer.

Rows are trees where a model takes them and only the residual stream is patched: a prompt and behind it all
its choices, each seeing the prompt and itself. Otherwise every choice has a row of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.errors import InputError
from workbench.intervene import Placement
from workbench.models import Hook, LanguageModel
from workbench.models.base import Padding
from workbench.progress import Progress, silent
from workbench.sweep.naive import Scores, branch_table, mean_size, patches_of
from workbench.sweep.plan import Branch
from workbench.sweep.score import Reading, all_single, read_examples
from workbench.sweep.slots import LOGITS, Limits, Pack, block_size, too_long, trees_tried
from workbench.tasks import Example
from workbench.types import Site


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
    says on which side rows that are no trees are padded.
    """
    if not examples:
        raise InputError(f"no examples of {task} to sweep over")
    readings = read_examples(model, examples)
    facts = {"model": model.info.name, "task": task, "pair": pair}
    limits = Limits(batch_size, token_budget)
    unpatched, patched = suffix_scores(model, readings, branches, limits, padding, progress)
    tables = [branch_table(readings, None, unpatched, facts)] if clean else []
    tables += [branch_table(readings, b, s, facts) for b, s in zip(branches, patched, strict=True)]
    if not tables:
        raise InputError(f"nothing to sweep over {task}: no branches, and no clean run")
    return pd.concat(tables, ignore_index=True)


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
        for rows in _batches(readings, trees, limits):
            yield rows, mine


def _batches(readings: Sequence[Reading], trees: bool, limits: Limits) -> Iterator[list[int]]:
    single = all_single(readings)

    def shape(reading: Reading) -> tuple[int, int]:
        """Its rows, and how long they are."""
        if trees:
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
    rows: Rows = (
        TreeRows(model, readings) if _takes_trees(model, branches) else PlainRows(model, readings, padding)
    )
    placed = [[Placement(patch, rows.mask, rows.ends) for patch in patches_of(b)] for b in branches]
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


def _go_on(
    rows: "Rows", placements: Sequence[Placement], h: Tensor | None, at: int, top: int
) -> Float[Tensor, "row pos d_model"]:
    """From the input of layer `at` to the top, patched."""
    above: dict[Site, Hook] = {}
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


def _look(rows: "Rows", placements: Sequence[Placement]) -> None:
    """Let placements compute their new states in one unpatched run."""
    by_site: dict[Site, list[Placement]] = {}
    for placement in placements:
        by_site.setdefault(placement.patch.site, []).append(placement)

    def looking(those: Sequence[Placement]) -> Hook:
        def hook(h: Tensor) -> None:
            for placement in those:
                placement.look(h)

        return hook

    if by_site:
        stop = 1 + max(site.layer for site in by_site)
        rows.run({site: looking(those) for site, those in by_site.items()}, 0, stop, None)


class Rows(Protocol):
    """What is run: prompts with their choices behind them."""

    mask: Bool[Tensor, "row pos"]
    ends: Int[Tensor, " row"]
    """Where the prompts end."""
    first: Int[Tensor, " example"]
    """The first row of each example."""

    def run(self, hooks: Mapping[Site, Hook], start: int, stop: int, h: Tensor | None) -> Tensor:
        """From the input of one layer to that of another."""

    def scores(self, h: Float[Tensor, "row pos d_model"]) -> list[Tensor]:
        """Log-likelihoods of the choices of each example, from what leaves the last layer."""


class TreeRows:
    """A row for each example, its choices side by side."""

    def __init__(self, model: LanguageModel, readings: Sequence[Reading]):
        self.model, self.pack = model, Pack(model, readings, [])
        columns = torch.arange(self.pack.tree.ids.shape[1], device=model.device)
        self.mask = columns < (self.pack.heads + self.pack.blocks)[:, None]
        self.ends = self.pack.heads
        self.first = torch.arange(len(readings))

    def run(self, hooks: Mapping[Site, Hook], start: int, stop: int, h: Tensor | None) -> Tensor:
        """From the input of one layer to that of another."""
        return self.model.run_tree(self.pack.tree, hooks, start=start, stop=stop, residual=h)

    def scores(self, h: Float[Tensor, "row pos d_model"]) -> list[Tensor]:
        """Log-likelihoods of the choices of each example."""
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

    def run(self, hooks: Mapping[Site, Hook], start: int, stop: int, h: Tensor | None) -> Tensor:
        """From the input of one layer to that of another."""
        return self.model.run(self.batch, hooks=hooks, start=start, stop=stop, residual=h, head=False)

    def scores(self, h: Float[Tensor, "row pos d_model"]) -> list[Tensor]:
        """Log-likelihoods of the choices of each example."""
        row, behind, token = (torch.tensor(column) for column in zip(*self.wanted, strict=True))
        states = h[row.to(h.device), (self.ends.cpu()[row] + behind).to(h.device)]
        parts = []
        step = max(LOGITS // self.model.info.d_vocab, 1)
        for some, tokens in zip(states.split(step), token.split(step), strict=True):
            log_p = self.model.unembed(self.model.final_norm(some[None]))[0].float().log_softmax(-1)
            parts.append(log_p.gather(-1, tokens.to(log_p.device)[:, None])[:, 0].cpu())
        sums = [
            part.sum() for part in torch.cat(parts).split([len(c) for r in self.readings for c in r.choices])
        ]
        return list(torch.stack(sums).split([len(reading.choices) for reading in self.readings]))
