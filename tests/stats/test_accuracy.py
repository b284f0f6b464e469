"""The interval of an accuracy: Wilson's for as many items as the items are worth."""

import numpy as np
import pytest
from counts import count
from holding import holds
from scipy.stats import binomtest, norm

from workbench.core.errors import InputError
from workbench.stats import accuracy, wilson_interval

WHICH = np.repeat(np.arange(24), 10)
"""24 paragraphs of 10 items."""


def drawn(rng, rate, likeness, which=WHICH):
    """Right or wrong where a normal variable, correlated within units, is below a bound."""
    shared, own = rng.normal(size=which.max() + 1), rng.normal(size=len(which))
    return np.sqrt(likeness) * shared[which] + np.sqrt(1 - likeness) * own < norm.ppf(rate)


def width(interval):
    return interval.high - interval.low


def test_without_units_it_is_wilsons_and_so_with_units_of_one_item_each():
    correct = np.arange(50) % 3 == 0
    for rate in (correct, np.ones(50), np.zeros(50)):
        assert accuracy(rate, level=0.9) == wilson_interval(int(rate.sum()), 50, 0.9)
        assert accuracy(rate, [str(i) for i in range(50)]) == wilson_interval(int(rate.sum()), 50)


def test_items_of_a_paragraph_that_go_together_are_worth_fewer():
    correct = np.repeat([1, 0], 12)[WHICH].copy()
    rng = np.random.default_rng(0)
    flipped = rng.random(240) < 0.3
    correct[flipped] = 1 - correct[flipped]
    found = accuracy(correct, WHICH)
    plain = wilson_interval(int(correct.sum()), 240)
    assert width(plain) == pytest.approx(0.126, abs=0.001)
    assert width(found) > 0.17 and found.n == 24 and found.estimate == plain.estimate


def test_copies_of_an_item_add_no_certainty():
    alone = np.arange(60) % 3 == 0
    copied = accuracy(np.repeat(alone, 10), [i // 10 for i in range(600)])
    found = accuracy(alone)
    assert (copied.low, copied.high) == pytest.approx((found.low, found.high), abs=0.004)


@pytest.mark.parametrize("right", [0, 1])
def test_all_right_or_all_wrong_counts_units(right):
    found, few = accuracy(np.full(240, right), WHICH), binomtest(24 * right, 24)
    wilson = few.proportion_ci(0.95, method="wilson")
    assert (found.estimate, found.n) == (right, 24)
    assert found.low <= wilson.low and found.high >= wilson.high, "Student's t is wider"
    assert width(found) < 1.1 * (wilson.high - wilson.low)


def test_units_never_make_items_worth_more():
    evenly = np.tile([1, 0], 120)  # as many right in each paragraph: less spread than by chance
    assert width(accuracy(evenly, WHICH)) >= width(accuracy(evenly))


def test_one_unit_says_nothing_of_others():
    found = accuracy([1, 1, 0], ["a", "a", "a"])
    assert (found.estimate, found.low, found.high, found.n) == (pytest.approx(2 / 3), 0, 1, 1)


def test_what_is_neither_right_nor_wrong_is_refused():
    with pytest.raises(InputError, match="right or wrong"):
        accuracy([0.5, 1.0])


@pytest.mark.parametrize(("rate", "likeness"), [(0.5, 0.0), (0.5, 0.2), (0.5, 0.5), (0.75, 0.2), (0.75, 0.5)])
def test_it_holds_the_truth_in_paragraphs(rate, likeness):
    rng, trials = np.random.default_rng(1), count(400, 4000)
    held = sum(holds(accuracy(drawn(rng, rate, likeness), WHICH), rate) for _ in range(trials))
    slack = 2.5 * np.sqrt(0.95 * 0.05 / trials) if trials < 4000 else 0
    print(f"rate {rate}, likeness {likeness}: {held / trials:.3f}")
    assert 0.93 - slack <= held / trials <= 0.97 + slack


def test_raw_counts_would_not():
    rng = np.random.default_rng(2)
    samples = [drawn(rng, 0.5, 0.5) for _ in range(300)]
    assert np.mean([holds(accuracy(one), 0.5) for one in samples]) < 0.8
