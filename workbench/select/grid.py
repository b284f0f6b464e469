"""A sweep table as arrays (items × configurations), averages over neighbours, and the exploration of dev."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.core.errors import InputError
from workbench.stats import max_t_band, paired_interval, paired_test, units_of
from workbench.sweeps import CLEAN, CONFIGURATION

Floats = NDArray[np.float64]
_PLACE = ["site", "layer", "strength"]
_ABOUT = ("model", "task", "pair", "language")
EXPLORATORY = "exploratory"
STAGES = 5
"""Of a race on dev (see `race`): each adds a fifth of the items."""


@dataclass(frozen=True)
class Grid:
    """Patched configurations of one sweep and its clean run, over the same items.

    After a race, a configuration that was dropped has NaN for the items it was not run on.
    """

    configurations: pd.DataFrame
    """One row per configuration: its columns of `CONFIGURATION`, and the mean `patch_size`."""
    margin_gain: Floats
    """Item × configuration: margin (of generated answers: score) less that of the clean run."""
    correct: Floats
    """Item × configuration: 1 where right."""
    clean: Floats
    """Item: 1 where the clean run is right."""
    units: NDArray[np.intp]
    """Item: number of its group (of itself, where it has none)."""
    unit_names: NDArray[np.object_]

    @property
    def accuracy_gain(self) -> Floats:
        """Item × configuration: 1 where it became right, −1 where it became wrong."""
        return self.correct - self.clean[:, None]

    @property
    def smoothed(self) -> Floats:
        """`margin_gain`, averaged with neighbours (`smoothing`); NaN where one of these was dropped."""
        weights, missing = smoothing(self.configurations).T, np.isnan(self.margin_gain)
        averages = np.nan_to_num(self.margin_gain) @ weights
        averages[missing.astype(float) @ (weights > 0) > 0] = np.nan
        return np.asarray(averages, dtype=np.float64)

    def take(self, items: NDArray[np.bool_]) -> "Grid":
        """The same configurations on some of the items."""
        kept, units = np.unique(self.units[items], return_inverse=True)
        return replace(
            self,
            margin_gain=self.margin_gain[items],
            correct=self.correct[items],
            clean=self.clean[items],
            units=units,
            unit_names=self.unit_names[kept],
        )

    def where(self, configuration: int) -> dict[str, Any]:
        """What `CONFIGURATION` says of a configuration, as plain values; without what is missing."""
        (row,) = self.configurations[CONFIGURATION].iloc[[configuration]].to_dict("records")
        return {str(name): value for name, value in row.items() if not pd.isna(value)}


def grid_of(table: pd.DataFrame, aligner: str | None = None, raced: bool = False) -> Grid:
    """The configurations of one aligner (of all), each over the very items of the clean run.

    With `raced`, a configuration may lack items: a race dropped it before they were run.
    """
    clean = table[table.aligner == CLEAN]
    rows = table[table.aligner != CLEAN] if aligner is None else table[table.aligner == aligner]
    if clean.empty or rows.empty:
        missing = "clean run" if clean.empty else aligner or "patched configuration"
        raise InputError(f"the sweep holds no {missing}: run it first")
    names = pd.Index(clean.example)
    if names.has_duplicates:
        raise InputError("the clean run has an item twice: give one sweep over items of one language")
    code = _codes(rows.reindex(columns=CONFIGURATION))
    item, count = names.get_indexer(rows.example), int(code.max()) + 1
    filled = np.bincount(item * count + code, minlength=len(names) * count) if (item >= 0).all() else 0
    if not np.all(filled == 1) and not (raced and np.all(filled <= 1) and np.any(filled)):
        raise InputError("every configuration must have the items of the clean run, each once")
    values = "margin" if not pd.concat([clean.margin, rows.margin]).isna().all() else "score"
    margin, correct = np.full((2, len(names), count), np.nan)
    margin[item, code], correct[item, code] = _numbers(rows, values), _numbers(rows, "correct")
    groups = units_of(clean.group, clean.example) or clean.example.astype(str).tolist()
    units, unit_names = pd.factorize(np.array(groups, dtype=object))
    return Grid(
        configurations=_described(rows, code),
        margin_gain=margin - _numbers(clean, values)[:, None],
        correct=correct,
        clean=_numbers(clean, "correct"),
        units=np.asarray(units, dtype=np.intp),
        unit_names=np.asarray(unit_names, dtype=object),
    )


def folds_of(units: Sequence[object], folds: int, seed: int) -> NDArray[np.intp]:
    """The fold of each item; the items of a unit are in one. It depends on the units' names alone."""
    names = sorted(set(map(str, units)))
    if not 2 <= folds <= len(names):
        raise InputError(f"{folds} folds of {len(names)} items or groups: give 2 … {len(names)}")
    order = np.random.default_rng(seed).permutation(len(names))
    of_name = {names[unit]: place % folds for place, unit in enumerate(order)}
    return np.array([of_name[str(unit)] for unit in units], dtype=np.intp)


def smoothing(configurations: pd.DataFrame) -> Floats:
    """The weights with which each configuration's value is averaged with those of its neighbours.

    Neighbours differ from it in layer or in strength, and in nothing else; joint configurations have none.
    Along each of the two, a configuration weighs ½ and the two nearest ¼ each: those on either side, and for
    the first and the last the next two inward. So noise is reduced equally everywhere; otherwise the maximum
    of many null configurations would be at an end too often. With only two values the weights are ¾ and ¼.
    """
    table = configurations.assign(family=families(configurations)).reset_index(drop=True)
    single = table[_single(table)]
    result = np.eye(len(table))
    for along, across in (("layer", "strength"), ("strength", "layer")):
        weights = np.eye(len(table))
        for _, line in single.groupby(["family", across], dropna=False):
            members = line.sort_values(along, kind="stable").index.to_numpy(dtype=np.intp)
            weights[np.ix_(members, members)] = _kernel(len(members))
        result = weights @ result
    return np.asarray(result, dtype=np.float64)


def families(configurations: pd.DataFrame) -> NDArray[np.intp]:
    """Configurations that differ in layer and strength alone (joint ones in strength) have one number."""
    component = configurations.site.astype(str).str.partition(".")[0]
    where = component.where(_single(configurations), configurations.site)
    return _codes(configurations.drop(columns=[*_PLACE, "patch_size"], errors="ignore").assign(where=where))


def _single(configurations: pd.DataFrame) -> pd.Series:
    return configurations.joint.isna() | configurations.joint.eq("one")


def standard_errors(values: Floats, units: NDArray[np.intp]) -> Floats:
    """Of the mean of each column over items, which belong together in units; infinite for a single one."""
    count = int(units.max()) + 1
    if count < 2:
        return np.full(values.shape[1], np.inf)
    residuals = values - values.mean(0)
    if count < len(units):
        order = np.argsort(units, kind="stable")
        residuals = np.add.reduceat(residuals[order], np.unique(units[order], return_index=True)[1], axis=0)
    squares = np.square(residuals).sum(0)
    return np.asarray(np.sqrt(count / (count - 1) * squares) / len(values), dtype=np.float64)


def _kernel(n: int) -> Floats:
    if n < 3:
        return np.eye(n) / 2 + 1 / (2 * n)
    weights = np.eye(n) / 2 + np.eye(n, k=1) / 4 + np.eye(n, k=-1) / 4
    weights[0, 2] = weights[-1, -3] = 0.25
    return weights


def _described(rows: pd.DataFrame, code: NDArray[np.intp]) -> pd.DataFrame:
    first = np.unique(code, return_index=True)[1]
    configurations = rows.reindex(columns=CONFIGURATION).iloc[first].reset_index(drop=True)
    if "patch_size" in rows:
        size = rows.patch_size.to_numpy(dtype=float, na_value=np.nan)
        configurations["patch_size"] = np.bincount(code, size) / np.bincount(code)
    return configurations


def _codes(table: pd.DataFrame) -> NDArray[np.intp]:
    """Rows that are alike in all columns have one number."""
    codes = table.apply(lambda column: pd.factorize(column, use_na_sentinel=False)[0])
    return np.asarray(codes.groupby(list(codes)).ngroup(), dtype=np.intp)


def _numbers(rows: pd.DataFrame, column: str) -> Floats:
    values = rows[column].to_numpy(dtype=float, na_value=np.nan) if column in rows else np.array([np.nan])
    if not np.isfinite(values).all():
        raise InputError(
            f"{int((~np.isfinite(values)).sum())} of {len(rows)} rows of the sweep have no {column}: "
            "every row needs right or wrong, and a margin (for generated answers a score)"
        )
    return values


def check_split(table: pd.DataFrame, split: str) -> None:
    """Refuse rows of another split."""
    splits = sorted(table.split.unique())
    if splits != [split]:
        raise InputError(
            f"only {split} rows are accepted here, but the table holds {', '.join(splits) or 'none'}"
        )


def explore(
    table: pd.DataFrame, level: float = 0.95, draws: int = 10_000, seed: int = 0, raced: bool = False
) -> pd.DataFrame:
    """One row per configuration of a dev sweep: its gain in accuracy, with two intervals.

    `low` and `high` hold for this configuration alone. `band_low` and `band_high` hold for all configurations
    of the table at once (max-T, see `max_t_band`), `p` is adjusted likewise, and `beyond_band` says whether
    the band excludes 0. All rows have `mode = exploratory`: the best cell of a grid is optimistically biased,
    and none of these numbers is a verdict.

    With `raced`, configurations may have fewer items, `n`. If any has, all bands are intervals of one
    configuration at 1 − (1 − level) / (`STAGES` × configurations), and `p` is multiplied likewise: they hold
    for all configurations and at all stages at once, so it does not matter when one was dropped, nor why.
    """
    check_split(table, "dev")
    grid = grid_of(table, raced=raced)
    about = {
        name: ", ".join(sorted(map(str, table[name].dropna().unique()))) or None
        for name in _ABOUT
        if name in table
    }
    cells = grid.configurations[CONFIGURATION].assign(**about, split="dev", mode=EXPLORATORY)
    cells = cells.join(bands(grid, level, draws, seed))
    return cells[[*about, *(name for name in cells if name not in about)]]


def bands(grid: Grid, level: float = 0.95, draws: int = 10_000, seed: int = 0) -> pd.DataFrame:
    """The gain of each configuration with its intervals, as in `explore`."""
    raced = bool(np.isnan(grid.margin_gain).any())
    rows = []
    for gains, margins in zip(grid.accuracy_gain.T, grid.margin_gain.T, strict=True):
        items = ~np.isnan(margins)
        units = grid.units[items].tolist()
        n = len(set(units))
        pair = gains[items] + grid.clean[items], grid.clean[items], None if n == len(units) else units
        interval = paired_interval(*pair, level)
        row = {"gain": interval.estimate, "low": interval.low, "high": interval.high, "n": n}
        if raced:
            tests = STAGES * len(grid.configurations)
            band = paired_interval(*pair, 1 - (1 - level) / tests)
            row |= {"band_low": band.low, "band_high": band.high, "p": min(tests * paired_test(*pair), 1.0)}
        rows.append(row | {"margin_gain": margins[items].mean()})
    found = pd.DataFrame(rows)
    if not raced:
        grouped = None if len(grid.unit_names) == len(grid.units) else grid.units.tolist()
        joint = max_t_band(grid.accuracy_gain, grouped, level, draws, seed)
        found = found.assign(gain=joint.estimate, band_low=joint.low, band_high=joint.high, p=joint.p)
    found = found.assign(beyond_band=(found.band_low > 0) | (found.band_high < 0), level=level)
    names = ["gain", "low", "high", "band_low", "band_high", "p", "beyond_band", "margin_gain", "level", "n"]
    return found[names]
