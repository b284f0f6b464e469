"""The gain that is promised to be detectable is detected as often as promised."""

import math

import numpy as np
import pytest
from holding import holds
from scipy import stats as scipy_stats

from workbench.core.errors import InputError
from workbench.stats import DISCORDANCE, detectable_effect, paired_interval, tango_interval


def tables(n, gain, discordance, rounds, seed):
    """How often which numbers of gained and lost items come up."""
    p = [(discordance + gain) / 2, (discordance - gain) / 2, 1 - discordance]
    drawn = np.random.default_rng(seed).multinomial(n, p, size=rounds)
    return np.unique(drawn[:, :2], axis=0, return_counts=True)


def paired_excludes_zero(n, b, c):
    after = np.arange(n) < b
    before = (np.arange(n) >= b) & (np.arange(n) < b + c)
    return not holds(paired_interval(after, before), 0)


def tango_excludes_zero(n, b, c):
    return not holds(tango_interval(n, int(b), int(c)), 0)


@pytest.mark.parametrize(
    ("n", "discordance", "power", "excludes_zero"),
    [
        (100, 0.4, 0.8, paired_excludes_zero),
        (200, DISCORDANCE, 0.8, paired_excludes_zero),
        (500, DISCORDANCE, 0.8, paired_excludes_zero),
        (800, 0.1, 0.8, tango_excludes_zero),
        (500, DISCORDANCE, 0.8, tango_excludes_zero),
        (500, 0.4, 0.9, tango_excludes_zero),
    ],
)
def test_promised_power_is_right_within_3_points(n, discordance, power, excludes_zero):
    gain = detectable_effect(n, power, discordance=discordance)
    found, times = tables(n, gain, discordance, rounds=20_000, seed=n)
    common = times >= 3  # the others are many, and hardly ever come up
    detected = np.array([excludes_zero(n, b, c) for b, c in found[common]])
    assert (detected * times[common]).sum() / times[common].sum() == pytest.approx(power, abs=0.03)


@pytest.mark.parametrize(
    ("n", "discordance", "power"), [(100, DISCORDANCE, 0.8), (100, 0.15, 0.8), (40, 0.3, 0.8), (25, 0.5, 0.9)]
)
def test_where_few_items_change_the_promise_is_exact(n, discordance, power):
    gain = detectable_effect(n, power, discordance=discordance)
    found, times = tables(n, gain, discordance, rounds=40_000, seed=n)
    detected = np.array([paired_excludes_zero(n, b, c) and b > c for b, c in found])
    assert (detected * times).sum() / times.sum() == pytest.approx(power, abs=0.008)


def test_promised_power_for_numbers():
    n, sd = 80, 0.7
    x = np.random.default_rng(0).normal(detectable_effect(n, 0.9, sd=sd), sd, size=(4000, n))
    assert (scipy_stats.ttest_1samp(x, 0, axis=1).pvalue <= 0.05).mean() == pytest.approx(0.9, abs=0.03)


def test_about_11_points_at_100_items_and_5_at_500():
    assert detectable_effect(100) == pytest.approx(0.109, abs=0.001)
    assert detectable_effect(500) == pytest.approx(0.051, abs=0.001)


@pytest.mark.parametrize(
    ("n", "power", "level", "discordance"), [(900, 0.7, 0.99, 0.25), (4000, 0.9, 0.95, 0.1)]
)
def test_many_items_agree_with_the_normal_approximation(n, power, level, discordance):
    z, z_power = scipy_stats.norm.ppf([(1 + level) / 2, power])
    gain = detectable_effect(n, power, level, discordance)
    normal = z * math.sqrt(discordance) + z_power * math.sqrt(discordance - gain**2)  # Connor 1987
    assert gain * math.sqrt(n) == pytest.approx(normal, rel=0.01)


def test_a_gain_needs_as_many_changed_items():
    gain = detectable_effect(30, discordance=0.01)  # every changed item is a gain
    assert gain == pytest.approx(detectable_effect(30, discordance=gain), abs=1e-5)
    assert gain > 0.01
    # Without a loss b of 30 items must change with b² / b > t²: five.
    assert scipy_stats.binom.sf(4, 30, gain) == pytest.approx(0.8, abs=1e-4)
    assert detectable_effect(6) == math.inf  # six gains of six are no proof: √6 < t
    assert detectable_effect(7) <= 1


def test_more_items_find_less():
    gains = [detectable_effect(n) for n in (5, 20, 50, 100, 1000, 100_000)]
    assert gains == sorted(gains, reverse=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: detectable_effect(0), "too few for any"),
        (lambda: detectable_effect(10, power=80), "such as 0.8"),
        (lambda: detectable_effect(10, discordance=0), "change sides"),
        (lambda: detectable_effect(10, sd=0.0), "above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
