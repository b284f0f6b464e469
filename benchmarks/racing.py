"""What racing on dev changes: the choice, its regret, the share of work, and coverage of the intervals.

Sweeps are drawn whole, so that the choice of the whole grid is known. Each is then raced. Planted grids have
a known effect for each layer and strength. With `--run FOLDER`, items are drawn, with replacement, from the
dev items of a finished run whose configurations did not race; the truth is the mean over these items.

    dropped    studies in which the race dropped what the whole grid chooses
    changed    studies in which the choice differs
    regret     mean margin lost by that
    work       share of the configurations × items that were run
    test       95 % intervals of the choice on 500 new items that hold the true gain
    band       studies whose bands of all cells hold all true gains; of the whole grid beside
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.results import read_table
from workbench.select.choice import Choice, choose_from
from workbench.select.grid import Grid, bands, grid_of
from workbench.select.racing import Items, race
from workbench.stats import paired_interval

FOLDS = 5


def main() -> None:
    """Print a line for each kind of grid."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, action="append", default=[], help="folder of a finished run")
    parser.add_argument("--trials", type=int, default=200, help="drawn sweeps of each kind (default: 200)")
    parser.add_argument("--items", type=int, default=100, help="dev items (default: 100)")
    options = parser.parse_args()
    print("kind                      dropped  changed   regret     work     test     band  (whole)")
    for name, kind in kinds(options.run):
        rows = [trial(kind, options.items, seed) for seed in range(options.trials)]
        means = pd.DataFrame(rows).mean()
        print(
            f"{name:<25} {means.dropped:7.3f}  {means.changed:7.3f}  {means.regret:7.4f}  {means.work:7.3f}"
            f"  {means.test:7.3f}  {means.band:7.3f}  {means.whole_band:7.3f}",
            flush=True,
        )


def trial(kind: "Planted | Resampled", n: int, seed: int) -> dict[str, float]:
    """One sweep, chosen from whole and after a race; test items are drawn anew."""
    rng = np.random.default_rng(seed)
    effect, accuracy = kind.true
    clean, gains = kind.draw(n, rng)
    seen = np.full_like(gains, np.nan)

    def run(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        seen[np.ix_(rows, columns)] = gains[np.ix_(rows, columns)]
        return gains[np.ix_(rows, columns)]

    race(
        kind.configurations,
        Items([str(i) for i in range(n)], rng.integers(20, 90, n).tolist()),
        run,
        FOLDS,
        seed,
    )
    whole, raced = grid(kind.configurations, clean, gains), grid(kind.configurations, clean, seen)
    first, second = index(whole, choose_from(whole)), index(raced, choose_from(raced))
    value = np.append(effect, 0.0)
    test_clean, test = kind.draw(500, rng)
    right, before = np.hstack([test_clean[:, None] + test > 0, (test_clean > 0)[:, None]]), test_clean > 0
    test_interval = paired_interval(right[:, second].astype(float), before.astype(float))
    inside = [
        ((table.band_low <= accuracy) & (accuracy <= table.band_high)).all()
        for table in map(bands, (raced, whole))
    ]
    return {
        "dropped": first >= 0 and bool(np.isnan(seen[:, first]).any()),
        "changed": first != second,
        "regret": value[first] - value[second],
        "work": 1 - float(np.isnan(seen).mean()),
        "test": test_interval.low <= np.append(accuracy, 0.0)[second] <= test_interval.high,
        "band": inside[0],
        "whole_band": inside[1],
    }


def grid(configurations: pd.DataFrame, clean: np.ndarray, gains: np.ndarray) -> Grid:
    """A sweep as `choose_from` takes it; NaN are items that were not run."""
    n = len(clean)
    right = np.where(np.isnan(gains), np.nan, (clean[:, None] + gains > 0).astype(float))
    names = np.array([str(i) for i in range(n)], dtype=object)
    return Grid(configurations, gains, right, (clean > 0).astype(float), np.arange(n), names)


def index(whole: Grid, choice: Choice) -> int:
    """The column of a choice; −1 for no patch."""
    return next((j for j in range(len(whole.configurations)) if choice.where == whole.where(j)), -1)


def kinds(folders: list[Path]) -> Iterator[tuple[str, "Planted | Resampled"]]:
    """The name of each kind of grid, and what draws one."""
    for peak in (0.0, 0.15, 0.5):
        for flat in (False, True):
            yield f"peak {peak:g}, {'flat' if flat else 'harm'} elsewhere", Planted(peak, flat)
    for folder in folders:
        yield folder.name[-24:], Resampled(folder)


class Planted:
    """Layers × strengths whose mean gain in margin has one peak; items vary alike in nearby layers."""

    def __init__(
        self, peak: float, flat: bool, layers: int = 24, strengths: tuple[float, ...] = (0.25, 0.5, 1.0)
    ):
        layer, strength = (values.ravel() for values in np.meshgrid(range(layers), strengths, indexing="ij"))
        self.configurations = pd.DataFrame(
            {
                **{
                    "aligner": "map",
                    "seed": 0,
                    "intervention": "replace",
                    "layer": layer,
                    "strength": strength,
                },
                **{"site": [f"resid_post.{at}" for at in layer], "positions": "last", "joint": "one"},
            }
        )
        self.spread = strength
        bump = np.exp(-(((layer - 0.6 * layers) / 2.0) ** 2))
        harm = 0.0 if flat else -0.8 * (1 - bump) * strength**2
        self.effect = peak * bump * np.sqrt(strength) + harm
        apart, stronger = np.abs(layer[:, None] - layer), np.abs(strength[:, None] - strength)
        self.root = np.linalg.cholesky(0.85**apart * 0.65**stronger + 1e-9 * np.eye(len(layer)))
        self.true = self.truth()

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Margins of some items unpatched, and what each configuration adds to them."""
        clean = rng.normal(0.2, 1.0, n)
        noise = rng.normal(size=(n, len(self.root))) @ self.root.T
        return clean, self.effect + 0.8 * self.spread * noise

    def truth(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean gain in margin and in accuracy, the latter over very many items."""
        clean, gains = self.draw(20_000, np.random.default_rng(99))
        return self.effect, ((clean[:, None] + gains > 0).mean(0) - (clean > 0).mean())


class Resampled:
    """The dev items of one aligner of a finished run, drawn with replacement."""

    def __init__(self, folder: Path):
        sweep = read_table(folder / "sweep.parquet")
        dev = sweep[
            (sweep.split == "dev") & (sweep.language == sweep.language[sweep.aligner != "clean"].iloc[0])
        ]
        known = grid_of(dev, "ridge")
        clean = dev[dev.aligner == "clean"].margin.to_numpy(dtype=float)
        self.configurations, self.clean, self.gains = known.configurations, clean, known.margin_gain
        self.true = self.truth()

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Margins of some items unpatched, and what each configuration adds to them."""
        rows = rng.integers(0, len(self.clean), n)
        return self.clean[rows], self.gains[rows]

    def truth(self) -> tuple[np.ndarray, np.ndarray]:
        """The means over the items of the run."""
        right = (self.clean[:, None] + self.gains > 0).mean(0) - (self.clean > 0).mean()
        return self.gains.mean(0), right


if __name__ == "__main__":
    main()
