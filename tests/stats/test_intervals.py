"""Intervals against scipy, by their definition, and by how often they hold the truth."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from workbench.errors import InputError
from workbench.stats import mean_interval, paired_interval, wilson_interval


@pytest.mark.parametrize(("k", "n"), [(0, 5), (3, 7), (5, 5), (180, 300), (1, 1000)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_is_scipys(k, n, level):
    ours = wilson_interval(k, n, level)
    theirs = scipy_stats.binomtest(k, n).proportion_ci(level, method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert ours.estimate == k / n


def test_bootstrap_is_scipys_up_to_its_own_noise():
    rng = np.random.default_rng(0)
    after, before = rng.random(200) < 0.7, rng.random(200) < 0.5
    ours = paired_interval(after, before, draws=20_000)
    theirs = scipy_stats.bootstrap(
        (after.astype(float) - before.astype(float),),
        np.mean,
        n_resamples=20_000,
        method="percentile",
        random_state=1,
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)
    assert ours.estimate == pytest.approx(after.mean() - before.mean())


def test_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        interval = mean_interval(rng.normal(0.3, 1, size=80), draws=800, seed=seed)
        held += not interval.excludes(0.3)
    assert 0.89 <= held / 200 <= 0.99


def test_copies_of_an_item_in_one_group_add_no_certainty():
    x = np.random.default_rng(2).normal(size=60)
    alone = mean_interval(x, seed=3)
    copied = mean_interval(np.repeat(x, 10), groups=[i // 10 for i in range(600)], seed=3)
    assert copied.n == alone.n == 60
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high))
    assert mean_interval(np.repeat(x, 10), seed=3).high < alone.high


def test_groups_of_unequal_size_are_weighted_by_their_items():
    interval = mean_interval([1, 1, 1, 0], groups=["a", "a", "a", "b"])
    assert interval.estimate == 0.75
    assert (interval.low, interval.high) == (0, 1)


def test_same_seed_same_interval_and_chunks_do_not_matter(monkeypatch):
    x = np.random.default_rng(4).normal(size=50)
    whole = mean_interval(x, draws=1000, seed=5)
    assert mean_interval(x, draws=1000, seed=5) == whole
    monkeypatch.setattr("workbench.stats.base.CHUNK", 50 * 77)
    assert mean_interval(x, draws=1000, seed=5) == whole


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
