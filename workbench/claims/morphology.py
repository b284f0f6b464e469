"""Linear maps do worse for distant morphology: the share of the gap closed against a language's distance."""

import pandas as pd

from workbench.claims.base import Case, Claim, Finding, Ground, Number, undecided
from workbench.claims.ranks import rank_test
from workbench.numbers import signed

SHARED = "share of tokens not shared"


def decided(table: pd.DataFrame, what: str, seed: int = 0) -> Finding:
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


def _judge(ground: Ground) -> Finding:
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
    return decided(table, SHARED if scale is None else scale.what, ground.seed)


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
        "distant_morphology",
        "Linear maps do worse for languages of distant morphology.",
        "Rank correlation over pairs of the share of the gap that the patch closes on test with distance "
        "(a known one, or the share of tokens that are not shared), against all orders. Supported where p "
        "≤ 0.05 and it is negative; not supported where p ≤ 0.05 and it is positive.",
        "INCLINE, arXiv:2410.12462",
        _judge,
    ),
)
