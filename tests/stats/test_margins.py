"""Non-inferiority and equivalence: by their size, their power, and the traps of small samples."""

import numpy as np
import pytest
from counts import count
from scipy import stats as scipy_stats

from workbench.core.errors import InputError
from workbench.stats import equivalence, noninferiority, tango_interval


def binary_pair(rng, n, difference, discordance=0.2):
    """Right-or-wrong items before and after, with a true difference."""
    gain, loss = (discordance + difference) / 2, (discordance - difference) / 2
    kind = rng.choice(4, size=n, p=[gain, loss, 0.5, 0.5 - discordance])
    return np.isin(kind, (0, 2)), np.isin(kind, (1, 2))


def test_on_numbers_it_is_scipys_t_test():
    after, before = np.random.default_rng(0).normal([[0.1], [0.0]], 1, size=(2, 60))
    test = noninferiority(after, before, margin=0.3)
    theirs = scipy_stats.ttest_1samp(after - before, -0.3, alternative="greater")
    assert test.p == pytest.approx(theirs.pvalue)
    assert test.interval.low == pytest.approx(theirs.confidence_interval(0.95).low - 0)
    both = equivalence(after, before, margin=0.3)
    above = scipy_stats.ttest_1samp(after - before, 0.3, alternative="less")
    assert both.p == pytest.approx(max(theirs.pvalue, above.pvalue))


def test_on_right_or_wrong_it_is_tangos_bound():
    after, before = binary_pair(np.random.default_rng(1), 150, 0.02)
    b, c = (after & ~before).sum(), (before & ~after).sum()
    interval = noninferiority(after, before, margin=0.1).interval
    assert (interval.low, interval.high) == (
        tango_interval(150, b, c, 0.9).low,
        tango_interval(150, b, c, 0.9).high,
    )
    assert interval.level == pytest.approx(0.9)


@pytest.mark.parametrize("test", [noninferiority, equivalence])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("level", [0.9, 0.975])
def test_p_and_verdict_agree(test, grouped, level):
    rng = np.random.default_rng(2)
    groups = (np.arange(120) // 4).tolist() if grouped else None
    found = set()
    for round_ in range(60):
        after, before = binary_pair(rng, 120, rng.uniform(-0.15, 0.15))
        if round_ % 2:
            after, before = after + rng.normal(size=120) / 5, before + rng.normal(size=120) / 5
        done = test(after, before, margin=0.1, groups=groups, level=level)
        assert done.holds == (done.p < 1 - level)
        found.add(done.holds)
    assert found == {False, True}


@pytest.mark.parametrize("kind", ["binary", "numbers", "groups"])
def test_at_the_margin_it_claims_as_often_as_it_says(kind):
    rng = np.random.default_rng(3)
    rounds, claimed, within = count(400, 2000), 0, 0
    groups = None
    for _ in range(rounds):
        if kind == "binary":
            after, before = binary_pair(rng, 200, -0.1)
        elif kind == "numbers":
            after, before = rng.normal(-0.1, 1, size=60), np.zeros(60)
        else:
            groups = (np.arange(160) // 4).tolist()
            after, before = np.repeat(rng.normal(-0.1, 1, size=40), 4), np.zeros(160)
        claimed += noninferiority(after, before, 0.1, groups).holds
        within += equivalence(after, before, 0.1, groups).holds
    assert claimed / rounds == pytest.approx(0.05, abs=count(0.03, 0.015))
    assert within <= claimed


def test_items_that_all_stayed_prove_no_more_than_their_number():
    right = np.ones(20)
    assert not noninferiority(right, right, margin=0.02).holds
    assert not equivalence(right, right, margin=0.02).holds
    assert equivalence(np.ones(500), np.ones(500), margin=0.02).holds
    in_groups = noninferiority(right, right, margin=0.02, groups=(np.arange(20) // 2).tolist())
    assert not in_groups.holds and in_groups.interval.low < -0.02


def test_numbers_that_all_stayed_are_equal():
    x = np.linspace(0.1, 0.9, 10)
    assert equivalence(x, x, margin=0.01).holds
    assert not noninferiority(x - 0.5, x, margin=0.01).holds


def test_groups_widen_the_bound():
    rng = np.random.default_rng(4)
    after, before = (np.repeat(x, 5) for x in binary_pair(rng, 40, 0.0))
    alone = noninferiority(after, before, 0.1)
    grouped = noninferiority(after, before, 0.1, (np.arange(200) // 5).tolist())
    assert grouped.interval.low < alone.interval.low and grouped.p > alone.p
    assert (alone.interval.n, grouped.interval.n) == (200, 40)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: noninferiority([1, 0], [1, 1], margin=0), "above 0"),
        (lambda: equivalence([1, 0], [1, 1], margin=float("nan")), "above 0"),
        (lambda: noninferiority([1, 0], [1, 1], margin=0.1, level=0.05), "above 0.5"),
        (lambda: noninferiority([1, 0], [1], margin=0.1), "same items twice"),
        (lambda: noninferiority([1], [1], margin=0.1), "at least two"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
