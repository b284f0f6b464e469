"""The choice of a layer on dev, and what it brings on test, once.

Choosing reads dev rows alone, reporting reads test rows alone, and each refuses the other's.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import InputError
from workbench.stats import Interval, paired_interval
from workbench.sweep import BRANCH, CLEAN

NOTHING = 1e-3
"""A mean margin this little above the clean run's is rounding, not a gain (in nats)."""


@dataclass(frozen=True)
class Choice:
    """The branch of one method that dev prefers; without a layer, dev prefers doing nothing."""

    method: str
    intervention: str | None
    layer: int | None
    strength: float | None
    margin_gain: float
    """Mean margin on dev, less that of the clean run: what was maximised."""
    accuracy_gain: float
    """Accuracy on dev, less that of the clean run. Chosen from many, so it flatters."""


def choose(table: pd.DataFrame, method: str) -> Choice:
    """Argmax over the method's branches of the mean log-probability margin on dev.

    The clean run takes part: where nothing is better, nothing is chosen. Ties go to the lower layer.
    """
    _only(table, "dev")
    clean = table[table.method == CLEAN]
    rows = table[table.method == method]
    if clean.empty or rows.empty:
        raise InputError(f"the sweep holds no {'clean run' if clean.empty else method}: run it first")
    means = (
        rows.assign(correct=rows.correct.astype(float))
        .groupby(BRANCH, sort=True)[["margin", "correct"]]
        .mean()
        .reset_index()
        .sort_values(["layer", "intervention", "strength"], kind="stable")
    )
    best = means.iloc[int(means.margin.to_numpy().argmax())]
    margin_gain = float(best.margin - clean.margin.mean())
    if margin_gain <= NOTHING:
        return Choice(method, None, None, None, 0.0, 0.0)
    return Choice(
        method=method,
        intervention=str(best.intervention),
        layer=int(best.layer),
        strength=float(best.strength),
        margin_gain=margin_gain,
        accuracy_gain=float(best.correct - clean.correct.astype(float).mean()),
    )


def rows_of(table: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """The rows of a chosen branch (of the clean run, where nothing was chosen)."""
    if choice.layer is None:
        return table[table.method == CLEAN]
    return table[
        (table.method == choice.method)
        & (table.intervention == choice.intervention)
        & (table.layer == choice.layer)
        & (table.strength == choice.strength)
    ]


def gain_on_test(table: pd.DataFrame, choice: Choice, over: Choice | None = None, seed: int = 0) -> Interval:
    """Accuracy of the choice less that of another (of the clean run), paired over test items."""
    _only(table, "test")
    after = rows_of(table, choice)
    before = table[table.method == CLEAN] if over is None else rows_of(table, over)
    return accuracy_difference(after, before, seed)


def accuracy_difference(after: pd.DataFrame, before: pd.DataFrame, seed: int = 0) -> Interval:
    """Accuracy of one branch less that of another, paired over the items of both."""
    a, b, groups = paired_correct(after, before)
    return paired_interval(a, b, groups, seed=seed)


def paired_correct(
    after: pd.DataFrame, before: pd.DataFrame
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str] | None]:
    """Right (1) or wrong (0) for each item under both branches, and what the items belong to."""
    if not set(after.example) == set(before.example) or after.example.duplicated().any():
        raise InputError("a paired difference needs one branch twice over the same items")
    a = after.set_index("example").correct.astype(float)
    b = before.set_index("example").correct.astype(float).loc[a.index]
    groups = after.group.astype(str).tolist() if after.group.notna().all() else None
    return np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64), groups


def _only(table: pd.DataFrame, split: str) -> None:
    found = sorted(table.split.unique())
    if found != [split]:
        raise InputError(f"only {split} rows belong here, but the table holds {', '.join(found) or 'none'}")
