"""Whether measures follow a property of sentences: planted for every measure, and the interval of ρ."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from workbench.measures import METRICS, MORE_METRICS
from workbench.measures.base import confounds
from workbench.stats import rank_interval

ALL = METRICS | MORE_METRICS


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def rho_with_length(metric, seed, good):
    """ρ of a metric with length, where only sentences for which `good` holds are near their translation."""
    X = draw(300, 16, seed=seed)
    length = torch.arange(300) % 20 + 1
    near, anywhere = X + 0.3 * draw(300, 16, seed=100 + seed), draw(300, 16, seed=200 + seed)
    Y = torch.where(good(length)[:, None], near, anywhere)
    scores = metric.by_sentence(X, Y) * (1 if metric.higher_is_better else -1)
    return confounds({metric.name: scores}, {"length": length})[0].rho


@pytest.mark.parametrize("metric", ALL.values(), ids=ALL)
def test_alignment_of_short_sentences_alone_shows_in_every_measure(metric):
    assert np.mean([rho_with_length(metric, seed, lambda n: n <= 10) for seed in range(3)]) < -0.5
    assert np.mean([rho_with_length(metric, seed, lambda n: n > 10) for seed in range(3)]) > 0.5


@pytest.mark.parametrize("metric", ALL.values(), ids=ALL)
def test_alignment_that_does_not_ask_for_length_is_cleared(metric):
    half = torch.arange(300) // 20 % 2 == 0  # as many of each length
    values = [rho_with_length(metric, seed, lambda n: half) for seed in range(8)]
    assert abs(np.mean(values)) < 0.06 and max(map(abs, values)) < 0.2


def test_the_interval_of_a_rank_correlation_holds_it_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's ρ of a normal pair with r = 0.6
    held = []
    for _ in range(1000):
        a, b = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 60).T
        low, high = rank_interval(spearmanr(a, b).statistic, 60, 1.06)
        held.append(low <= truth <= high)
    assert 0.93 < np.mean(held) < 0.97


def test_the_interval_at_its_ends():
    three = confounds({"m": draw(3)}, {"p": draw(3, seed=1)})[0]
    assert three.rho is not None and (three.low, three.high) == (None, None)
    assert rank_interval(-1.0, 30, 1.06) == (-1.0, -1.0)
    low, high = rank_interval(0.0, 100, 1.06)
    assert high == -low == pytest.approx(np.tanh(1.959964 * np.sqrt(1.06 / 97)))
    one = confounds({"m": draw(50)}, {"p": draw(50, seed=1)})[0]
    assert (one.low, one.high) == rank_interval(one.rho, 50, 1.06)
    constant = confounds({"m": torch.ones(9)}, {"p": draw(9)})[0]
    assert (constant.rho, constant.low, constant.high) == (None, None, None)
