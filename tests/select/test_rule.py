"""The one-standard-error rule: nothing, or the smallest patch, unless more is shown to be better."""

import numpy as np
import pytest

from workbench.core.errors import InputError
from workbench.select import choose, rows_of

N = 400
ITEMS = np.random.default_rng(0).normal(size=N)
"""Margins of the clean run."""
WAVE = np.where(np.arange(N) % 2, 1.0, -1.0)
"""A difference of mean 0 and standard deviation 1, so with a standard error of 1/20."""
ERROR = 1 / np.sqrt(N - 1)


def test_a_gain_within_its_own_error_is_no_reason_to_patch(configuration, sweep_table):
    for gain, chosen in ((0.9 * ERROR, None), (1.1 * ERROR, 3)):
        found = choose(sweep_table((None, ITEMS), (configuration(3), ITEMS + gain + WAVE)), "map")
        assert found.layer == chosen
        assert found.margin_gain == pytest.approx(gain if chosen else 0)


def test_groups_make_that_error_larger(configuration, sweep_table):
    configurations = (None, ITEMS), (configuration(3), ITEMS + 2 * ERROR + WAVE)
    groups = [f"g{i % 20}" for i in range(N)]  # items of a group differ alike
    assert choose(sweep_table(*configurations), "map").layer == 3
    assert choose(sweep_table(*configurations, groups=groups), "map").layer is None


@pytest.mark.parametrize(("more", "strength"), [(0.9 * ERROR, 0.5), (1.1 * ERROR, 1.0)])
def test_a_stronger_patch_must_be_shown_to_be_better(configuration, sweep_table, more, strength):
    # Two strengths weigh ¾ and ¼, which halves both the difference and its error.
    weak, strong = (configuration(2, intervention="interpolate", strength=a) for a in (0.5, 1.0))
    table = sweep_table((None, ITEMS), (strong, ITEMS + 1 + more + WAVE), (weak, ITEMS + 1))
    assert choose(table, "map").strength == strength


def test_of_two_interventions_that_do_alike_the_smaller_patch_is_taken(configuration, sweep_table):
    half, whole = configuration(2, intervention="interpolate", strength=0.5), configuration(2, strength=1.0)
    configurations = (None, ITEMS), (half, ITEMS + 1), (whole, ITEMS + 1)
    assert choose(sweep_table(*configurations), "map").strength == 0.5, "without sizes the strength decides"
    sized = sweep_table(*configurations)
    sized["patch_size"] = np.repeat([0.0, 0.9, 0.1], N)
    assert choose(sized, "map").intervention == "replace"


def test_among_equal_strengths_the_best_layer_is_taken_even_where_others_are_near(configuration, sweep_table):
    layers = [(configuration(i), ITEMS + 1 + 0.01 * (i == 3) + WAVE * (i % 2)) for i in range(6)]
    assert choose(sweep_table((None, ITEMS), *layers), "map").layer == 3


def test_a_lone_peak_loses_to_a_broad_one(configuration, sweep_table):
    gains = [0.0, 0.0, 1.0, 0.0, 0.0, 0.8, 0.9, 0.8]
    layers = [(configuration(i), ITEMS + gain) for i, gain in enumerate(gains)]
    found = choose(sweep_table((None, ITEMS), *layers), "map")
    assert (found.layer, found.margin_gain) == (6, pytest.approx(0.9))
    assert found.smoothed_gain == pytest.approx((0.8 + 2 * 0.9 + 0.8) / 4)


@pytest.mark.parametrize("peak", [0, 7])
def test_a_best_layer_at_an_end_is_found(configuration, sweep_table, peak):
    layers = [(configuration(i), ITEMS + 1 - 0.1 * abs(i - peak)) for i in range(8)]
    assert choose(sweep_table((None, ITEMS), *layers), "map").layer == peak


def test_a_joint_configuration_is_chosen_and_told_from_one_of_its_layers(configuration, sweep_table):
    joint = configuration(1, site="resid_post.1-4", joint="cascade")
    table = sweep_table(
        (None, ITEMS), (configuration(1), ITEMS + 0.2), (configuration(2), ITEMS + 0.2), (joint, ITEMS + 0.9)
    )
    found = choose(table, "map")
    assert found.layer == 1 and found.also["site"] == "resid_post.1-4"
    assert (found.margin_gain, found.smoothed_gain) == (pytest.approx(0.9), pytest.approx(0.9))
    assert found.name == "map replace at resid_post.1-4 (cascade), strength 1"
    assert set(rows_of(table, found).joint) == {"cascade"} and len(rows_of(table, found)) == N


def test_positions_are_told_apart(configuration, sweep_table):
    table = sweep_table(
        (None, ITEMS), (configuration(1), ITEMS + 0.2), (configuration(1, positions="all"), ITEMS + 0.9)
    )
    found = choose(table, "map")
    assert found.also["positions"] == "all" and len(rows_of(table, found)) == N


def test_refits_take_no_part(configuration, sweep_table):
    table = sweep_table((None, ITEMS), (configuration(1), ITEMS + 0.5), (configuration(1, seed=1), ITEMS + 5))
    found = choose(table, "map")
    assert found.margin_gain == pytest.approx(0.5) and found.also["seed"] == 0


def test_two_languages_at_once_are_refused(configuration, sweep_table):
    table = sweep_table((None, ITEMS), (None, ITEMS), (configuration(1), ITEMS))
    with pytest.raises(InputError, match="one language"):
        choose(table, "map")
