"""Claims about languages: resources and distance in morphology."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from workbench.analyses.claims.base import LEVEL, Case, Claim, Finding, Ground, Number, undecided
from workbench.analyses.claims.rule import Ruling
from workbench.core.numbers import signed
from workbench.stats import rank_correlation

# Whether something rises or falls with a property of languages: pairs are the units, and they are few.


FEWEST = 3
_EXACT = 8
"""Up to so many languages all orders are gone through; of more, some are drawn."""
DRAWS = 20_000


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
    x, y = rankdata(values), rankdata(property)
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


# Low-resource languages gain most: the gain on test against how much of a language was read.


def decided_resource(table: pd.DataFrame, what: str, seed: int = 0) -> Finding:
    """The finding from one row per pair and task, with `pair`, `gain` and `resource`."""
    pairs = table.groupby("pair", sort=False)[["gain", "resource"]].mean()
    found = rank_test(pairs.gain.tolist(), pairs.resource.tolist(), seed)
    if found is None:
        return undecided(f"{len(pairs)} pairs, or all alike in gain or {what}: no order to be seen", table)
    sentence = f"gain on test by {what}: {found}"
    numbers: dict[str, Number] = {
        "estimate": found.rho,
        "pairs": found.n,
        "rank_p": found.p,
        "smallest_p": found.smallest_p,
        "resource": what,
    }
    return Finding(found.ruling.verdict, sentence, numbers, table, found.ruling.p)


def _judge_resource(ground: Ground) -> Finding:
    scale, rows = ground.resources, []
    for case in ground.cases:
        result, gain = case.result, case.result.headline.gain
        # Where it is unknown, dev stands in: on test items a baseline low by chance would be a high gain.
        known = result.facts.baseline.estimate if scale is None else scale.of(result.source)
        gap = None if result.gap is None else result.gap.estimate
        rows.append(
            case.facts
            | {"aligner": case.aligner, "layer": case.choice.layer, "split": "test", "resource": known}
            | {"gain": gain.estimate, "low": gain.low, "high": gain.high, "level": gain.level}
            | {"gap": gap, "share_of_gap": result.share_of_gap, "n": gain.n}
        )
    table = pd.DataFrame(rows)
    return decided_resource(table, "unpatched accuracy on dev" if scale is None else scale.what, ground.seed)


# Linear maps do worse for distant morphology: the share of the gap closed against a language's distance.


SHARED = "share of tokens not shared"


def decided_morphology(table: pd.DataFrame, what: str, seed: int = 0) -> Finding:
    """The finding from one row per pair and task, with `pair`, `share_of_gap`, `r2` and `distance`."""
    known = table[table.share_of_gap.notna()]
    pairs = known.groupby("pair", sort=False)[["share_of_gap", "distance", "r2"]].mean()
    found = rank_test(pairs.share_of_gap.tolist(), pairs.distance.tolist(), seed)
    if found is None:
        return undecided(
            f"{len(pairs)} pairs with a gap that is shown, or all alike in what is closed of it or in "
            f"{what}: no order to be seen",
            table,
        )
    fits = rank_test(pairs.r2.tolist(), pairs.distance.tolist(), seed)
    sentence = f"share of the gap closed by distance ({what}): {found}"
    if fits is not None:
        sentence += f"; held-out R² at the layer: ρ = {signed(fits.rho, 2)}"
    numbers: dict[str, Number] = {
        "estimate": found.rho,
        "pairs": found.n,
        "rank_p": found.p,
        "smallest_p": found.smallest_p,
        "r2_rho": None if fits is None else fits.rho,
        "distance": what,
    }
    return Finding(found.ruling.verdict, sentence, numbers, table, found.ruling.p)


def _judge_morphology(ground: Ground) -> Finding:
    scale, rows = ground.distances, []
    for case in ground.cases:
        result, gain = case.result, case.result.headline.gain
        away = _not_shared(case) if scale is None else scale.of(result.source)
        rows.append(
            case.facts
            | {"aligner": case.aligner, "layer": case.choice.layer, "split": "test", "distance": away}
            | {"share_of_gap": result.share_of_gap, "r2": _fit(case), "gain": gain.estimate}
            | {"low": gain.low, "high": gain.high, "level": gain.level, "n": gain.n}
        )
    kinds = {"layer": "Int64"} | dict.fromkeys(("share_of_gap", "r2", "distance"), "Float64")
    table = pd.DataFrame(rows).astype(kinds)
    return decided_morphology(table, SHARED if scale is None else scale.what, ground.seed)


def _fit(case: Case) -> float | None:
    """Held-out R² of the map that was chosen; where none was, of the aligner's best layer."""
    fit = case.result.tables["fit"]
    rows = fit[fit.aligner == case.aligner]
    chosen = rows[rows.layer == case.choice.layer] if case.choice.layer is not None else rows
    return float(chosen.r2.max()) if len(chosen) else None


def _not_shared(case: Case) -> float:
    confounds = case.result.tables["confounds"]
    return 1 - float(confounds[confounds.confound == "shared_tokens"]["mean"].iloc[0])


CLAIMS = (
    Claim(
        "low_resource_gains_most",
        "Languages with less pretraining data gain more.",
        "Rank correlation over pairs of the gain on test with resource (unpatched accuracy on dev where "
        "that is not known), against all orders. Supported where p ≤ 0.05 and it is negative; not "
        "supported where p ≤ 0.05 and it is positive.",
        "INCLINE, arXiv:2410.12462",
        _judge_resource,
    ),
    Claim(
        "distant_morphology",
        "Linear maps do worse for languages of distant morphology.",
        "Rank correlation over pairs of the share of the gap that the patch closes on test with distance "
        "(a known one, or the share of tokens that are not shared), against all orders. Supported where p "
        "≤ 0.05 and it is negative; not supported where p ≤ 0.05 and it is positive.",
        "INCLINE, arXiv:2410.12462",
        _judge_morphology,
    ),
)
