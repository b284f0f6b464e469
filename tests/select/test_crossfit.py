"""Out of fold, the flattery of choosing among many is gone; a real gain stays."""

import numpy as np
import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.select import choose, crossfit


def table(truth, n=200, layers=16, seed=0, groups=None):
    """Branches whose true gain in accuracy is `truth` at layer 5 and 0 elsewhere, all independent."""
    rng = np.random.default_rng(seed)
    parts = []
    for layer in (None, *range(layers)):
        p = 0.5 + (truth if layer == 5 else 0.0)
        correct = rng.random(n) < p
        parts.append(
            pd.DataFrame(
                {
                    "example": [f"e{i}" for i in range(n)],
                    "method": "clean" if layer is None else "map",
                    "layer": pd.array([layer] * n, dtype="Int64"),
                    "intervention": pd.array([None if layer is None else "replace"] * n, dtype="string"),
                    "strength": pd.array([None if layer is None else 1.0] * n, dtype="Float64"),
                    "split": "dev",
                    "group": pd.array(
                        [None if groups is None else f"g{i % groups}" for i in range(n)], dtype="string"
                    ),
                    "margin": np.where(correct, 1.0, -1.0) + rng.normal(size=n),
                    "correct": pd.array(correct, dtype="boolean"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_where_nothing_helps_the_gain_on_dev_is_optimism():
    found = [crossfit(table(0.0, seed=seed), "map") for seed in range(6)]
    assert np.mean([one.choice.accuracy_gain for one in found]) > 0.05, "the best of sixteen flatters itself"
    assert abs(np.mean([one.gain for one in found])) < 0.03
    assert np.mean([one.optimism for one in found]) > 0.04


def test_a_real_gain_stays_and_every_fold_agrees():
    found = crossfit(table(0.4), "map")
    assert found.choice.layer == 5 and found.agreement == 1.0
    assert found.gain == pytest.approx(0.4, abs=0.1) and abs(found.optimism) < 0.03
    assert found.choice == choose(table(0.4), "map")


def test_groups_stay_whole():
    found = crossfit(table(0.4, groups=10), "map", folds=10)
    assert sum(found.layers.values()) == 10
    with pytest.raises(InputError, match="2 … 10"):
        crossfit(table(0.4, groups=10), "map", folds=11)
