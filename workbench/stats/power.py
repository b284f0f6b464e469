"""Power: minimum detectable effects for a data set of a given size."""

import math
from statistics import NormalDist

import numpy as np
from scipy.special import stdtrit
from scipy.stats import binom

from workbench.core.errors import InputError
from workbench.stats import base

DISCORDANCE = 1 / 6
"""The share of items that change sides under a patch, where nothing better is known: one in six."""


def detectable_effect(
    n: float,
    power: float = 0.8,
    level: float = 0.95,
    discordance: float = DISCORDANCE,
    sd: float | None = None,
) -> float:
    """The smallest true gain on n right-or-wrong items whose `paired_interval` leaves 0 out with this power.

    Exact: of n items m ~ Bin(n, ψ) change sides and b ~ Bin(m, ½ + δ/2ψ) of them to the better, and 0 is
    left out where (b − c)² / (b + c) > t². The normal approximation (Connor 1987) asks for half a point more
    at 100 items. A gain of δ needs at least δ changed items, so ψ is raised to δ where it is smaller. With
    `sd`, the standard deviation of other paired differences, δ = (z_level + z_power) sd / √n. Items in groups
    count for fewer: give n / (1 + (m − 1) ρ) for groups of m items with correlation ρ. Infinite where no gain
    can be found.

    >>> [round(100 * detectable_effect(n), 1) for n in (100, 500)]  # in points
    [10.9, 5.1]
    """
    base.check_level(level)
    if not 0.5 <= power < 1:
        raise InputError(f"power is a probability from 0.5 up, such as 0.8, not {power}")
    if n <= 0:
        raise InputError(f"{n} items are too few for any detectable effect")
    if sd is not None:
        if not sd > 0:
            raise InputError(f"a standard deviation lies above 0; {sd} given")
        return (NormalDist().inv_cdf((1 + level) / 2) + NormalDist().inv_cdf(power)) * sd / math.sqrt(n)
    if not 0 < discordance <= 1:
        raise InputError(f"discordance is the share of items that change sides, not {discordance}")
    items = round(n)
    if items < 2 or _found(items, 1.0, 1.0, level) < power:
        return math.inf
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        enough = _found(items, middle, max(discordance, middle), level) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def _found(n: int, gain: float, discordance: float, level: float) -> float:
    """P(the interval lies above 0) for a true gain."""
    # All numbers of changed items but those that come up once in a billion trials.
    changed = np.arange(max(binom.ppf(1e-9, n, discordance), 1), binom.isf(1e-9, n, discordance) + 1)
    t = float(stdtrit(n - 1, (1 + level) / 2))
    most = np.floor((changed + t * np.sqrt(changed)) / 2)  # to the better, and still not enough
    likely = binom.pmf(changed, n, discordance)
    return float((likely * binom.sf(most, changed, (1 + gain / discordance) / 2)).sum())
