"""A race on dev: configurations that can hardly be chosen any more are not run on the remaining items."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.select.grid import STAGES, Floats, folds_of, smoothing, standard_errors
from workbench.stats import max_t_band

LEAST = 10
"""Units (items, or groups) of the first stage, at least: fewer say too little to drop anything."""
LEVEL = 0.5
"""Of the simultaneous band at each look. What the whole grid would choose is lost if it lies below the band
here, and is the best in the end: in simulation 1 of 420 was (`benchmarks/racing.py`)."""
DRAWS = 1_000

Indices = NDArray[np.intp]
Run = Callable[[Indices, Indices], Floats]
"""Items and configurations, by number → their gains in margin over the unpatched run, items in rows."""


@dataclass(frozen=True)
class Items:
    """The dev items as a race sees them."""

    units: Sequence[str]
    """The name of each item's group; of the item, where it has none."""
    lengths: Sequence[int]
    """Of the prompts, in whatever unit."""

    @property
    def unit(self) -> Indices:
        """The number of each item's unit."""
        return np.unique(np.array(self.units, dtype=np.str_), return_inverse=True)[1]

    def stages(self, seed: int) -> Indices:
        """The stage of each item: units are dealt out by length, so that each stage has short and long ones.

        All items are in one stage where there are too few units for two of `LEAST`.
        """
        unit = self.unit
        lengths = np.bincount(unit, np.asarray(self.lengths, dtype=float)) / np.bincount(unit)
        count, rng = stage_count(len(lengths)), np.random.default_rng(seed)
        stage = np.empty(len(lengths), dtype=np.intp)
        order = np.argsort(lengths, kind="stable")
        for start in range(0, len(order), count):
            block = order[start : start + count]
            stage[block] = rng.permutation(count)[: len(block)]
        return stage[unit]


def stage_count(n_units: int) -> int:
    """Stages of a race over so many units: one where they are too few."""
    return max(min(STAGES, n_units // LEAST), 1)


def race(configurations: pd.DataFrame, items: Items, run: Run, folds: int, seed: int = 0) -> None:
    """Run all configurations on some of the items, then those that may still be chosen on more of them.

    `choose` is applied to each aligner on all items, and in `crossfit` on all but one fold. A race is run for
    each of these choices, on its own items alone. After each stage it keeps its `contenders`. The next stage
    runs what any race has kept, with the neighbours that its smoothed gain is made of. So whatever a choice
    needs at the end was run on all items.
    """
    stage, fold, unit = items.stages(seed), folds_of(items.units, folds, seed), items.unit
    last, weights = int(stage.max()), smoothing(configurations)
    gains = np.full((len(stage), len(configurations)), np.nan)
    names = configurations.aligner
    kept = {
        (view, name): np.flatnonzero(names == name) for view in (-1, *range(folds)) for name in names.unique()
    }
    for now in range(last + 1):
        candidates = np.unique(np.concatenate(list(kept.values())))
        columns = np.flatnonzero((weights[candidates] > 0).any(0))
        rows = np.flatnonzero(stage == now)
        gains[np.ix_(rows, columns)] = run(rows, columns)
        if now == last:
            return
        for (view, name), mine in kept.items():
            own = fold != view
            seen = own & (stage <= now)
            # What was dropped has no weight in the smoothed gains of what was kept.
            smoothed = np.nan_to_num(gains[seen]) @ weights[mine].T
            kept[view, name] = mine[contenders(smoothed, unit[seen], seen.sum() / own.sum(), seed + now)]


def contenders(smoothed: Floats, units: Indices, share: float, seed: int = 0) -> NDArray[np.bool_]:
    """Which configurations `choose` may still choose once all items are seen, of which these are a `share`.

    A configuration is chosen only where its smoothed gain is at most one standard error behind the best one,
    and the best one is above no patch. The difference d from the leader, on n of N items, will be on all N

        d ± c · se · √(1 − n/N)     and one standard error then is     se · √(n/N)

    with c of a simultaneous band over all configurations (`max_t_band`) at `LEVEL`.
    """
    if smoothed.shape[1] == 0:
        return np.zeros(0, dtype=bool)
    means = smoothed.mean(0)
    best = int(means.argmax())
    groups = np.unique(units, return_inverse=True)[1]
    if groups.max() < 1:
        return np.ones(smoothed.shape[1], dtype=bool)
    none = np.zeros((len(smoothed), 1))
    behind = np.hstack([smoothed[:, [best]] - smoothed, none - smoothed])
    band = max_t_band(behind, groups.tolist(), LEVEL, DRAWS, seed)
    with np.errstate(invalid="ignore"):
        nearest = band.estimate - (band.estimate - band.low) * np.sqrt(1 - share)
    near, above = np.split(nearest, 2)
    error = standard_errors(behind[:, : smoothed.shape[1]], groups)
    return ~((near > error * np.sqrt(share)) | (above > 0))
