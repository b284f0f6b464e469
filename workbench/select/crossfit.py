"""How much of the gain on dev is owed to choosing there, and how sure the choice is."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import InputError
from workbench.select.choice import Choice, choose, choose_from, grid_for
from workbench.select.grid import Floats, Grid

NAN = float("nan")


@dataclass(frozen=True)
class CrossFit:
    """Choices made without a fold of dev, each scored on the fold it has not seen."""

    choice: Choice
    """On all of dev."""
    gain: float
    """Accuracy over the unpatched run, out of fold: dev's estimate without the flattery of choosing."""
    optimism: float
    """Dev gain of the choice less `gain`: what choosing on the very items reported would have added."""
    layers: dict[int | None, int]
    """How often each layer was chosen; None is doing nothing."""
    regret: float = NAN
    """Accuracy given up against the branch that was the most accurate one, out of fold (see `crossfit`)."""
    regret_at_most: float = NAN
    """The same against the best branch in hindsight on all of dev, whose accuracy flatters it."""
    branches: dict[str, int] = field(default_factory=dict)
    """How often each branch was chosen, by `Choice.name`."""

    @property
    def agreement(self) -> float:
        """Share of folds that chose the layer which all of dev chooses."""
        return self.layers.get(self.choice.layer, 0) / sum(self.layers.values())

    @property
    def same_branch(self) -> float:
        """Share of folds that chose the very branch which all of dev chooses."""
        return self.branches.get(self.choice.name, 0) / max(sum(self.branches.values()), 1)


def crossfit(table: pd.DataFrame, aligner: str, folds: int = 5, seed: int = 0) -> CrossFit:
    """Choose `folds` times on dev without one fold, and score that fold; groups stay whole.

    Regret is what the choice gives up against the best branch. Which branch that is, is not known, and to
    look it up on the items that score it flatters it: the best of many null branches is above the rest by
    chance alone. So here it is found as the choice is, without the fold: of all branches and doing nothing,
    the one right most often there (where several tie, their mean). On the fold both are scored, and the
    regret is the difference, averaged over the items. No item counts both for finding and for scoring, so no
    chance is counted as skill; but what is best without the fold may be second best in truth, so in
    expectation this is at most the true regret. It can be negative: margins may find better branches than
    counting right items. `regret_at_most` looks the best up on all of dev and is, in expectation, no less
    than the true regret. Where the two are far apart, dev has too few items to say what was given up.
    """
    chosen, grid = choose(table, aligner), grid_for(table, aligner)
    count = int(grid.units.max()) + 1
    if not 2 <= folds <= count:
        raise InputError(f"{folds} folds of {count} items or groups: give 2 … {count}")
    names = np.sort(grid.unit_names)
    order = np.random.default_rng(seed).permutation(count)
    fold_of = dict(zip(names[order], np.arange(count) % folds, strict=True))
    fold = np.array([fold_of[name] for name in grid.unit_names])[grid.units]
    gain = best = 0.0
    layers, branches = Counter[int | None](), Counter[str]()
    for held in range(folds):
        inside, outside = grid.take(fold != held), grid.take(fold == held)
        choice = choose_from(inside)
        layers[choice.layer] += 1
        branches[choice.name] += 1
        gain += float(_gains(outside)[_index(grid, choice)].sum())
        best += float(_gains(outside)[_best(_gains(inside).sum(1))].mean(0).sum())
    gain, best = gain / len(fold), best / len(fold)
    hindsight = float(_gains(grid).mean(1).max())
    return CrossFit(
        choice=chosen,
        gain=gain,
        optimism=chosen.accuracy_gain - gain,
        layers=dict(layers),
        regret=best - gain,
        regret_at_most=hindsight - gain,
        branches=dict(branches),
    )


def _gains(grid: Grid) -> Floats:
    """Branch × item, with doing nothing as the last branch."""
    return np.vstack([grid.accuracy_gain.T, np.zeros(len(grid.clean))])


def _best(totals: Floats) -> NDArray[np.bool_]:
    return np.asarray(totals == totals.max(), dtype=bool)


def _index(grid: Grid, choice: Choice) -> int:
    """Where `_gains` has a choice."""
    if choice.layer is None:
        return -1
    return next(j for j in range(len(grid.branches)) if choice.where == grid.where(j))
