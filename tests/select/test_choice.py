"""Choosing sees dev alone, reporting sees test alone, and doing nothing may win."""

import numpy as np
import pandas as pd
import pytest

from workbench.core.errors import InputError
from workbench.select import choose, gain_on_test, rows_of


def sweep(split="dev", gains=None, n=100, seed=0):
    """A table with a clean run and, for each (aligner, layer), a run whose margin is moved by a gain."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=n)
    parts = []
    for (aligner, layer), gain in {("clean", None): 0.0, **(gains or {})}.items():
        margin = base + gain
        parts.append(
            pd.DataFrame(
                {
                    "example": [f"{split}-{i}" for i in range(n)],
                    "aligner": aligner,
                    "layer": pd.array([layer] * n, dtype="Int64"),
                    "intervention": pd.array([None if layer is None else "replace"] * n, dtype="string"),
                    "strength": pd.array([None if layer is None else 1.0] * n, dtype="Float64"),
                    "split": split,
                    "group": pd.array([None] * n, dtype="string"),
                    "margin": margin,
                    "correct": pd.array(margin > 0, dtype="boolean"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


GAINS = {("map", 0): 0.1, ("map", 1): 0.5, ("map", 2): 0.2, ("bad", 0): -0.3, ("bad", 1): -0.1}


def test_the_best_layer_on_dev_is_chosen():
    table = sweep(gains=GAINS)
    choice = choose(table, "map")
    assert (choice.layer, choice.intervention, choice.strength) == (1, "replace", 1.0)
    assert choice.margin_gain == pytest.approx(0.5)
    assert len(rows_of(table, choice)) == 100


def test_nothing_is_chosen_where_nothing_helps():
    choice = choose(sweep(gains=GAINS), "bad")
    assert choice.layer is None and choice.margin_gain == 0
    gain = gain_on_test(sweep("test", {}), choice)
    assert (gain.estimate, gain.low, gain.high) == (0, 0, 0)


def test_a_tie_goes_to_the_lower_layer():
    assert choose(sweep(gains={("map", 2): 0.5, ("map", 1): 0.5}), "map").layer == 1


def test_the_gain_on_test_is_paired_whatever_the_order_of_rows():
    choice = choose(sweep(gains=GAINS), "map")
    test = sweep("test", GAINS, seed=1)
    clean, patched = (test[test.aligner == m] for m in ("clean", "map"))
    expected = patched[patched.layer == 1].correct.mean() - clean.correct.mean()
    gain = gain_on_test(test.sample(frac=1, random_state=0), choice)
    assert gain.estimate == pytest.approx(expected)
    assert gain.low > 0
    assert gain_on_test(test, choice, choice).high == 0
    other = choose(sweep(gains={("bad", 0): 0.1}), "bad")
    assert gain_on_test(test, choice, other).estimate > gain.estimate


def test_dev_and_test_are_never_mixed_up():
    dev, test = sweep(gains=GAINS), sweep("test", GAINS)
    choice = choose(dev, "map")
    for call in (lambda: choose(test, "map"), lambda: choose(pd.concat([dev, test]), "map")):
        with pytest.raises(InputError, match="only dev rows"):
            call()
    with pytest.raises(InputError, match="only test rows"):
        gain_on_test(dev, choice)
    with pytest.raises(InputError, match="holds no ridge"):
        choose(dev, "ridge")
