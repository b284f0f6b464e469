"""CKA predicts the best layer: how its curve goes along with the gain, and what choosing by it gives up."""

import pandas as pd

from workbench.claims.base import LEVEL, Case, Claim, Finding, Ground, undecided
from workbench.claims.rule import Difference, Part, Ruling, difference, does_as_well, table_of
from workbench.numbers import signed
from workbench.select import choose, rows_of
from workbench.sweep import CLEAN

MEASURE = "cka_debiased"
"""The biased form is near 1 wherever dimensions outnumber sentences."""


def decided(found: Difference, rho: float | None, p: float | None) -> Ruling:
    """Supported where the curves go together and choosing by CKA is shown to lose less than δ.

    Not supported where choosing by it is shown to lose, unless by less than δ.
    """
    if not found.no_worse.holds:
        if found.interval.high < 0:
            return Ruling("not supported", found.p)
        return Ruling("not decidable", found.no_worse.p)
    both = found.no_worse.p if p is None else max(found.no_worse.p, p)
    if rho is not None and p is not None and rho > 0 and p <= 1 - LEVEL + 1e-12:
        return Ruling("supported", both)
    return Ruling("not decidable", both)


def _judge(ground: Ground) -> Finding:
    parts = [part for case in ground.cases if (part := _part(case)) is not None]
    if not parts:
        return undecided("no pair with a CKA at several layers and a patch that dev prefers")
    found = difference(parts, ground.delta)
    rho, p = _correlation(ground.predictors)
    ruling = decided(found, rho, p)
    same = sum(part.about["layer"] == part.about["chosen_layer"] for part in parts)
    words = "no correlation of the curves is known"
    if rho is not None and p is not None:
        words = f"over layers CKA goes with the gain at ρ = {signed(rho, 2)} (p = {p:.2g}, circular shifts)"
    sentence = (
        f"{words}; choosing the layer by CKA, less choosing by dev: {found}; "
        f"the same layer in {same} of {len(parts)} pairs"
    )
    table = table_of(parts, "accuracy_by_cka", "accuracy_by_dev", ground.delta, does_as_well)
    return Finding(ruling.verdict, sentence, found.numbers | {"rho": rho, "rho_p": p}, table, ruling.p)


def _part(case: Case) -> Part | None:
    similarity = case.result.tables["similarity"]
    curve = similarity[(similarity.measure == MEASURE) & similarity.layer.notna() & similarity.value.notna()]
    if len(curve) < 2:
        return None
    layer, value = int(curve.layer.iloc[int(curve.value.argmax())]), float(curve.value.max())
    dev = case.dev()
    choice = choose(dev[(dev.aligner == CLEAN) | (dev.layer == layer)], case.aligner)
    if choice.layer is None and case.choice.layer is None:
        return None
    rows: pd.DataFrame = case.on_test(case.branches(choice, case.choice), "cka")
    about = case.facts | {
        "aligner": case.aligner,
        "layer": layer,
        "cka": value,
        "strength": choice.strength,
        "chosen_layer": case.choice.layer,
        "chosen_strength": case.choice.strength,
    }
    return Part(about, rows_of(rows, choice), rows_of(rows, case.choice))


def _correlation(predictors: pd.DataFrame | None) -> tuple[float | None, float | None]:
    """The mean of ρ over pairs and its p; of several tasks the mean ρ and the largest p."""
    if predictors is None:
        return None, None
    rows = predictors[
        (predictors.scope == "layers") & (predictors.measure == MEASURE) & predictors.rho.notna()
    ]
    if rows.empty:
        return None, None
    return float(rows.rho.mean()), float(rows.p.max())


CLAIMS = (
    Claim(
        "cka_predicts",
        "CKA predicts the best layer.",
        "Rank correlation of the (debiased) CKA with the gain on dev over layers, with the p of circular "
        "shifts; and accuracy on test at CKA's best layer, its strength chosen on dev, less that at the "
        "layer which dev chose. Supported where the correlation is positive with p ≤ 0.05 and choosing by "
        "CKA is shown to lose less than δ; not supported where that is not shown and the interval of the "
        "difference lies below 0.",
        "common use of CKA; Kornblith et al. 2019, arXiv:1905.00414",
        _judge,
    ),
)
