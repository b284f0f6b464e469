"""Exploration of the whole grid on dev: no choice and no verdict."""

import pandas as pd

from workbench.select.choice import check_split
from workbench.select.grid import grid_of
from workbench.stats import max_t_band, paired_interval
from workbench.sweeps import CONFIGURATION

EXPLORATORY = "exploratory"
_ABOUT = ("model", "task", "pair", "language")


def explore(table: pd.DataFrame, level: float = 0.95, draws: int = 10_000, seed: int = 0) -> pd.DataFrame:
    """One row per configuration of a dev sweep: its gain in accuracy, with two intervals.

    `low` and `high` hold for this configuration alone. `band_low` and `band_high` hold for all configurations
    of the table at once (max-T, see `max_t_band`), `p` is adjusted likewise, and `beyond_band` says whether
    the band leaves 0 out: only there does the grid show an effect of that configuration, and only on dev.
    Every row says `mode = exploratory`: the best cell of a grid is optimistically biased, and none of these
    numbers is a verdict.
    """
    check_split(table, "dev")
    grid = grid_of(table)
    units = None if len(grid.unit_names) == len(grid.units) else grid.units.tolist()
    band = max_t_band(grid.accuracy_gain, units, level, draws, seed)
    alone = [paired_interval(after, grid.clean, units, level) for after in grid.correct.T]
    about = {name: _the_one(table, name) for name in _ABOUT if name in table}
    found = grid.configurations[[name for name in CONFIGURATION if name in grid.configurations]].assign(
        **about,
        split="dev",
        mode=EXPLORATORY,
        gain=band.estimate,
        low=[interval.low for interval in alone],
        high=[interval.high for interval in alone],
        band_low=band.low,
        band_high=band.high,
        p=band.p,
        beyond_band=(band.low > 0) | (band.high < 0),
        margin_gain=grid.margin_gain.mean(0),
        level=level,
        n=band.n,
    )
    order = [*about, *(name for name in found if name not in about)]
    return found[order]


def _the_one(table: pd.DataFrame, name: str) -> str | None:
    values = [str(value) for value in table[name].dropna().unique()]
    return values[0] if len(values) == 1 else None if not values else ", ".join(sorted(values))
