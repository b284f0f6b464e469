"""Whether two curves over layers rise and fall together, more than smooth curves do by chance.

Neighbouring layers are nearly the same layer: 32 of them are no 32 observations, and the usual test of a
correlation rejects for unrelated smooth curves two times in five.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import spearmanr

from workbench.core.errors import InputError
from workbench.stats import base
from workbench.stats.base import Alternative, Floats

Curves = Floats | Sequence[float] | Sequence[Sequence[float]] | Sequence[Floats]
"""One curve, or several, which may differ in length."""

_EXACT = 2**14  # combinations of shifts; up to so many, all are taken


def rank_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Spearman's ρ: Pearson's correlation of the ranks; equal values share the mean of their ranks."""
    x, y = base.finite(a, "values"), base.finite(b, "values")
    if len(x) != len(y):
        raise InputError(f"a correlation needs two values per item: {len(x)} and {len(y)} given")
    for values in (x, y):
        _standardised(values)  # refuses what correlates with nothing
    return float(spearmanr(x, y).statistic)


def circular_shift_test(
    a: Curves,
    b: Curves,
    groups: Sequence[object] | None = None,
    alternative: Alternative = "two-sided",
    reversal: bool = True,
    draws: int = 10_000,
    seed: int = 0,
) -> float:
    """P(|r(a, shifted b)| ≥ |r(a, b)|) over all circular shifts of b, and of b reversed.

    A shifted curve is as smooth as before, but no longer tied to the other layer by layer. With L layers
    the smallest p is 1 / 2L (1 / L without `reversal`), so 10 layers are needed for 0.05. For ranks, pass
    `scipy.stats.rankdata` of both. Curves that mostly drift in one direction break at the seam, and the test
    is still too lenient for them (unrelated random walks of 32 steps: 20 % at 5 %); take `np.diff` of both.

    Several curves of each kind (one pair per model and language, say) are tested by the mean of their
    correlations. Each is shifted on its own, but curves of one group (all pairs of one model, which rise
    and fall alike) are shifted together; combinations are drawn where there are more than 2^14.
    """
    profiles = _by_group([_profile(x, y, reversal) for x, y in _matched(a, b)], groups)
    total = float(np.prod([len(profile) for profile in profiles], dtype=np.float64))
    exact = total <= _EXACT
    if exact:
        null = profiles[0]
        for profile in profiles[1:]:
            null = np.add.outer(null, profile).ravel()
    else:
        base.check_draws(draws)
        rng = np.random.default_rng(seed)
        null = np.sum([rng.choice(profile, draws) for profile in profiles], axis=0)
    observed = float(sum(profile[0] for profile in profiles))
    reached = base.at_least_as_extreme(null, observed, alternative, slack=1e-9)
    return base.p_value(reached, len(null), exact)


def _profile(a: Floats, b: Floats, reversal: bool) -> Floats:
    """r(a, b) first, then with b shifted by 1, 2, … layers, and the same with b reversed."""
    n = len(a)
    shifts = (np.arange(n)[None, :] - np.arange(n)[:, None]) % n
    x, y = _standardised(a), _standardised(b)
    shifted = y[shifts]
    if reversal:
        shifted = np.concatenate([shifted, y[::-1][shifts]])
    return np.asarray(shifted @ x, dtype=np.float64)


def _by_group(profiles: list[Floats], groups: Sequence[object] | None) -> list[Floats]:
    """Sum of the profiles of each group: one shift for all its curves."""
    which = base.group_index(groups, len(profiles))
    gathered: list[Floats] = []
    for group in range(int(which.max()) + 1):
        members = [profile for profile, mine in zip(profiles, which == group, strict=True) if mine]
        if len({len(profile) for profile in members}) > 1:
            raise InputError("curves of one group are shifted together and so need the same layers")
        gathered.append(np.sum(members, axis=0))
    return gathered


def _matched(a: Curves, b: Curves) -> list[tuple[Floats, Floats]]:
    first, second = _each(a, "a"), _each(b, "b")
    if [len(x) for x in first] != [len(y) for y in second]:
        raise InputError("curves are compared layer by layer: both sides need the same layers, in order")
    return list(zip(first, second, strict=True))


def _each(curves: Curves, name: str) -> list[Floats]:
    if any(np.ndim(curve) > 0 for curve in curves):
        return [base.finite(curve, name) for curve in curves]
    return [base.finite(curves, name)]


def _standardised(x: Floats) -> Floats:
    centred = x - x.mean()
    length = np.sqrt(centred @ centred)
    # What rounding leaves of a constant is no variation.
    if len(x) < 3 or length <= 1e-12 * np.sqrt(x @ x):
        raise InputError("a curve that is constant, or of fewer than 3 points, has no correlation")
    return centred / length
