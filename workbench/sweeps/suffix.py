"""Suffixes: the layers below a patch are run once for all configurations, those above once for each.

Nothing below its lowest patched layer can tell a configuration from the clean run. So a batch is carried up
layer
by layer, unpatched; wherever configurations begin, each of them goes on from there to the top by itself. That
takes any positions, any sites and sets of sites, and any backend that can start at a layer.

Rows are trees where a model takes them and only the residual stream is patched: a prompt and behind it all
its choices, each seeing the prompt and itself. Where a backend keeps keys and values, prompts are run once
and choices behind them (see `ForkedRows`). Otherwise every choice has a row of its own, prompt and all.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from workbench.core.types import Site
from workbench.models import LanguageModel
from workbench.models.base import Padding
from workbench.sweeps.naive import Rows, State, TreeRows, batches, choice_rows, forks, look, mean_size
from workbench.sweeps.plan import Configuration, Limits, Plan, patches_of
from workbench.sweeps.score import Reading, Scores
from workbench.sweeps.slots import too_long, trees_tried

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
        look(
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
        for rows in batches(readings, trees or forks(model, readings), limits):
            yield rows, mine


def _rows(
    model: LanguageModel,
    readings: Sequence[Reading],
    configurations: Sequence[Configuration],
    padding: Padding,
) -> Rows:
    if _takes_trees(model, configurations):
        return TreeRows(model, readings)
    return choice_rows(model, readings, padding, shared=True)


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


def _go_on(rows: Rows, placements: Sequence[Any], h: State | None, at: int, top: int) -> State:
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
