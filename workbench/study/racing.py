"""The sweep on dev: the whole grid, or a race where that would take too long."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.core.store import read_json, write_json
from workbench.select import Items, race
from workbench.sweeps import CONFIGURATION, Configuration, Plan, seconds_of

RACE = "race.json"
FOLDS = 5
"""Folds of dev, to estimate the selection bias."""

Sweep = Callable[[Sequence[Any], Sequence[Configuration], str], pd.DataFrame]
"""Items, configurations and the name of a step → rows of the unpatched run and of the configurations."""


@dataclass(frozen=True)
class Estimate:
    """What a study takes with the whole grid on dev, and whether its configurations race instead."""

    minutes: float
    budget: float

    @property
    def raced(self) -> bool:
        """Whether the whole grid takes longer than the budget; a budget of 0 always does."""
        return self.minutes > self.budget or self.budget == 0

    @classmethod
    def of(cls, plan: Plan, n_test: int, scored: int, spent: float, budget: float, folder: Path) -> Self:
        """From the counted cost on the measured speed; `scored` configurations are run on test.

        It is kept in the folder, so that a study which is taken up again goes the same way.
        """
        path = folder / RACE
        if not path.exists():
            clean, grid = seconds_of(plan)
            later = (2 * clean + scored * grid / max(len(plan.configurations), 1)) / len(plan.items) * n_test
            minutes = (spent + clean + grid + later) / 60
            write_json(path, {"minutes": round(minutes, 4), "budget": budget})
        kept = read_json(path)
        return cls(kept["minutes"], kept["budget"])


def raced_sweep(
    sweep: Sweep, items: Sequence[Any], configurations: Sequence[Configuration], seed: int
) -> pd.DataFrame:
    """The rows of a race on dev, in the order of a whole sweep."""
    parts: list[pd.DataFrame] = []

    def run(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        step = f"race, stage {len(parts) + 1}: {len(columns)} of {len(configurations)} configurations"
        part = sweep([items[i] for i in rows], [configurations[j] for j in columns], step)
        order = np.array([-1, *columns]).repeat(len(rows))
        parts.append(part.assign(configuration=order, row=np.tile(rows, len(columns) + 1)))
        values = part.score if part.margin.isna().all() else part.margin
        table = values.to_numpy(dtype=float).reshape(len(columns) + 1, len(rows))
        return np.asarray((table[1:] - table[0]).T)

    names = [item.id if item.group is None else item.group for item in items]
    grid = pd.DataFrame([configuration.columns for configuration in configurations])
    race(grid[CONFIGURATION], Items(names, [len(item.prompt) for item in items]), run, FOLDS, seed)
    whole = pd.concat(parts, ignore_index=True).sort_values(["configuration", "row"], kind="stable")
    return whole.drop(columns=["configuration", "row"]).reset_index(drop=True)
