"""The learning curve on planted linear maps: enough, not enough, and the dent where n is near d."""

import numpy as np
import pytest
from analyses.claims.planted import ground, linear_case

from workbench.analyses.claims import CLAIMS
from workbench.analyses.claims.maps import curve, drawn, mean_over_draws, sizes, worst


@pytest.fixture(scope="module")
def case():
    return linear_case(width=32)


def test_the_dent_of_plain_least_squares_is_where_it_must_be(case):
    plain, held = (curve(case, aligner)[0] for aligner in ("least_squares", "ridge"))
    low = worst(plain)
    assert low["d_model"] == low["worst_r2_pairs"] == 32 and low["worst_r2"] < -1
    assert low["dent_pairs"] in (28, 32, 36) and low["dent"] < -0.05
    assert worst(held).get("dent", 0) > -0.02 and held.r2.min() > -0.1
    # On either side of the dent both are alike where pairs are many.
    many = [table[table.n_fit == 800].accuracy.item() for table in (plain, held)]
    assert many[0] == pytest.approx(many[1], abs=0.02)


def test_held_out_fit_is_that_of_a_plain_solver(case):
    table, rows = curve(case, "least_squares")
    study = case.study
    x, y = (study.states.by_language[code][0].numpy() for code in "ba")
    fit, new = study.alignment.split.fit, study.alignment.split.test
    weight = np.linalg.lstsq(x[fit], y[fit], rcond=None)[0]
    left = ((y[new] - x[new] @ weight) ** 2).sum() / ((y[new] - y[new].mean(0)) ** 2).sum()
    assert table[table.n_fit == 800].r2.item() == pytest.approx(1 - left)
    items, targets = (side.numpy() for side in study.items["test"])
    rolled = [np.roll(targets, by, 0) for by in range(16)]
    away = [np.linalg.norm(items @ weight - other, axis=1) for other in rolled]
    assert table[table.n_fit == 800].accuracy.item() == pytest.approx(
        (away[0] < np.min(away[1:], axis=0)).mean()
    )
    assert rows[rows.n_fit == 800].example.is_unique


def test_draws_are_nested_and_all_pairs_are_drawn_once(case):
    found = [(size, draw) for size, draw, _ in drawn(case, "ridge")]
    assert found.count((800, 0)) == 1 and (800, 1) not in found
    assert len({size for size, _ in found}) == len(sizes(800, 32))
    assert {draw for size, draw in found if size == 32} == {0, 1, 2}


def test_an_item_is_right_in_a_share_of_the_draws(case):
    _, rows = curve(case, "ridge")
    few = rows[rows.n_fit == 32]
    mean = mean_over_draws(few)
    assert len(mean) == 400 and set(np.round(mean.correct.astype(float) * 3, 6)) <= {0, 1, 2, 3}
    assert mean.correct.astype(float).mean() == pytest.approx(few.correct.astype(float).mean())


@pytest.mark.parametrize(
    ("claim", "world", "verdict"),
    [
        ("few_pairs", {"width": 32, "items": 2000}, "supported"),
        ("few_pairs_plain", {"width": 32, "items": 2000}, "supported"),
        ("few_pairs_plain", {"width": 300, "items": 500}, "not supported"),  # in the very dent
        ("few_pairs", {"width": 64, "items": 60, "noise": 1.0}, "not decidable"),
        ("few_pairs", {"width": 16, "sentences": 440}, "not decidable"),  # too few to be called many
    ],
)
def test_a_few_hundred_pairs(claim, world, verdict):
    found = CLAIMS[claim].test(ground(linear_case(**world)))
    assert found.verdict == verdict
