"""A sweep table as arrays: items × configurations, and the average over neighbouring layers and strengths."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.core.errors import InputError
from workbench.stats import units_of
from workbench.sweeps import CLEAN, CONFIGURATION

Floats = NDArray[np.float64]
_PLACE = ("site", "layer", "strength")
_ALONE = "one"  # what `joint` says of a configuration of one site


@dataclass(frozen=True)
class Grid:
    """Patched configurations of one sweep and its clean run, over the same items."""

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
        row = self.configurations.iloc[configuration]
        return {name: _plain(row[name]) for name in CONFIGURATION if name in row and not pd.isna(row[name])}


def grid_of(table: pd.DataFrame, aligner: str | None = None) -> Grid:
    """The configurations of one aligner (of all), each over the very items of the clean run."""
    clean = table[table.aligner == CLEAN]
    rows = table[table.aligner != CLEAN] if aligner is None else table[table.aligner == aligner]
    if clean.empty or rows.empty:
        missing = "clean run" if clean.empty else aligner or "patched configuration"
        raise InputError(f"the sweep holds no {missing}: run it first")
    names = pd.Index(clean.example)
    if names.has_duplicates:
        raise InputError("the clean run has an item twice: give one sweep over items of one language")
    keys = [name for name in CONFIGURATION if name in table]
    code = _codes(rows[name] for name in keys)
    item, count = names.get_indexer(rows.example), int(code.max()) + 1
    filled = np.bincount(item * count + code, minlength=len(names) * count) if (item >= 0).all() else 0
    if not np.all(filled == 1):
        raise InputError("every configuration must have the items of the clean run, each once")
    values = "margin" if not pd.concat([clean.margin, rows.margin]).isna().all() else "score"
    numbers = np.empty((len(names), count)), np.empty((len(names), count))
    for into, column in zip(numbers, (values, "correct"), strict=True):
        into[item, code] = _numbers(rows, column)
    mine = units_of(clean.group, clean.example) or clean.example.astype(str).tolist()
    units, unit_names = pd.factorize(np.array(mine, dtype=object))
    return Grid(
        configurations=_described(rows, keys, code),
        margin_gain=numbers[0] - _numbers(clean, values)[:, None],
        correct=numbers[1],
        clean=_numbers(clean, "correct"),
        units=np.asarray(units, dtype=np.intp),
        unit_names=np.asarray(unit_names, dtype=object),
    )


def smoothing(configurations: pd.DataFrame) -> Floats:
    """The weights with which each configuration's value is averaged with those of its neighbours.

    Neighbours differ from it in layer or in strength, and in nothing else; joint configurations have none.
    Along each of the two, a configuration weighs ½ and the two nearest ¼ each: those on either side, and for
    the first and the last the next two inward. So every configuration has the same weight for its own
    value and the same noise reduction. Averaging only over existing neighbours would give the ends a weight
    of ⅔, and the maximum of many null configurations would be at an end too often. With only two values the
    weights are ¾ and ¼.
    """
    place = configurations.assign(_component=_component(configurations))
    family = _codes(place[name] for name in place if name not in (*_PLACE, "patch_size"))
    joint = _joint(configurations)
    layers, strengths = (_codes([configurations[name]]) for name in ("layer", "strength"))
    result = np.eye(len(configurations))
    for along, across in (("layer", strengths), ("strength", layers)):
        weights = np.eye(len(configurations))
        line = _codes(pd.Series(x) for x in (family, across))
        for one in np.unique(line[~joint]):
            members = np.flatnonzero(line == one)
            members = members[np.argsort(configurations[along].to_numpy(dtype=float)[members], kind="stable")]
            weights[np.ix_(members, members)] = _kernel(len(members))
        result = weights @ result
    return np.asarray(result, dtype=np.float64)


def families(configurations: pd.DataFrame) -> NDArray[np.intp]:
    """Configurations that differ in layer and strength alone have one number."""
    place = configurations.assign(_component=_component(configurations))
    where = pd.Series(np.where(_joint(configurations), place.site if "site" in place else "", ""))
    return _codes([*(place[name] for name in place if name not in (*_PLACE, "patch_size")), where])


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
    if n == 1:
        return np.eye(1)
    if n == 2:
        return np.array([[0.75, 0.25], [0.25, 0.75]])
    weights = np.eye(n) / 2 + np.eye(n, k=1) / 4 + np.eye(n, k=-1) / 4
    weights[0, 2] = weights[-1, -3] = 0.25
    return weights


def _joint(configurations: pd.DataFrame) -> NDArray[np.bool_]:
    if "joint" not in configurations:
        return np.zeros(len(configurations), dtype=bool)
    return np.asarray(configurations.joint.fillna(_ALONE) != _ALONE, dtype=bool)


def _component(configurations: pd.DataFrame) -> pd.Series:
    """`resid_post` of `resid_post.3`."""
    if "site" not in configurations:
        return pd.Series("", index=configurations.index)
    return configurations.site.astype(str).str.split(".", n=1).str[0]


def _described(rows: pd.DataFrame, keys: list[str], code: NDArray[np.intp]) -> pd.DataFrame:
    first = np.unique(code, return_index=True)[1]
    configurations = rows[keys].iloc[first].reset_index(drop=True)
    if "patch_size" in rows:
        size = rows.patch_size.to_numpy(dtype=float, na_value=np.nan)
        configurations["patch_size"] = np.bincount(code, size) / np.bincount(code)
    return configurations


def _codes(columns: Iterable[Any]) -> NDArray[np.intp]:
    """Rows that are alike in all columns have one number."""
    found: NDArray[np.intp] | None = None
    for column in columns:
        codes, values = pd.factorize(column, use_na_sentinel=False)
        if found is None:
            found = codes
        elif len(values) > 1:
            found = np.unique(found * len(values) + codes, return_inverse=True)[1]
    assert found is not None
    return found


def _numbers(rows: pd.DataFrame, column: str) -> Floats:
    values = rows[column].to_numpy(dtype=float, na_value=np.nan) if column in rows else np.array([np.nan])
    if not np.isfinite(values).all():
        raise InputError(
            f"{int((~np.isfinite(values)).sum())} of {len(rows)} rows of the sweep have no {column}: "
            "every row needs right or wrong, and a margin (for generated answers a score)"
        )
    return values


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
