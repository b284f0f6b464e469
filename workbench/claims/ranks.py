"""Whether something rises or falls with a property of languages: pairs are the units, and they are few."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from workbench.claims.base import LEVEL
from workbench.claims.rule import Ruling
from workbench.numbers import signed
from workbench.stats import average_ranks, rank_correlation

FEWEST = 3
_EXACT = 8
"""Up to so many languages all orders are gone through; of more, some are drawn."""
DRAWS = 20_000


@dataclass(frozen=True)
class RankTest:
    """A rank correlation over languages, against all orders that they could stand in."""

    rho: float
    p: float
    """Two-sided: the share of orders with a correlation as far from 0."""
    smallest_p: float
    """The least that so many languages, with these ties, could have shown."""
    n: int

    @property
    def decides(self) -> bool:
        """Whether any order could have had a p of 0.05 or less."""
        return self.smallest_p <= 1 - LEVEL + 1e-12

    @property
    def ruling(self) -> Ruling:
        """For claims that the one falls as the other rises."""
        p = self.p if self.decides else None
        if self.p > 1 - LEVEL + 1e-12:
            return Ruling("not decidable", p)
        return Ruling("supported" if self.rho < 0 else "not supported", p)

    def __str__(self) -> str:
        words = f"ρ = {signed(self.rho, 2)} over {self.n} pairs, p = {self.p:.2g}"
        if not self.decides:
            words += f", where so many, with these ties, could have shown {self.smallest_p:.2g} at the least"
        return words


def rank_test(values: Sequence[float], property: Sequence[float], seed: int = 0) -> RankTest | None:
    """Spearman's ρ, with the exact p over all orders; None where one of the two is constant, or too few."""
    n = len(values)
    if n < FEWEST or len(set(values)) == 1 or len(set(property)) == 1:
        return None
    x, y = average_ranks(values), average_ranks(property)
    drawn = _orders(y, seed) @ _standardised(x) / n
    rho = rank_correlation(values, property)
    sizes, extra = np.abs(drawn), 0 if n <= _EXACT else 1

    def share(of: float) -> float:
        return (int((sizes >= of - 1e-9).sum()) + extra) / (len(sizes) + extra)

    # The likest and the unlikest order that ranks with these ties can have: sorted the same way, and against.
    most = max(
        abs(float(_standardised(np.sort(x)) @ _standardised(side)) / n) for side in (np.sort(y), -np.sort(-y))
    )
    return RankTest(rho, share(abs(rho)), share(most), n)


def _orders(ranks: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Standardised ranks in every order, or in some drawn ones."""
    scaled = _standardised(ranks)
    if len(ranks) <= _EXACT:
        return np.array(list(permutations(scaled)))
    rng = np.random.default_rng(seed)
    return rng.permuted(np.tile(scaled, (DRAWS, 1)), axis=1)


def _standardised(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((x - x.mean()) / x.std(), dtype=np.float64)
