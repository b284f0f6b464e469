"""Tango's interval against scipy, published numbers and their definition."""

import numpy as np
import pytest
from holding import holds
from scipy import optimize
from scipy import stats as scipy_stats

from workbench.core.errors import InputError
from workbench.stats import tango_interval
from workbench.stats.tests import score


@pytest.mark.parametrize(
    ("n", "b", "c", "level", "low", "high"),
    [
        (21, 1, 7, 0.95, -0.517, -0.026),  # Fagerland, Lydersen & Laake 2014, airway reactivity
        (618, 28, 25, 0.90, -0.0148, 0.0247),  # R: PropCIs::scoreci.mp(25, 28, 618, 0.90)
    ],
)
def test_tango_as_published(n, b, c, level, low, high):
    interval = tango_interval(n, b, c, level)
    digits = 3 if n == 21 else 4
    assert (round(interval.low, digits), round(interval.high, digits)) == (low, high)
    assert interval.estimate == (b - c) / n


@pytest.mark.parametrize(("n", "b", "c"), [(30, 9, 2), (30, 0, 4), (100, 15, 15)])
@pytest.mark.parametrize("delta", [-0.4, -0.1, 0.0, 0.2, 0.5])
def test_score_uses_the_likeliest_table_with_that_difference(n, b, c, delta):
    def unlikeliness(q):
        return -sum(
            k * np.log(max(p, 1e-300)) for k, p in [(b, q + delta), (c, q), (n - b - c, 1 - 2 * q - delta)]
        )

    bounds = (max(0, -delta), (1 - delta) / 2)
    q = optimize.minimize_scalar(unlikeliness, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    expected = (b - c - n * delta) / np.sqrt(n * (2 * q + delta * (1 - delta)))
    assert score(n, b, c, delta) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("n", "b", "c"), [(10, 3, 1), (50, 0, 7), (500, 60, 20), (4, 4, 0), (7, 0, 0)])
def test_tango_inverts_its_score_and_mirrors(n, b, c):
    interval = tango_interval(n, b, c)
    z = scipy_stats.norm.ppf(0.975)
    grid = np.linspace(-1, 1, 2001)
    inside = np.array([abs(score(n, b, c, delta)) <= z for delta in grid])
    assert ((grid >= interval.low - 1e-9) & (grid <= interval.high + 1e-9) == inside).all()
    mirror = tango_interval(n, c, b)
    assert (mirror.low, mirror.high) == pytest.approx((-interval.high, -interval.low), abs=1e-12)


def test_where_nothing_or_everything_changed():
    none = tango_interval(20, 0, 0)
    z2 = scipy_stats.norm.ppf(0.975) ** 2
    assert (none.low, none.high) == pytest.approx((-z2 / (20 + z2), z2 / (20 + z2)), abs=1e-12)
    every = tango_interval(20, 20, 0)
    assert every.high == every.estimate == 1 and 0.5 < every.low < 1


@pytest.mark.parametrize(("p_gain", "p_loss"), [(0.05, 0.05), (0.12, 0.03), (0.02, 0.0), (0.3, 0.1)])
def test_tango_holds_the_truth_as_often_as_it_says(p_gain, p_loss):
    n, rounds = 80, 4000
    drawn = np.random.default_rng(0).multinomial(n, [p_gain, p_loss, 1 - p_gain - p_loss], size=rounds)
    tables, times = np.unique(drawn[:, :2], axis=0, return_counts=True)
    held = [holds(tango_interval(n, int(b), int(c)), p_gain - p_loss) for b, c in tables]
    # Above 0.95 where changes are rare: few tables are possible then.
    assert 0.93 <= (times * held).sum() / rounds <= (0.985 if p_loss else 1)


@pytest.mark.parametrize("counts", [(5, 4, 2), (0, 0, 0), (5, -1, 2)])
def test_counts_that_make_no_table_are_refused(counts):
    with pytest.raises(InputError, match="make no table"):
        tango_interval(*counts)
