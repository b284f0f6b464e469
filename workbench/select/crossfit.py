"""How much of the gain on dev is owed to choosing there, and how sure the choice is."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.errors import InputError
from workbench.select.choice import Choice, choose, rows_of
from workbench.sweep import CLEAN


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

    @property
    def agreement(self) -> float:
        """Share of folds that chose the layer which all of dev chooses."""
        return self.layers.get(self.choice.layer, 0) / sum(self.layers.values())


def crossfit(table: pd.DataFrame, method: str, folds: int = 5, seed: int = 0) -> CrossFit:
    """Choose `folds` times on dev without one fold, and score that fold; groups stay whole."""
    units = table.group.where(table.group.notna(), table.example).astype(str)
    names = np.array(sorted(units.unique()))
    if not 2 <= folds <= len(names):
        raise InputError(f"{folds} folds of {len(names)} items or groups: give 2 … {len(names)}")
    order = np.random.default_rng(seed).permutation(len(names))
    fold_of = dict(zip(names[order], np.arange(len(names)) % folds, strict=True))
    fold = units.map(fold_of).to_numpy()
    gains, layers = [], Counter[int | None]()
    for held in range(folds):
        inside, outside = table[fold != held], table[fold == held]
        choice = choose(inside, method)
        layers[choice.layer] += 1
        after = rows_of(outside, choice).set_index("example").correct.astype(float)
        before = outside[outside.method == CLEAN].set_index("example").correct.astype(float)
        gains += (after - before.loc[after.index]).tolist()
    chosen, gain = choose(table, method), float(np.mean(gains))
    return CrossFit(chosen, gain, chosen.accuracy_gain - gain, dict(layers))
