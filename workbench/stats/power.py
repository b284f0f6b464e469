"""What a data set of a given size can show."""

import math
from statistics import NormalDist

from workbench.errors import InputError
from workbench.stats import base

DISCORDANCE = 0.15
"""The share of items that change sides under a patch, where nothing better is known."""


def detectable_effect(
    n: float,
    power: float = 0.8,
    level: float = 0.95,
    discordance: float = DISCORDANCE,
    sd: float | None = None,
) -> float:
    """The δ with δ √n = z_level √ψ + z_power √(ψ − δ²): the smallest true gain found with this power.

    For a two-sided paired test at `level` on n right-or-wrong items, ψ of which change sides (Connor 1987).
    A normal approximation: `paired_interval` keeps the promise of 0.80 within 3 points from about 25 changed
    items up; with fewer it finds more (0.84 where 15 of 100 items change), exact McNemar less.
    A gain of δ needs at least δ changed items, so ψ is raised to δ where it is smaller. With `sd`, the
    standard deviation of other paired differences, δ = (z_level + z_power) sd / √n. Items in groups count
    for fewer: give n / (1 + (m − 1) ρ) for groups of m items with correlation ρ. Infinite where no gain
    can be found.

    >>> [round(100 * detectable_effect(n), 1) for n in (100, 500)]  # in points
    [10.7, 4.8]
    """
    base.check_level(level)
    if not 0.5 <= power < 1:
        raise InputError(f"power is a probability from 0.5 up, such as 0.8, not {power}")
    if n <= 0:
        raise InputError(f"{n} items can show nothing")
    z, z_power = NormalDist().inv_cdf((1 + level) / 2), NormalDist().inv_cdf(power)
    if sd is not None:
        if not sd > 0:
            raise InputError(f"a standard deviation lies above 0; {sd} given")
        return (z + z_power) * sd / math.sqrt(n)
    if not 0 < discordance <= 1:
        raise InputError(f"discordance is the share of items that change sides, not {discordance}")
    # With δ = x √ψ the equation is x √n = z + z_power √(1 − x²), quadratic in x and the same for every ψ.
    if n < z * z:
        return math.inf
    x = (z * math.sqrt(n) + z_power * math.sqrt(n - z * z + z_power * z_power)) / (n + z_power * z_power)
    return x * max(math.sqrt(discordance), x)
