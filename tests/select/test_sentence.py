"""The sentence says what was found, with its numbers, and claims no more."""

import numpy as np
import pytest

from workbench.select import Choice, decide, verdict_sentence
from workbench.stats import Interval, noninferiority

RIDGE = Choice("ridge", "interpolate", 5, 0.8, 0.5, 0.3)
NOTHING = Choice("ridge", None, None, None, 0.0, 0.0)
GAP = Interval(0.62, 0.5, 0.7, 0.95, 400)


def verdict(n, gained, lost):
    before = np.arange(n) % 2
    after = before.copy()
    after[np.flatnonzero(before == 0)[:gained]] = 1
    after[np.flatnonzero(before == 1)[:lost]] = 0
    return decide(after, before)


def interval(estimate):
    return Interval(estimate, estimate - 0.05, estimate + 0.05, 0.95, 400)


def test_the_whole_sentence():
    before = np.arange(1000) % 2
    after = before.copy()
    after[1] = 0
    found = verdict_sentence(
        verdict(400, 134, 10),
        RIDGE,
        GAP,
        {"mean_shift": interval(0.12), "identity": None},
        noninferiority(after, before, 0.02),
        "English",
    )
    assert found == (
        "helps: patch layer 5 with ridge (interpolate, α = 0.8): +0.31 [0.26, 0.36] of a gap of 0.62; "
        "mean shift +0.12, no patch chosen with identity; "
        "English changes by 0.00 (a loss above 0.02 is ruled out)"
    )


@pytest.mark.parametrize(
    ("counts", "start"),
    [
        ((400, 10, 80), "harms: patch layer 5 with ridge (interpolate, α = 0.8): −0.17 [−0.22, −0.13]"),
        (
            (4000, 15, 15),
            "equivalent within ±0.02: patch layer 5 with ridge (interpolate, α = 0.8): 0.00 [0.00, 0.00]",
        ),
        (
            (100, 8, 5),
            "undecided (minimum detectable gain 0.10): patch layer 5 with ridge (interpolate, α = 0.8): "
            "+0.03 [−0.05, 0.11]",
        ),
    ],
)
def test_each_kind_comes_first(counts, start):
    assert verdict_sentence(verdict(*counts), RIDGE) == start


def test_nothing_chosen_is_said_and_nothing_is_retained():
    before = np.arange(100) % 2
    kept = noninferiority(before, before, 0.02)
    found = verdict_sentence(verdict(100, 0, 0), NOTHING, GAP, {}, kept)
    assert found.endswith("no patch chosen on dev with ridge: 0.00 of a gap of 0.62")


def test_a_gap_that_may_be_none_is_not_told_as_a_size():
    found = verdict_sentence(verdict(100, 8, 5), RIDGE, Interval(0.03, -0.02, 0.08, 0.95, 100))
    assert found.endswith(", no gap shown (+0.03 [−0.02, 0.08])")


def test_a_loss_that_is_not_ruled_out_is_said():
    before = np.arange(60) % 2
    found = verdict_sentence(verdict(100, 8, 5), RIDGE, retention=noninferiority(before, before, 0.02))
    assert found.endswith("; target language changes by 0.00 (a loss above 0.02 is not ruled out)")


def test_a_patch_that_helps_names_its_cost_in_the_same_breath():
    before = np.ones(100)
    after = before.copy()
    after[:15] = 0
    retention = noninferiority(after, before, 0.02)
    found = verdict_sentence(verdict(400, 134, 10), RIDGE, retention=retention, main="English")
    assert found.startswith("helps, at a cost of 15 points in English: patch layer 5")
    assert found.endswith("; English loses 0.15 (a loss above 0.02 is not ruled out)")
    assert verdict_sentence(verdict(400, 10, 80), RIDGE, retention=retention).startswith("harms: ")


@pytest.mark.parametrize(
    ("also", "where"),
    [
        ({"site": "resid_post.5", "joint": "one", "positions": "last"}, "layer 5"),
        ({"site": "mlp_out.5", "joint": "one", "positions": "all"}, "layer 5 (mlp_out) at all tokens"),
        ({"site": "resid_post.5-7", "joint": "from_clean"}, "layers 5-7 jointly (from clean)"),
        (
            {"site": "mlp_out.5+resid_post.5", "joint": "cascade"},
            "mlp_out.5+resid_post.5 jointly (cascade)",
        ),
    ],
)
def test_where_the_patch_goes(also, where):
    choice = Choice("ridge", "interpolate", 5, 0.8, 0.5, 0.3, 0.4, also)
    assert f": patch {where} with ridge (interpolate, α = 0.8): " in verdict_sentence(
        verdict(400, 80, 10), choice
    )
