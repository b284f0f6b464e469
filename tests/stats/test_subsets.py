"""Intervals for statistics of sets of rows: they hold the truth, and the bootstrap of rows does not."""

import numpy as np
import pytest
import torch
from counts import count
from holding import holds

from workbench.core.errors import InputError
from workbench.measures import debiased_linear_cka
from workbench.stats import jackknife_interval

STATISTICS = {
    "mean": (lambda x: x[:, 0].mean(), 0.0),
    "variance": (lambda x: x[:, 0].var(ddof=1), 1.0),
    "correlation": (lambda x: np.corrcoef(x.T)[0, 1], 0.6),
}


def correlated(rng, n):
    x = rng.normal(size=(n, 2))
    return np.stack([x[:, 0], 0.6 * x[:, 0] + 0.8 * x[:, 1]], axis=1)


@pytest.mark.parametrize("name", STATISTICS)
def test_interval_holds_the_truth_about_as_often_as_it_says(name):
    statistic, truth = STATISTICS[name]
    rng = np.random.default_rng(0)
    rounds, held = count(150, 600), 0
    for _ in range(rounds):
        x = correlated(rng, 150)
        held += holds(jackknife_interval(lambda rows, x=x: statistic(x[rows]), 150), truth)
    assert held / rounds == pytest.approx(0.95, abs=count(0.05, 0.03))


def test_groups_are_left_out_whole():
    rng = np.random.default_rng(1)
    sizes = np.tile([2, 4, 9], 8)
    groups = np.repeat(np.arange(24), sizes).tolist()
    rounds, held, naive = count(150, 600), 0, 0
    for _ in range(rounds):
        x = rng.normal(size=24)[groups] + 0.3 * rng.normal(size=len(groups))
        order = rng.permutation(len(groups))
        shuffled = [groups[i] for i in order]
        held += holds(jackknife_interval(lambda rows, x=x[order]: x[rows].mean(), len(x), shuffled), 0)
        naive += holds(jackknife_interval(lambda rows, x=x[order]: x[rows].mean(), len(x)), 0)
    assert held / rounds == pytest.approx(0.94, abs=count(0.06, 0.035))
    assert naive / rounds < 0.75


def test_the_bootstrap_of_rows_fails_for_cka_and_leaving_out_does_not():
    # A rotation keeps CKA: 4096 dimensions of 100 rows fit into 100 without loss.
    n, d = 100, 4096
    rng = np.random.default_rng(2)
    X, Y = (np.linalg.svd(rng.normal(size=(n, d)), full_matrices=False) for _ in range(2))
    X, Y = (torch.from_numpy(u * s) for u, s, _ in (X, Y))

    def cka(rows):
        return debiased_linear_cka(X[rows], Y[rows])

    draws = count(100, 1000)
    naive = np.quantile([cka(rng.integers(0, n, size=n)) for _ in range(draws)], [0.025, 0.975])
    assert naive[0] > 0.9, "copies match themselves"
    for interval in (
        jackknife_interval(cka, n),
        jackknife_interval(cka, n, groups=[i // 4 for i in range(n)]),
    ):
        assert holds(interval, 0)
        assert abs(interval.estimate) < 0.05 and interval.high - interval.low < 0.4


def test_leaving_out_one_row_at_a_time_is_the_textbook_error_of_a_mean():
    x = np.random.default_rng(3).normal(size=30)
    interval = jackknife_interval(lambda rows: x[rows].mean(), 30, blocks=30)
    half = 2.045230 * x.std(ddof=1) / np.sqrt(30)  # t of 29 degrees of freedom
    assert interval.high - interval.estimate == pytest.approx(half, rel=1e-6)
    assert interval.estimate == x.mean() and interval.n == 30


def test_blocks_keep_groups_whole_and_neighbours_together():
    seen = []
    jackknife_interval(lambda rows: seen.append(set(rows.tolist())) or rows.mean(), 12, blocks=4)
    assert [set(range(12)) - left for left in seen[:4]] == [{0, 1, 2}, {3, 4, 5}, {6, 7, 8}, {9, 10, 11}]
    seen.clear()
    groups = list("aabbbbbbccdd")
    interval = jackknife_interval(
        lambda rows: seen.append(set(rows.tolist())) or rows.mean(), 12, groups, blocks=3
    )
    assert [set(range(12)) - left for left in seen[:-1]] == [{0, 1}, set(range(2, 8)), {8, 9, 10, 11}]
    assert interval.n == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jackknife_interval(np.mean, 1), "at least 2"),
        (lambda: jackknife_interval(np.mean, 9, blocks=1), "at least 2 blocks"),
        (lambda: jackknife_interval(np.mean, 9, groups=["a"]), "1 groups for 9"),
        (lambda: jackknife_interval(lambda rows: np.nan, 9), "the statistic is nan on"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
