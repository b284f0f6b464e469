"""The choice of a configuration on dev (from dev rows only), and its gain on test (from test rows only)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.core.errors import InputError
from workbench.select.grid import Grid, check_split, families, grid_of, standard_errors
from workbench.stats import Interval, accuracy, paired_interval, units_of
from workbench.sweeps import CLEAN, CONFIGURATION, Configuration

NOTHING = 1e-3
"""A mean margin at most this far above that of the clean run (in nats) is treated as rounding."""
_NAMED = ("aligner", "intervention", "layer", "strength")


@dataclass(frozen=True)
class Choice:
    """The configuration of one aligner chosen on dev; `layer` is None if no patch was chosen."""

    aligner: str
    intervention: str | None
    layer: int | None
    """Of a joint configuration, the lowest of its layers."""
    strength: float | None
    margin_gain: float
    """Mean margin on dev, less that of the clean run."""
    accuracy_gain: float
    """Accuracy on dev, less that of the clean run. Optimistically biased, as it was selected as the best."""
    smoothed_gain: float = 0.0
    """`margin_gain`, averaged with neighbouring layers and strengths: what was compared."""
    also: dict[str, Any] = field(default_factory=dict)
    """The other columns of `CONFIGURATION` that name the configuration: site, positions, joint, seed."""

    @property
    def name(self) -> str:
        """The configuration in words: `ridge replace at layer 5, strength 0.8`."""
        if self.layer is None:
            return "nothing"
        joint = self.also.get("joint", "one") != "one"
        where = f"{self.also.get('site')} ({self.also['joint']})" if joint else f"layer {self.layer}"
        return f"{self.aligner} {self.intervention} at {where}, strength {self.strength:g}"

    @property
    def where(self) -> dict[str, Any]:
        """What `CONFIGURATION` says of the configuration."""
        return {name: getattr(self, name) for name in _NAMED} | self.also

    def same_configuration(self, other: "Choice | None") -> bool:
        """Whether both patch the same, or neither does; no other choice is the clean run."""
        if other is None or other.layer is None:
            return self.layer is None
        return self.where == other.where

    def among(self, configurations: Iterable[Configuration]) -> Configuration:
        """The one of these configurations that it names."""
        return next(one for one in configurations if self.where.items() <= one.columns.items())


def choose(table: pd.DataFrame, aligner: str, raced: bool = False) -> Choice:
    """The weakest configuration of an aligner whose margin on dev is within one standard error of the best.

    The measure is the mean log-probability margin (for generated answers the mean score): it distinguishes
    configurations better than accuracy, a count of few changed items.

    1. Each configuration's gain over the clean run is averaged with those of its neighbours in layer and
       strength (see `smoothing`), as a lone peak is mostly chance. Joint configurations have no neighbours.
    2. The best configuration has the largest smoothed gain. If that is no larger than its own standard
       error, or than rounding, no patch is chosen.
    3. One-standard-error rule towards α = 0: all configurations remain whose smoothed gain is below the best
       one's by at most the standard error of that difference, over the same items (or groups). Of these, the
       smallest strength of each patch type is kept, and of patch types the one with the smallest patch
       (mean ‖h′ − h‖ / ‖h‖; without patch sizes in the table, the smallest strength).
    4. Ties are resolved by the largest smoothed gain, then by the lower layer.

    Refits of a map do not take part: only the lowest seed does. With `raced`, neither do configurations that
    a race dropped, or one of whose neighbours it dropped.
    """
    check_split(table, "dev")
    return choose_from(grid_for(table, aligner, raced))


def choose_from(grid: Grid) -> Choice:
    """The rule of `choose`, on configurations of one aligner."""
    smoothed = grid.smoothed
    known = np.asarray(np.isfinite(smoothed).all(0), dtype=np.bool_)
    means = np.where(known, smoothed.mean(0), -np.inf)
    aligner = str(grid.configurations.aligner.iloc[0])
    layer, strength = (grid.configurations[name].to_numpy(dtype=float) for name in ("layer", "strength"))
    # Sums in another order are the same to twelve digits, and then a tie is a tie.
    order = np.lexsort((strength, layer, -np.round(means, 12)))
    best = int(order[0])
    if not known[best] or means[best] <= max(NOTHING, standard_errors(smoothed[:, [best]], grid.units)[0]):
        return Choice(aligner, None, None, None, 0.0, 0.0)
    behind = smoothed[:, [best]] - smoothed
    near = known & (np.round(means[best] - means, 12) <= np.round(standard_errors(behind, grid.units), 12))
    near[best] = True
    chosen = _smallest_patch(grid.configurations, near, order)
    where = grid.where(chosen)
    return Choice(
        aligner=aligner,
        intervention=str(where["intervention"]),
        layer=int(where["layer"]),
        strength=float(where["strength"]),
        margin_gain=float(grid.margin_gain[:, chosen].mean()),
        accuracy_gain=float(grid.accuracy_gain[:, chosen].mean()),
        smoothed_gain=float(means[chosen]),
        also={name: value for name, value in where.items() if name not in _NAMED},
    )


def _smallest_patch(configurations: pd.DataFrame, near: NDArray[np.bool_], order: NDArray[np.intp]) -> int:
    """Of the configurations near the best, the first in order at its intervention's smallest strength."""
    ranked = configurations.assign(family=families(configurations)).iloc[order[near[order]]]
    weakest = ranked.sort_values("strength", kind="stable").drop_duplicates("family")
    weakest = ranked.loc[ranked.index.isin(weakest.index)]
    sized = "patch_size" in weakest and np.isfinite(weakest.patch_size).all()
    return int(weakest.index[int(weakest["patch_size" if sized else "strength"].argmin())])


def grid_for(table: pd.DataFrame, aligner: str, raced: bool = False) -> Grid:
    """The aligner's configurations, without refits."""
    if "seed" in table and (seeds := table.seed[table.aligner == aligner]).nunique() > 1:
        table = table[(table.aligner == CLEAN) | (table.seed == seeds.min())]
    return grid_of(table, aligner, raced)


def rows_of(table: pd.DataFrame, choice: Choice, but: tuple[str, ...] = ()) -> pd.DataFrame:
    """The rows of a configuration (of the clean run if no patch), with any values in the columns `but`."""
    if choice.layer is None:
        return table[table.aligner == CLEAN]
    names = [name for name in CONFIGURATION if name in choice.where and name not in but]
    return table[(table[names] == pd.Series(choice.where)[names]).fillna(False).all(axis=1)]


def gain_on_test(table: pd.DataFrame, choice: Choice, over: Choice | None = None) -> Interval:
    """Accuracy of the choice less that of another (of the clean run), paired over test items.

    If both are the same configuration, the interval is [0, 0].
    """
    check_split(table, "test")
    after = rows_of(table, choice)
    before = table[table.aligner == CLEAN] if over is None else rows_of(table, over)
    if choice.same_configuration(over):
        units = units_of(after.group, after.example)
        return Interval(0.0, 0.0, 0.0, 0.95, len(set(units)) if units else len(after))
    return accuracy_difference(after, before)


def accuracy_of(rows: pd.DataFrame) -> Interval:
    """Accuracy of one configuration, by group where items have groups."""
    return accuracy(rows.correct.astype(float), units_of(rows.group, rows.example))


def accuracy_difference(after: pd.DataFrame, before: pd.DataFrame) -> Interval:
    """Accuracy of one configuration less that of another, paired over the items of both."""
    a, b, groups = paired_correct(after, before)
    return paired_interval(a, b, groups)


def paired_correct(
    after: pd.DataFrame, before: pd.DataFrame
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str] | None]:
    """Right (1) or wrong (0) for each item under both configurations, and what the items belong to."""
    if not set(after.example) == set(before.example) or after.example.duplicated().any():
        raise InputError("a paired difference needs two configurations over the same items")
    a = after.set_index("example").correct.astype(float)
    b = before.set_index("example").correct.astype(float).loc[a.index]
    units = units_of(after.group, after.example)
    return np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64), units
