"""Robustness of a choice: cross-fitting on dev, refits of the map, and choices frozen before test."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.errors import InputError, StoreError
from workbench.core.settings import FITS
from workbench.core.store import read_json, write_json
from workbench.select.choice import Choice, accuracy_difference, choose, choose_from, grid_for, rows_of
from workbench.select.grid import Floats, Grid, check_split, folds_of
from workbench.sweeps import CLEAN


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
    regret: float = np.nan
    """Accuracy lost against the most accurate configuration, out of fold (see `crossfit`)."""
    regret_at_most: float = np.nan
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


def crossfit(
    table: pd.DataFrame, aligner: str, folds: int = 5, seed: int = 0, raced: bool = False
) -> CrossFit:
    """Choose `folds` times on dev without one fold, and score that fold; groups stay whole.

    Regret is the accuracy lost by the choice compared with the best configuration, which is unknown. Here
    it is the most accurate of all configurations and no patch (the mean over ties) without the fold; both are
    scored on the fold, and the regret is the mean difference over all items. In expectation this is at most
    the true regret. It can be negative, since the choice by margins may be better than one by accuracy.
    `regret_at_most` uses the best configuration on all of dev and is, in expectation, at least the true
    regret. If the two differ much, dev has too few items to estimate the regret. With `raced`, the best
    configuration is one of those that the race ran on all items.
    """
    chosen, grid = choose(table, aligner, raced), grid_for(table, aligner, raced)
    fold = folds_of(grid.unit_names[grid.units].tolist(), folds, seed)
    gain = best = 0.0
    choices: list[Choice] = []
    for held in range(folds):
        inside, outside = grid.take(fold != held), grid.take(fold == held)
        gains, totals = _gains(outside), np.nan_to_num(_gains(inside).sum(1), nan=-np.inf)
        choices.append(choose_from(inside))
        gain += float(gains[_index(grid, choices[-1])].sum())
        best += float(gains[totals == totals.max()].mean(0).sum())
    gain, best = gain / len(fold), best / len(fold)
    return CrossFit(
        choice=chosen,
        gain=gain,
        selection_bias=chosen.accuracy_gain - gain,
        layers=dict(Counter(choice.layer for choice in choices)),
        regret=best - gain,
        regret_at_most=float(np.nanmax(_gains(grid).mean(1))) - gain,
        configurations=dict(Counter(choice.name for choice in choices)),
    )


def _gains(grid: Grid) -> Floats:
    """Configuration × item; the last configuration is no patch."""
    return np.vstack([grid.accuracy_gain.T, np.zeros(len(grid.clean))])


def _index(grid: Grid, choice: Choice) -> int:
    """The row of a choice in `_gains`."""
    return next((j for j in range(len(grid.configurations)) if choice.where == grid.where(j)), -1)


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

    The lowest seed is the map itself; all fits are scored on the same items. None if no patch was chosen.
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


def freeze(choices: Mapping[str, Choice], path: Path, about: Mapping[str, Any]) -> str:
    """Write the choices and the facts about their origin; returns the digest."""
    frozen = {name: asdict(choice) for name, choice in choices.items()}
    return write_json(path, {"about": dict(about), "choices": frozen})


def thaw(path: Path) -> dict[str, Choice]:
    """Read frozen choices and verify their digest."""
    if not path.exists():
        raise InputError(f"no frozen choices at {path}: choose on dev first")
    record = read_json(path)
    try:
        return {name: Choice(**values) for name, values in record["choices"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} holds no frozen choices: {type(error).__name__} {error}") from error
