"""Simultaneous bands: hold all at once as often as they say, and agree with their p-values."""

import numpy as np
import pytest
from counts import count
from scipy import stats as scipy_stats

from workbench.core.errors import InputError
from workbench.stats import max_t_band, tango_interval


def grid(rng, n, configurations, effect, likeness=0.5):
    """Differences whose configurations go together, with an effect per configuration."""
    noise = np.sqrt(likeness) * rng.normal(size=(n, 1))
    return noise + np.sqrt(1 - likeness) * rng.normal(size=(n, configurations)) + effect


@pytest.mark.parametrize("effect", [0.0, 0.3, 2.0])
def test_all_intervals_hold_at_once_as_often_as_they_say(effect):
    rng = np.random.default_rng(0)
    truth = np.linspace(0, effect, 40)
    rounds, held = count(300, 2000), 0
    for seed in range(rounds):
        band = max_t_band(grid(rng, 60, 40, truth), draws=400, seed=seed)
        held += bool(((band.low <= truth) & (truth <= band.high)).all())
    assert held / rounds == pytest.approx(0.95, abs=count(0.04, 0.02))


@pytest.mark.parametrize(
    ("groups", "down", "up"), [(1, 0.01, 0.01), (1, 0, 0.02), (1, 0.1, 0.3), (2, 0.1, 0.2)]
)
def test_bands_of_right_or_wrong_items_hold_at_once_also_where_few_change(groups, down, up):
    rng = np.random.default_rng(11)
    rounds, held = count(150, 1500), 0
    units = np.repeat(np.arange(100 // groups), groups).tolist() if groups > 1 else None
    for _ in range(rounds):
        own = rng.choice([-1.0, 0.0, 1.0], p=[down, 1 - down - up, up], size=(100 // groups, 60))
        band = max_t_band(np.repeat(own, groups, axis=0), units, draws=300)
        held += bool(((band.low <= up - down) & (up - down <= band.high)).all())
    assert held / rounds >= 0.95 - count(0.04, 0.015)


def test_a_band_keeps_its_width_where_no_item_changed():
    rng = np.random.default_rng(12)
    x = rng.choice([-1.0, 0.0, 1.0], p=[0.05, 0.8, 0.15], size=(100, 30))
    x[:, 3] = 0
    band = max_t_band(x, draws=2000)
    assert band.estimate[3] == 0 and band.p[3] == 1
    assert band.low[3] == pytest.approx(-band.high[3]) and 0.05 < band.high[3] < 0.12
    alone = max_t_band(x[:, :1], draws=20_000)
    exact = tango_interval(100, int((x[:, 0] == 1).sum()), int((x[:, 0] == -1).sum()))
    assert (alone.low[0], alone.high[0]) == pytest.approx((exact.low, exact.high), abs=0.005)


def test_groups_are_what_is_resampled():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(30), 8)
    rounds, held, naive = count(200, 1000), 0, 0
    for seed in range(rounds):
        x = np.repeat(rng.normal(size=(30, 10)), 8, axis=0) + 0.3 * rng.normal(size=(240, 10))
        held += bool((max_t_band(x, groups.tolist(), draws=300, seed=seed).p > 0.05).all())
        naive += bool((max_t_band(x, draws=300, seed=seed).p > 0.05).all())
    assert held / rounds == pytest.approx(0.95, abs=count(0.05, 0.025))
    assert naive / rounds < 0.3


@pytest.mark.parametrize("n", [9, 40])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_band_and_p_agree(n, level):
    rng = np.random.default_rng(2)
    groups = rng.permutation(np.repeat(np.arange(n), rng.integers(1, 5, size=n))).tolist()
    band = max_t_band(
        grid(rng, len(groups), 200, np.linspace(-1.5, 1.5, 200)), groups, level, draws=199, seed=3
    )
    excludes = (band.low > 0) | (band.high < 0)
    assert 0 < excludes.sum() < 200
    assert (excludes == (band.p <= 1 - level + 1e-12)).all()
    assert band.n == n


@pytest.mark.parametrize("n", [9, 40])
def test_band_and_p_agree_for_right_or_wrong_items(n):
    rng = np.random.default_rng(13)
    groups = rng.permutation(np.repeat(np.arange(n), rng.integers(1, 5, size=n))).tolist()
    x = rng.choice([-1.0, 0.0, 1.0], p=[0.05, 0.35, 0.6], size=(len(groups), 80))
    x[:, ::2] *= rng.random(size=x[:, ::2].shape) < 0.2
    band = max_t_band(x, groups, draws=199, seed=3)
    excludes = (band.low > 0) | (band.high < 0)
    assert 0 < excludes.sum() < 80
    assert (excludes == (band.p <= 0.05 + 1e-12)).all()


def scipy_p(x):
    return scipy_stats.permutation_test(
        (x,), np.mean, permutation_type="samples", n_resamples=20_000, vectorized=True, random_state=0
    ).pvalue


def test_one_configuration_is_a_sign_flip_test():
    x = grid(np.random.default_rng(4), 120, 1, 0.2)
    p = max_t_band(x, draws=20_000).p[0]
    assert p == pytest.approx(scipy_p(x[:, 0]), abs=0.01)


def test_copies_of_a_configuration_cost_nothing_and_others_do():
    x = grid(np.random.default_rng(5), 80, 1, 0.4)
    other = np.random.default_rng(6).normal(size=(80, 100))
    alone = max_t_band(x, draws=2000)
    assert max_t_band(np.repeat(x, 50, axis=1), draws=2000).p == pytest.approx(np.repeat(alone.p, 50))
    among = max_t_band(np.hstack([x, other]), draws=2000)
    assert among.p[0] > 3 * alone.p[0]
    assert among.high[0] - among.low[0] > 1.3 * (alone.high[0] - alone.low[0])


def test_configurations_without_variance():
    x = np.zeros((50, 4))
    x[:, 1] = 0.1  # rounding leaves a trace of a spread here
    x[:30, 2] = 1
    band = max_t_band(x, draws=999)
    assert (band.low[[0, 3]] == 0).all() and (band.high[[0, 3]] == 0).all()
    assert (band.p[[0, 3]] == 1).all()
    assert band.low[1] == pytest.approx(0.1) == band.high[1]
    assert band.p[1] == band.p[2] == 1 / 1000
    assert 0 < band.low[2] < 0.6 < band.high[2]


def test_too_few_groups_give_an_infinite_band():
    band = max_t_band([[1.0, 0, 2], [1, 0, 3], [1, 0, 1]])
    assert band.low.tolist() == [-np.inf, 0, -np.inf]
    assert band.p == pytest.approx([1 / 9, 1, 1 / 9], abs=0.5) and band.p.min() > 0.05
    band = max_t_band([[1.0, 0, 1], [1, 0, 1], [1, 0, -1]])
    assert band.low.tolist() == [-1, -1, -1] and band.high.tolist() == [1, 1, 1]


def test_same_seed_same_band_and_chunks_do_not_matter(monkeypatch):
    x = grid(np.random.default_rng(7), 70, 30, 0.1)
    whole = max_t_band(x, draws=1000, seed=8)
    monkeypatch.setattr("workbench.stats.base.CHUNK", 101 * 77)
    parts = max_t_band(x, draws=1000, seed=8)
    assert parts.p.tolist() == whole.p.tolist()
    assert parts.low == pytest.approx(whole.low, abs=1e-12)


@pytest.mark.parametrize(
    ("differences", "message"),
    [
        ([1.0, 2.0], "item × configuration"),
        (np.zeros((5, 0)), "item × configuration"),
        ([[1.0, 2.0]], "at least two items"),
        ([[1.0], [np.inf]], "1 NaN"),
    ],
)
def test_what_makes_no_sense_is_refused(differences, message):
    with pytest.raises(InputError, match=message):
        max_t_band(differences)
