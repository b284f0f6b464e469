"""A race keeps what may still be chosen, and what is chosen after it was run on all items."""

import numpy as np
import pandas as pd
import pytest

from workbench.core.errors import InputError
from workbench.select import choose, crossfit, explore
from workbench.select.racing import Items, contenders, race
from workbench.stats import paired_interval, paired_test

LAYERS, STRENGTHS = 12, (0.5, 1.0)


def grid(gain_of, n=100, seed=0, names=("map",)):
    """A sweep table of every configuration on every item, with a given mean gain in margin."""
    rng = np.random.default_rng(seed)
    configurations = pd.DataFrame(
        [
            {"aligner": name, "seed": 0, "intervention": "replace", "site": f"resid_post.{layer}"}
            | {"layer": layer, "positions": "last", "joint": "one", "strength": strength}
            for name in names
            for layer in range(LAYERS)
            for strength in STRENGTHS
        ]
    )
    clean = rng.normal(0, 1, n)
    effect = np.array([gain_of(*row) for row in configurations[["aligner", "layer", "strength"]].to_numpy()])
    gains = effect + rng.normal(0, 0.4, (n, 1)) + rng.normal(0, 0.4, (n, len(effect)))
    return configurations, clean, gains


def table_of(configurations, clean, gains, items):
    about = {"model": "m", "task": "t", "pair": "b-a", "language": "b", "split": "dev", "group": None}
    parts = [pd.DataFrame({"example": items.units, "margin": clean, "aligner": "clean"})]
    for j, names in configurations.iterrows():
        seen = ~np.isnan(gains[:, j])
        rows = pd.DataFrame({"example": np.array(items.units)[seen], "margin": (clean + gains[:, j])[seen]})
        parts.append(rows.assign(**names))
    table = pd.concat(parts, ignore_index=True).assign(**about)
    return table.assign(correct=table.margin > 0)


def raced(configurations, gains, items, folds=5):
    seen, calls = np.full_like(gains, np.nan), []

    def run(rows, columns):
        calls.append((len(rows), len(columns)))
        seen[np.ix_(rows, columns)] = gains[np.ix_(rows, columns)]
        return seen[np.ix_(rows, columns)]

    race(configurations, items, run, folds)
    return seen, calls


def peaked(aligner, layer, strength):
    return 0.6 * strength if layer in (5, 6) else -0.9 * strength


ITEMS = Items([f"i{i}" for i in range(100)], [10 + i for i in range(100)])


def test_the_choice_and_the_crossfit_are_those_of_the_whole_grid_at_less_work():
    for seed in range(5):
        configurations, clean, gains = grid(peaked, seed=seed)
        seen, calls = raced(configurations, gains, ITEMS)
        whole = table_of(configurations, clean, gains, ITEMS)
        short = table_of(configurations, clean, seen, ITEMS)
        assert choose(short, "map", raced=True) == choose(whole, "map")
        before, after = crossfit(whole, "map"), crossfit(short, "map", raced=True)
        assert (after.gain, after.layers, after.configurations) == (
            before.gain,
            before.layers,
            before.configurations,
        )
        assert calls[0] == (20, 24) and [rows for rows, _ in calls] == [20] * 5
        assert calls[-1][1] < 16


def test_what_is_chosen_was_run_on_all_items_with_its_neighbours():
    configurations, clean, gains = grid(peaked)
    seen, _ = raced(configurations, gains, ITEMS)
    found = choose(table_of(configurations, clean, seen, ITEMS), "map", raced=True)
    near = configurations.layer.between(found.layer - 1, found.layer + 1)
    assert not np.isnan(seen[:, near]).any() and np.isnan(seen).any()


def test_nothing_is_run_on_more_items_than_its_race_decided_on():
    configurations, _, gains = grid(lambda aligner, layer, strength: -1.0)
    seen, calls = raced(configurations, gains, ITEMS)
    # All are harmful: after a fifth of the items no patch is left, and the unpatched run goes on alone.
    assert calls[0] == (20, 24) and calls[-1] == (20, 0)
    counts = (~np.isnan(seen)).sum(0)
    assert set(counts) <= {20, 40, 60, 80, 100} and counts.max() < 100


def test_no_patch_is_chosen_where_all_were_dropped():
    configurations, clean, gains = grid(lambda aligner, layer, strength: -1.0)
    seen, _ = raced(configurations, gains, ITEMS)
    table = table_of(configurations, clean, seen, ITEMS)
    assert choose(table, "map", raced=True).layer is None
    assert crossfit(table, "map", raced=True).layers == {None: 5}


def test_aligners_race_apart():
    def gain(aligner, layer, strength):
        return 2.0 if aligner == "strong" else 0.3 if layer == 3 else -1.0

    configurations, clean, gains = grid(gain, names=("strong", "weak"))
    seen, _ = raced(configurations, gains, ITEMS)
    short, whole = (table_of(configurations, clean, values, ITEMS) for values in (seen, gains))
    for name in ("strong", "weak"):
        assert choose(short, name, raced=True) == choose(whole, name)


def test_a_table_with_holes_is_refused_unless_it_was_raced():
    configurations, clean, gains = grid(peaked)
    seen, _ = raced(configurations, gains, ITEMS)
    table = table_of(configurations, clean, seen, ITEMS)
    for function in (choose, crossfit):
        with pytest.raises(InputError, match="every configuration must have the items"):
            function(table, "map")
    with pytest.raises(InputError, match="every configuration must have the items"):
        explore(table)


def test_bands_after_a_race_hold_for_few_items_and_say_how_many():
    configurations, clean, gains = grid(peaked)
    seen, _ = raced(configurations, gains, ITEMS)
    cells = explore(table_of(configurations, clean, seen, ITEMS), raced=True)
    assert list(cells.n) == list((~np.isnan(seen)).sum(0))
    few = cells[cells.n == 20]
    assert ((few.band_high - few.band_low) > 0.3).all()
    right = (clean[:, None] + gains > 0).astype(float) - (clean[:, None] > 0)
    assert np.allclose(cells.gain, [right[~np.isnan(seen[:, j]), j].mean() for j in range(24)])
    assert ((cells.band_low <= cells.gain) & (cells.gain <= cells.band_high)).all()
    assert (cells.beyond_band == ((cells.band_low > 0) | (cells.band_high < 0))).all()
    # Each at its share of 5 % over 24 configurations and 5 stages.
    items, before = ~np.isnan(seen[:, 0]), (clean > 0).astype(float)
    after = (clean + gains[:, 0] > 0).astype(float)
    band = paired_interval(after[items], before[items], None, 1 - 0.05 / (5 * 24))
    assert (cells.band_low[0], cells.band_high[0]) == (band.low, band.high)
    assert cells.p[0] == min(5 * 24 * paired_test(after[items], before[items]), 1)


def test_a_race_that_drops_nothing_leaves_everything_as_it_was():
    configurations, clean, gains = grid(lambda aligner, layer, strength: 0.0)
    table = table_of(configurations, clean, gains, ITEMS)
    pd.testing.assert_frame_equal(explore(table, raced=True), explore(table))
    assert choose(table, "map", raced=True) == choose(table, "map")


def test_stages_have_short_and_long_items_alike_and_keep_groups_whole():
    stage = ITEMS.stages(0)
    assert np.bincount(stage).tolist() == [20] * 5
    means = [np.mean(np.array(ITEMS.lengths)[stage == s]) for s in range(5)]
    assert max(means) - min(means) < 5
    grouped = Items([f"g{i // 2}" for i in range(100)], list(range(100)))
    assert (grouped.stages(0)[::2] == grouped.stages(0)[1::2]).all()
    assert set(Items([f"i{i}" for i in range(19)], [1] * 19).stages(0)) == {0}


def test_the_more_items_were_seen_the_less_may_still_change():
    rng = np.random.default_rng(1)
    smoothed = np.linspace(0.1, 0.6, 40) + rng.normal(0, 0.5, (40, 40))
    kept = [contenders(smoothed, np.arange(40), share) for share in (0.05, 0.5, 1.0)]
    assert kept[0].sum() > kept[1].sum() > kept[2].sum() >= 1
    # With all items seen, those within one standard error of the best are left, as in `choose`.
    behind = smoothed[:, [smoothed.mean(0).argmax()]] - smoothed
    near = behind.mean(0) <= behind.std(0, ddof=1) / np.sqrt(40)
    assert (kept[2] == near).all()
    assert contenders(smoothed[:, :0], np.arange(40), 0.5).tolist() == []
