"""Out of fold, the flattery of choosing among many is gone; a real gain stays."""

import numpy as np
import pandas as pd
import pytest

from workbench.core.errors import InputError
from workbench.select import choose, crossfit


def table(truth, n=200, layers=16, seed=0, groups=None):
    """Configurations whose true gain in accuracy is `truth` at layer 5 and 0 elsewhere, all independent."""
    rng = np.random.default_rng(seed)
    parts = []
    for layer in (None, *range(layers)):
        p = 0.5 + (truth if layer == 5 else 0.0)
        correct = rng.random(n) < p
        parts.append(
            pd.DataFrame(
                {
                    "example": [f"e{i}" for i in range(n)],
                    "aligner": "clean" if layer is None else "map",
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
    assert np.mean([one.selection_bias for one in found]) > 0.02


def test_a_real_gain_stays_and_every_fold_agrees():
    found = crossfit(table(0.4), "map")
    assert found.choice.layer == 5 and found.agreement == 1.0
    assert found.gain == pytest.approx(0.4, abs=0.1) and abs(found.selection_bias) < 0.03
    assert found.choice == choose(table(0.4), "map")


def test_regret_is_bracketed_by_an_honest_and_a_flattered_best_configuration():
    # Nothing helps: nothing is given up in truth, while the best of sixteen seems to be 5 points better.
    null = [crossfit(table(0.0, seed=seed), "map") for seed in range(12)]
    assert np.mean([one.regret for one in null]) < 0.02 < 0.04 < np.mean([one.regret_at_most for one in null])
    # Margins prefer layer 9, where nothing is gained: 0.4 is given up.
    misled = table(0.4)
    misled.loc[misled.layer == 9, "margin"] += 5
    found = crossfit(misled, "map")
    assert found.choice.layer == 9 and found.regret == pytest.approx(0.4, abs=0.12)
    assert found.regret <= found.regret_at_most
    assert crossfit(table(0.4), "map").regret == 0


def test_regret_by_a_naive_loop():
    data = table(0.05, n=60, layers=4, groups=12)
    found = crossfit(data, "map", folds=3, seed=1)
    names = np.array(sorted(data.group.unique()))
    held = dict(zip(names[np.random.default_rng(1).permutation(12)], np.arange(12) % 3, strict=True))
    wide = data.assign(fold=data.group.map(held).astype(int), layer=data.layer.fillna(-1).astype(int))
    gains, best = 0.0, 0.0
    for fold in range(3):
        inside, outside = wide[wide.fold != fold], wide[wide.fold == fold]
        choice = choose(data[(wide.fold != fold).to_numpy()], "map")
        rights = inside.groupby("layer").correct.mean()
        after = outside.groupby("layer").correct.sum()
        best += after[rights[rights == rights.max()].index].mean() - after[-1]
        gains += after[-1 if choice.layer is None else choice.layer] - after[-1]
    assert found.gain == pytest.approx(gains / 60) and found.regret == pytest.approx((best - gains) / 60)
    assert found.regret_at_most == pytest.approx(
        (wide.groupby("layer").correct.mean().max() - wide[wide.layer < 0].correct.mean()) - gains / 60
    )


def test_folds_tell_how_often_the_very_configuration_was_chosen():
    found = crossfit(table(0.4), "map")
    assert found.same_configuration == 1.0 and found.configurations == {
        "map replace at layer 5, strength 1": 5
    }


def test_groups_stay_whole():
    found = crossfit(table(0.4, groups=10), "map", folds=10)
    assert sum(found.layers.values()) == 10
    with pytest.raises(InputError, match="2 … 10"):
        crossfit(table(0.4, groups=10), "map", folds=11)
