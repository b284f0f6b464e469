"""Neighbours share their values, ends are treated as all others, and what does not fit is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from workbench.core.errors import InputError
from workbench.select.grid import grid_of, smoothing, standard_errors


def smoothed(configurations, values):
    return smoothing(pd.DataFrame(configurations)) @ np.asarray(values, dtype=float)


def test_a_configuration_weighs_half_and_the_two_nearest_layers_a_quarter(configuration):
    found = smoothed([configuration(i) for i in range(5)], [4, 0, 0, 0, 8])
    assert found == pytest.approx([2, 1, 0, 2, 4])


def test_ends_weigh_as_much_and_average_as_much_as_all_others(configuration):
    weights = smoothing(pd.DataFrame([configuration(i) for i in range(7)]))
    assert np.allclose(weights.sum(1), 1) and np.allclose(np.diag(weights), 0.5)
    assert np.allclose(np.square(weights).sum(1), 0.375)
    noise = np.random.default_rng(0).normal(size=(20_000, 7)) @ weights.T
    share = np.bincount(noise.argmax(1), minlength=7) / 20_000
    assert np.abs(share - 1 / 7).max() < 0.05, "no layer is the best by chance much more often"


def test_layers_and_strengths_are_both_averaged_whatever_the_order_of_rows(configuration):
    places = [(layer, a) for layer in (4, 0, 2, 6) for a in (1.0, 0.25, 0.5)]
    values = np.random.default_rng(1).normal(size=12)
    found = smoothed([configuration(layer, strength=a) for layer, a in places], values)
    table = pd.Series(values, index=pd.MultiIndex.from_tuples(places)).unstack().sort_index()
    four = np.array([[2, 1, 1, 0], [1, 2, 1, 0], [0, 1, 2, 1], [0, 1, 1, 2]]) / 4
    three = np.array([[2, 1, 1], [1, 2, 1], [1, 1, 2]]) / 4
    expected = pd.DataFrame(four @ table.to_numpy() @ three.T, table.index, table.columns).stack()
    assert found == pytest.approx([expected[place] for place in places])


def test_other_interventions_sites_and_joint_configurations_are_no_neighbours(configuration):
    configurations = [
        configuration(0),
        configuration(1),
        configuration(1, intervention="add_mapped"),
        configuration(1, site="mlp_out.1"),
        configuration(1, positions="all"),
        configuration(0, site="resid_post.0-3", joint="cascade"),
        configuration(1, site="resid_post.1-3", joint="cascade"),
    ]
    found = smoothed(configurations, [4, 8, 100, 200, 300, 400, 500])
    assert found == pytest.approx([5, 7, 100, 200, 300, 400, 500])


def test_standard_errors_are_those_of_a_mean_over_items_or_groups():
    x = np.random.default_rng(2).normal(size=(40, 3))
    assert standard_errors(x, np.arange(40)) == pytest.approx(scipy_stats.sem(x, axis=0))
    groups = np.arange(40) % 8
    assert standard_errors(x, groups) == pytest.approx(scipy_stats.sem(x.reshape(5, 8, 3).mean(0), axis=0))
    assert np.isinf(standard_errors(x, np.zeros(40, dtype=int))).all()


def test_the_grid_holds_what_the_rows_hold(configuration, sweep_table):
    table = sweep_table(
        (None, [1, -1, 1]),
        (configuration(0), [2, 2, -2]),
        (configuration(1), [3, -3, 3]),
        groups=["g", "g", None],
    )
    grid = grid_of(table.sample(frac=1, random_state=0))
    where = [grid.where(j)["layer"] for j in range(2)]
    gains = grid.margin_gain[:, np.argsort(where)].sum(0)
    assert sorted(where) == [0, 1] and gains == pytest.approx([1, 2])
    assert grid.accuracy_gain.sum() == 0 and len(grid.unit_names) == 2


def test_generated_answers_have_scores_in_place_of_margins(configuration, sweep_table):
    table = sweep_table((None, [0, 0, 1]), (configuration(0), [1, 0, 1]))
    scored = table.assign(score=table.margin, margin=np.nan)
    assert np.array_equal(grid_of(scored).margin_gain, grid_of(table).margin_gain)
    half = table.assign(margin=table.margin.where(table.aligner == "clean"))
    with pytest.raises(InputError, match="3 of 3 rows of the sweep have no margin"):
        grid_of(half)


def test_a_configuration_without_some_items_is_refused(configuration, sweep_table):
    table = sweep_table((None, [1, -1, 1]), (configuration(0), [2, 2, -2]))
    for broken in (table.iloc[:-1], pd.concat([table, table.iloc[-1:]])):
        with pytest.raises(InputError, match="each once"):
            grid_of(broken)
    with pytest.raises(InputError, match="an item twice"):
        grid_of(pd.concat([table, table.iloc[:1]]))
