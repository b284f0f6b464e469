"""Intervals against scipy, by their definition, and by how often they hold the truth."""

import math

import numpy as np
import pytest
from counts import FULL, count
from holding import holds
from scipy import stats as scipy_stats

from workbench.core.errors import InputError
from workbench.stats import (
    effective_items,
    mean_interval,
    paired_interval,
    paired_test,
    tango_interval,
    unpaired_interval,
    wilson_interval,
)
from workbench.stats.tests import score_bounds


@pytest.mark.parametrize(("k", "n"), [(0, 5), (3, 7), (5, 5), (180, 300), (1, 1000)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_is_scipys(k, n, level):
    ours = wilson_interval(k, n, level)
    theirs = scipy_stats.binomtest(k, n).proportion_ci(level, method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert ours.estimate == k / n


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_without_groups_the_mean_has_students_interval(level):
    x = np.random.default_rng(0).normal(size=23)
    ours, theirs = mean_interval(x, level=level), scipy_stats.ttest_1samp(x, 0).confidence_interval(level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert (ours.estimate, ours.n) == (pytest.approx(x.mean()), 23)


def cr2(x, groups, level=0.95):
    """Bell & McCaffrey's interval for a constant, with the matrices written out."""
    n, labels = len(x), sorted(set(groups))
    ones = np.ones((n, 1))
    hat = ones @ ones.T / n
    sandwich, columns = 0.0, []
    for label in labels:
        mine = np.array([group == label for group in groups])
        values, vectors = np.linalg.eigh(np.eye(mine.sum()) - hat[np.ix_(mine, mine)])
        adjusted = vectors @ np.diag(values**-0.5) @ vectors.T
        weights = (ones[mine].T @ adjusted / n).ravel()
        sandwich += float(weights @ (x[mine] - x.mean())) ** 2
        columns.append((np.eye(n) - hat)[:, mine] @ weights)
    gram = np.array(columns) @ np.array(columns).T
    df = np.trace(gram) ** 2 / np.square(gram).sum()
    half = scipy_stats.t.ppf((1 + level) / 2, df) * np.sqrt(sandwich)
    return x.mean() - half, x.mean() + half


@pytest.mark.parametrize("sizes", [[5, 5, 5, 5], [1, 2, 9, 4, 4, 12], [30, 1, 1]])
def test_with_groups_the_mean_has_the_cluster_robust_interval(sizes):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    x = np.random.default_rng(1).normal(size=len(groups)) + 0.5 * groups
    shuffled = np.random.default_rng(2).permutation(len(x))
    found = mean_interval(x[shuffled], [f"g{g}" for g in groups[shuffled]])
    assert (found.low, found.high) == pytest.approx(cr2(x, groups.tolist()))
    assert found.n == len(sizes)


def test_copies_of_an_item_in_one_group_add_no_certainty():
    x = np.random.default_rng(2).normal(size=60)
    alone = mean_interval(x)
    copied = mean_interval(np.repeat(x, 10), groups=[i // 10 for i in range(600)])
    assert copied.n == alone.n == 60
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high))
    assert mean_interval(np.repeat(x, 10)).high < alone.high


def test_one_item_or_group_says_nothing_of_others():
    assert mean_interval([0.3]).low == -math.inf and mean_interval([1, 2], groups=["a", "a"]).high == math.inf
    only = paired_interval([1, 1, 0], [0, 1, 0], groups=["a", "a", "a"])
    assert (only.low, only.high, only.n) == (-1, 1, 1) and paired_interval([1], [0]).low == -1
    assert paired_test([1, 1, 0], [0, 1, 0], groups=["a", "a", "a"]) == paired_test([1], [0]) == 1


def flips(n, gained, lost):
    """Items of which some became right and some wrong, spread over the data."""
    before = np.random.default_rng(n).permutation(np.arange(n) < n // 2)
    after = before.copy()
    after[np.flatnonzero(~before)[:gained]] = True
    after[np.flatnonzero(before)[:lost]] = False
    return after, before


@pytest.mark.parametrize(("n", "gained", "lost"), [(40, 0, 0), (60, 7, 1), (300, 40, 25)])
def test_right_or_wrong_items_have_the_score_interval_with_students_t(n, gained, lost):
    found = paired_interval(*flips(n, gained, lost))
    t = scipy_stats.t.ppf(0.975, n - 1)
    assert (found.low, found.high) == pytest.approx(score_bounds(n, gained, lost, t))
    wider, tango = found.high - found.low, tango_interval(n, gained, lost)
    assert 1 < wider / (tango.high - tango.low) < 1.06


def test_groups_that_go_together_are_worth_fewer_items():
    after, before = flips(40, 9, 3)
    tenfold = [np.repeat(x, 10) for x in (after, before)]
    groups = [i // 10 for i in range(400)]
    alone, copied = paired_interval(after, before), paired_interval(*tenfold, groups)
    assert effective_items(*tenfold, groups) == pytest.approx(40, rel=0.03)
    assert effective_items(after, before) == 40
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high), abs=0.005) and copied.n == 40
    p = paired_test(*tenfold, groups)
    assert p == pytest.approx(paired_test(after, before), abs=0.006)
    assert paired_test(*tenfold) < p / 100


def test_groups_without_any_spread_leave_the_items_as_they_are():
    groups = [i % 4 for i in range(40)]
    nothing = paired_interval(np.ones(40), np.ones(40), groups)
    assert nothing.low < -0.05 and nothing.high > 0.05
    alike = paired_interval(np.arange(40) < 4, np.zeros(40), groups)  # one item in each group became right
    assert alike.low < 0 < 0.1 < alike.high, "four groups are four, even where all do alike"


@pytest.mark.parametrize(
    ("n", "gained", "lost"), [(100, 4, 0), (100, 5, 0), (100, 6, 0), (200, 30, 15), (90, 1, 12)]
)
@pytest.mark.parametrize("grouped", [False, True])
def test_the_paired_test_rejects_where_the_interval_leaves_0_out(n, gained, lost, grouped):
    after, before = flips(n, gained, lost)
    groups = [i % 15 for i in range(n)] if grouped else None
    p = paired_test(after, before, groups)
    for level in (0.5, 0.9, 0.95, 0.99):
        assert holds(paired_interval(after, before, groups, level), 0) == (p >= 1 - level)
    numbers = after * 0.7, before * 0.7
    assert holds(paired_interval(*numbers, groups), 0) == (paired_test(*numbers, groups) >= 0.05)


def test_without_groups_the_paired_test_is_mcnemars():
    statistic = (30 - 15) ** 2 / (30 + 15)
    p = paired_test(*flips(20_000, 30, 15))
    assert p == pytest.approx(scipy_stats.chi2.sf(statistic, 1), rel=1e-3)
    assert paired_test([1, 0], [1, 0]) == 1


SIZES = {
    "items": None,
    "ten": [10] * 10,
    "unequal": list(range(1, 20, 2)),
    "twenty": [5] * 20,
    "fifty": [2] * 50,
}
"""Groups of 100 items; more items make each group larger."""
FULL_ONLY = pytest.mark.full
RARE = 0.05
"""With fewer changes than this share of the items, coverage is not what it should be everywhere."""


def coverage(n, gained, lost, sizes, likeness, rounds):
    """How often the interval holds the truth."""
    rng, held = np.random.default_rng(5), 0
    groups = np.arange(n) if sizes is None else np.repeat(np.arange(len(sizes)), np.array(sizes) * n // 100)
    low, high = scipy_stats.norm.ppf(lost), scipy_stats.norm.isf(gained)
    for _ in range(rounds):
        latent = np.sqrt(likeness) * rng.normal(size=groups[-1] + 1)[groups]
        latent += np.sqrt(1 - likeness) * rng.normal(size=n)
        interval = paired_interval(latent > high, latent < low, None if sizes is None else groups.tolist())
        held += holds(interval, gained - lost)
    return held / rounds


@pytest.mark.parametrize("n", [pytest.param(100, marks=FULL_ONLY), 500])
@pytest.mark.parametrize(
    ("groups", "likeness"),
    [
        ("items", 0.0),
        *[("ten", 0.0), ("ten", 0.3), ("unequal", 0.0), ("unequal", 0.3)],
        *[pytest.param(name, r, marks=FULL_ONLY) for name in ("twenty", "fifty") for r in (0.0, 0.3)],
    ],
)
@pytest.mark.parametrize(
    ("gained", "lost"),
    [
        pytest.param(0.015, 0.015, marks=FULL_ONLY),
        pytest.param(0.03, 0.0, marks=FULL_ONLY),
        *[(0.05, 0.05), (0.09, 0.01), (0.2, 0.2), (0.3, 0.1)],
    ],
)
def test_the_paired_interval_holds_the_truth_as_often_as_it_says(n, groups, likeness, gained, lost):
    rounds = count(100, 4000)
    held = coverage(n, gained, lost, SIZES[groups], likeness, rounds)
    print(f"{groups} likeness {likeness:g}, n {n}, {gained:g} gained {lost:g} lost: {100 * held:.1f} %")
    chance = 0.0 if FULL else 3.3 * np.sqrt(0.95 * 0.05 / rounds)
    low, high = 0.935, 0.965
    if gained + lost < RARE:
        low, high = 0.89, 1.0
    elif n * (gained + lost) < 25:
        high = 0.975  # ten changes: few tables are possible
    assert low - chance <= held <= high + chance


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([]), "at least one"),
        (lambda: mean_interval([1.0, float("nan")]), "1 NaN"),
        (lambda: mean_interval([1, 2], groups=["a"]), "1 groups for 2"),
        (lambda: paired_interval([1, 2], [1]), "same items twice"),
        (lambda: wilson_interval(3, 2), "no proportion"),
        (lambda: wilson_interval(1, 2, level=95), "0.95"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_unpaired_is_newcombes_interval_of_two_proportions():
    # Newcombe (1998), method 10, 56/70 against 48/80.
    found = unpaired_interval(wilson_interval(56, 70), wilson_interval(48, 80))
    assert (found.estimate, found.n) == (pytest.approx(0.2), 150)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    turned = unpaired_interval(wilson_interval(48, 80), wilson_interval(56, 70))
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    with pytest.raises(InputError, match=r"different levels: 0\.95 and 0\.9"):
        unpaired_interval(wilson_interval(1, 2), wilson_interval(1, 2, 0.9))


def test_unpaired_holds_the_difference_of_two_gains_at_its_level():
    rng, hits, rounds = np.random.default_rng(0), 0, count(400, 4000)
    for _ in range(rounds):
        gains = []
        for right in (0.5, 0.7):
            before, after = rng.random((2, 150)) < np.array([[0.4], [right]])
            gains.append(paired_interval(after, before))
        hits += holds(unpaired_interval(gains[1], gains[0]), 0.2)
    assert 0.93 <= hits / rounds <= 0.98
