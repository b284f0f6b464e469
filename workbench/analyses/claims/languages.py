"""Claims about languages: resources and distance in morphology. Pairs are the units, and they are few."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from workbench.analyses.claims.base import LEVEL, Case, Finding, Ground, Number, Ruling, undecided
from workbench.core.numbers import signed
from workbench.stats import rank_correlation

FEWEST = 3
DRAWS = 20_000
_EXACT = 8
"""Up to so many languages all orders are gone through; of more, some are drawn."""


@dataclass(frozen=True)
class RankTest:
    """A rank correlation over languages, with a permutation test."""

    rho: float
    p: float
    """Two-sided: the share of permutations with a correlation at least as far from 0."""
    smallest_p: float
    """The smallest attainable p with this number of languages and these ties."""
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
            words += f", where the smallest attainable p, with these ties, is {self.smallest_p:.2g}"
        return words


def rank_test(values: Sequence[float], property: Sequence[float], seed: int = 0) -> RankTest | None:
    """Spearman's ρ, with the exact p over all orders; None where one of the two is constant, or too few."""
    n = len(values)
    if n < FEWEST or len(set(values)) == 1 or len(set(property)) == 1:
        return None
    x, y = (_standardised(rankdata(side)) for side in (values, property))
    if n <= _EXACT:
        orders = np.array(list(permutations(y)))
    else:
        orders = np.random.default_rng(seed).permuted(np.tile(y, (DRAWS, 1)), axis=1)
    sizes, extra = np.abs(orders @ x / n), 0 if n <= _EXACT else 1
    rho = rank_correlation(values, property)
    # The likest and the unlikest order that ranks with these ties can have: sorted the same way, and against.
    most = max(abs(float(np.sort(x) @ side) / n) for side in (np.sort(y), -np.sort(-y)))
    p, smallest_p = (
        (int((sizes >= size - 1e-9).sum()) + extra) / (len(sizes) + extra) for size in (abs(rho), most)
    )
    return RankTest(rho, p, smallest_p, n)


def _standardised(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((x - x.mean()) / x.std(), dtype=np.float64)


def low_resource_gains_most(ground: Ground) -> Finding:
    """The gain on test against how much of a language was read.

    Where that is unknown, accuracy on dev stands in: on test items a baseline low by chance would be a high
    gain.
    """
    scale, rows = ground.resources, []
    for case in ground.cases:
        result, gap = case.result, case.result.gap
        known = result.facts.baseline.estimate if scale is None else scale.of(result.source)
        numbers = {"resource": known, "gap": None if gap is None else gap.estimate}
        rows.append(_row(case) | numbers | {"share_of_gap": result.share_of_gap})
    what = "unpatched accuracy on dev" if scale is None else scale.what
    return decided_resource(pd.DataFrame(rows), what, ground.seed)


def decided_resource(table: pd.DataFrame, what: str, seed: int = 0) -> Finding:
    """The finding from one row per pair and task, with `pair`, `gain` and `resource`."""
    pairs = table.groupby("pair", sort=False)[["gain", "resource"]].mean()
    words, none = f"gain on test by {what}", "pairs, or all alike in gain or"
    return _by_rank(table, pairs.gain, pairs.resource, what, words, none, seed)


def distant_morphology(ground: Ground) -> Finding:
    """The share of the gap closed against a language's distance, known or by its share of own tokens."""
    scale, rows = ground.distances, []
    for case in ground.cases:
        away = _not_shared(case) if scale is None else scale.of(case.result.source)
        numbers = {"distance": away, "share_of_gap": case.result.share_of_gap, "r2": _fit(case)}
        rows.append(_row(case) | numbers)
    kinds = {"layer": "Int64"} | dict.fromkeys(("share_of_gap", "r2", "distance"), "Float64")
    what = "share of tokens not shared" if scale is None else scale.what
    return decided_morphology(pd.DataFrame(rows).astype(kinds), what, ground.seed)


def decided_morphology(table: pd.DataFrame, what: str, seed: int = 0) -> Finding:
    """The finding from one row per pair and task, with `pair`, `share_of_gap`, `r2` and `distance`."""
    known = table[table.share_of_gap.notna()]
    pairs = known.groupby("pair", sort=False)[["share_of_gap", "distance", "r2"]].mean()
    words = f"share of the gap closed by distance ({what})"
    none = "pairs with a gap that is shown, or all alike in what is closed of it or in"
    finding = _by_rank(table, pairs.share_of_gap, pairs.distance, what, words, none, seed)
    if not finding.numbers:
        return finding
    fits = rank_test(pairs.r2.tolist(), pairs.distance.tolist(), seed)
    sentence = finding.sentence
    if fits is not None:
        sentence += f"; held-out R² at the layer: ρ = {signed(fits.rho, 2)}"
    numbers = {**finding.numbers, "r2_rho": None if fits is None else fits.rho}
    return replace(finding, sentence=sentence, numbers=numbers)


def _by_rank(
    table: pd.DataFrame, values: pd.Series, property: pd.Series, what: str, words: str, none: str, seed: int
) -> Finding:
    """Whether values fall as a property of languages rises."""
    test = rank_test(values.tolist(), property.tolist(), seed)
    if test is None:
        return undecided(f"{len(values)} {none} {what}: no order to be seen", table)
    numbers: dict[str, Number] = {
        "estimate": test.rho,
        "pairs": test.n,
        "rank_p": test.p,
        "smallest_p": test.smallest_p,
        str(property.name): what,
    }
    return Finding(test.ruling.verdict, f"{words}: {test}", numbers, table, test.ruling.p)


def _row(case: Case) -> dict[str, Any]:
    gain = case.result.headline.gain
    where = {"aligner": case.aligner, "layer": case.choice.layer, "split": "test", "gain": gain.estimate}
    return case.facts | where | {"low": gain.low, "high": gain.high, "level": gain.level, "n": gain.n}


def _fit(case: Case) -> float | None:
    """Held-out R² of the map that was chosen; where none was, of the aligner's best layer."""
    fit = case.result.tables["fit"]
    rows = fit[fit.aligner == case.aligner]
    chosen = rows[rows.layer == case.choice.layer] if case.choice.layer is not None else rows
    return float(chosen.r2.max()) if len(chosen) else None


def _not_shared(case: Case) -> float:
    confounds = case.result.tables["confounds"]
    return 1 - float(confounds[confounds.confound == "shared_tokens"]["mean"].iloc[0])
