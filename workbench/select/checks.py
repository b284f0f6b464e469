"""Robustness of a choice: cross-fitting on dev, refits of the map, and choices frozen before test."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.errors import InputError
from workbench.core.settings import FITS
from workbench.core.store import read_json, write_json
from workbench.select.choice import Choice, accuracy_difference, choose, choose_from, grid_for, rows_of
from workbench.select.grid import Floats, Grid, check_split
from workbench.sweeps import CLEAN

# Cross-fitting: the selection bias of the gain on dev, and the stability of the choice.


NAN = float("nan")


@dataclass(frozen=True)
class CrossFit:
    """Choices made without a fold of dev, each scored on the fold it has not seen."""

    choice: Choice
    """On all of dev."""
    gain: float
    """Accuracy over the unpatched run, out of fold: dev's estimate without selection bias."""
    selection_bias: float
    """Selection bias: gain of the choice on dev minus `gain`."""
    layers: dict[int | None, int]
    """How often each layer was chosen; None is no patch."""
    regret: float = NAN
    """Accuracy lost against the most accurate configuration, out of fold (see `crossfit`)."""
    regret_at_most: float = NAN
    """The same against the configuration that is best on all of dev, whose gain is optimistically biased."""
    configurations: dict[str, int] = field(default_factory=dict)
    """How often each configuration was chosen, by `Choice.name`."""

    @property
    def agreement(self) -> float:
        """Share of folds that chose the layer which all of dev chooses."""
        return self.layers.get(self.choice.layer, 0) / sum(self.layers.values())

    @property
    def same_configuration(self) -> float:
        """Share of folds that chose the very configuration which all of dev chooses."""
        return self.configurations.get(self.choice.name, 0) / max(sum(self.configurations.values()), 1)


def crossfit(table: pd.DataFrame, aligner: str, folds: int = 5, seed: int = 0) -> CrossFit:
    """Choose `folds` times on dev without one fold, and score that fold; groups stay whole.

    Regret is the accuracy lost by the choice compared with the best configuration. The best configuration is
    unknown, and selecting it on the items that score it is optimistically biased. Therefore it is selected
    without the fold: the most accurate of all configurations and no patch (the mean over ties). Both are
    scored on the fold, and the regret is the mean difference over all items. As the selected configuration
    may not be the truly best one, in expectation this is at most the true regret. It can be negative, since
    the choice by margins may be better than selection by accuracy. `regret_at_most` uses the best
    configuration on all of dev and is, in expectation, at least the true regret. If the two differ much, dev
    has too few items to estimate the regret.
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
    layers, configurations = Counter[int | None](), Counter[str]()
    for held in range(folds):
        inside, outside = grid.take(fold != held), grid.take(fold == held)
        choice, gains, totals = choose_from(inside), _gains(outside), _gains(inside).sum(1)
        layers[choice.layer] += 1
        configurations[choice.name] += 1
        gain += float(gains[_index(grid, choice)].sum())
        best += float(gains[totals == totals.max()].mean(0).sum())
    gain, best = gain / len(fold), best / len(fold)
    return CrossFit(
        choice=chosen,
        gain=gain,
        selection_bias=chosen.accuracy_gain - gain,
        layers=dict(layers),
        regret=best - gain,
        regret_at_most=float(_gains(grid).mean(1).max()) - gain,
        configurations=dict(configurations),
    )


def _gains(grid: Grid) -> Floats:
    """Configuration × item, with no patch as the last configuration."""
    return np.vstack([grid.accuracy_gain.T, np.zeros(len(grid.clean))])


def _index(grid: Grid, choice: Choice) -> int:
    """Where `_gains` has a choice."""
    if choice.layer is None:
        return -1
    return next(j for j in range(len(grid.configurations)) if choice.where == grid.where(j))


# How much the gain of a chosen configuration varies with the pairs that its map was fitted on.


@dataclass(frozen=True)
class Refits:
    """Gains in accuracy of maps fitted on other random samples of the pairs, on the same test items."""

    itself: float
    """Gain of the map that was chosen and judged."""
    mean: float
    """Over all fits, it among them."""
    sd: float
    """Between fits, n − 1 in the denominator."""
    smallest: float
    largest: float
    n: int
    """Number of fits."""


def refit_spread(table: pd.DataFrame, choice: Choice) -> Refits | None:
    """The gains of the chosen configuration and of its refits, which differ from it in their seed alone.

    The lowest seed is the map itself. All fits are scored on the same items, so that their spread is that of
    the fits and holds no chance of other items; the gain's interval is about items and holds nothing of the
    fits. None where no patch was chosen: then there is no map to refit.
    """
    check_split(table, "test")
    if choice.layer is None:
        return None
    rows, clean = rows_of(table, choice, but=("seed",)), table[table.aligner == CLEAN]
    seeds = sorted(int(seed) for seed in rows.seed.dropna().unique())
    if len(seeds) < FITS:
        raise InputError(
            f"the test sweep holds {len(seeds)} fits of {choice.name}, but their spread needs {FITS}: "
            f"sweep refits of the chosen configuration, seeds {seeds[0] if seeds else 0} and up"
        )
    gains = [accuracy_difference(rows[rows.seed == seed], clean).estimate for seed in seeds]
    return Refits(
        itself=gains[0],
        mean=float(np.mean(gains)),
        sd=float(np.std(gains, ddof=1)),
        smallest=min(gains),
        largest=max(gains),
        n=len(gains),
    )


# Choices on disk before any test item is scored, so that what is reported was fixed beforehand.


def freeze(choices: Mapping[str, Choice], path: Path, about: Mapping[str, Any]) -> str:
    """Write the choices and the facts about their origin; returns the digest."""
    frozen = {name: asdict(choice) for name, choice in choices.items()}
    return write_json(path, {"about": dict(about), "choices": frozen})


def thaw(path: Path) -> dict[str, Choice]:
    """Read frozen choices and verify their digest."""
    if not path.exists():
        raise InputError(f"no frozen choices at {path}: choose on dev first")
    return {name: Choice(**values) for name, values in read_json(path)["choices"].items()}
