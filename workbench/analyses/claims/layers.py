"""Claims about layers and measures: mid-to-high layers, CKA as a predictor, scrambled pairs."""

import pandas as pd

from workbench.analyses.claims.base import BAND, LEVEL, Case, Claim, Finding, Ground, undecided
from workbench.analyses.claims.rule import (
    Difference,
    Part,
    Ruling,
    alone,
    brings_more,
    difference,
    does_as_well,
    table_of,
)
from workbench.core.numbers import signed
from workbench.select import Choice, choose, rows_of
from workbench.sweeps import CLEAN

# Mid-to-high layers are best: a band of layers that was named beforehand, against all others.


def in_band(n_layers: int, band: tuple[float, float] = BAND) -> list[int]:
    """Layers whose output lies in this part of the depth; the first of 8 layers ends at 1/8.

    >>> in_band(8), in_band(32)
    ([4, 5], [19, 20, 21, 22, 23])
    """
    low, high = band
    return [n for n in range(n_layers) if low - 1e-9 <= (n + 1) / n_layers <= high + 1e-9]


def best_of(dev: pd.DataFrame, aligner: str, runs: list[list[int]]) -> Choice | None:
    """What dev prefers among runs of neighbouring layers; within each the rule of the study chooses."""
    found = []
    for layers in runs:
        rows = dev[(dev.aligner == CLEAN) | dev.layer.isin(layers)]
        if (rows.aligner == aligner).any():
            found.append(choose(rows, aligner))
    return max(found, key=lambda one: one.smoothed_gain, default=None)


def _judge_depth(ground: Ground) -> Finding:
    parts = [part for case in ground.cases if (part := _part_depth(case, ground.band)) is not None]
    low, high = (f"{100 * end:g}" for end in ground.band)
    if not parts:
        return undecided(f"no pair has layers inside {low} to {high} % of the depth and a chosen patch")
    found = difference(parts, ground.delta)
    ruling = brings_more(found)
    table = table_of(parts, "accuracy_inside", "accuracy_outside", ground.delta, brings_more)
    where = f"best layer at {low} to {high} % of the depth, less the best outside"
    sentence = f"{where}: {found}{alone(table)}"
    return Finding(ruling.verdict, sentence, found.numbers, table, ruling.p)


def _part_depth(case: Case, band: tuple[float, float]) -> Part | None:
    n = case.study.model.info.n_layers
    inside = in_band(n, band)
    if not inside:
        return None
    dev = case.dev()
    below, above = list(range(inside[0])), list(range(inside[-1] + 1, n))
    first, second = best_of(dev, case.aligner, [inside]), best_of(dev, case.aligner, [below, above])
    if first is None or second is None or (first.layer is None and second.layer is None):
        return None
    rows = case.on_test(case.configurations(first, second), "depth")
    about = case.facts | {
        "aligner": case.aligner,
        "layer": first.layer,
        "strength": first.strength,
        "outside_layer": second.layer,
        "outside_strength": second.strength,
    }
    return Part(about, rows_of(rows, first), rows_of(rows, second))


# CKA predicts the best layer: how its curve goes along with the gain, and what choosing by it gives up.


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


def _judge_cka(ground: Ground) -> Finding:
    parts = [part for case in ground.cases if (part := _part_cka(case)) is not None]
    if not parts:
        return undecided("no pair with a CKA at several layers and a chosen patch")
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


def _part_cka(case: Case) -> Part | None:
    similarity = case.result.tables["similarity"]
    curve = similarity[(similarity.measure == MEASURE) & similarity.layer.notna() & similarity.value.notna()]
    if len(curve) < 2:
        return None
    layer, value = int(curve.layer.iloc[int(curve.value.argmax())]), float(curve.value.max())
    dev = case.dev()
    choice = choose(dev[(dev.aligner == CLEAN) | (dev.layer == layer)], case.aligner)
    if choice.layer is None and case.choice.layer is None:
        return None
    rows: pd.DataFrame = case.on_test(case.configurations(choice, case.choice), "cka")
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


# A scrambled map does as well: a map fitted on shuffled pairs against that of the true ones.


CONTROL = "shuffled_pairs"


def _judge_scrambled(ground: Ground) -> Finding:
    parts = []
    for case in ground.cases:
        control = next((one.choice for one in case.result.others if one.choice.aligner == CONTROL), None)
        if control is None or (control.layer is None and case.choice.layer is None):
            continue
        rows = case.tested()
        about = case.facts | {
            "aligner": case.aligner,
            "layer": case.choice.layer,
            "strength": case.choice.strength,
            "scrambled_layer": control.layer,
            "scrambled_strength": control.strength,
        }
        parts.append(Part(about, rows_of(rows, control), rows_of(rows, case.choice)))
    if not parts:
        return undecided(f"no study has the control {CONTROL} and a chosen patch: add it to --aligners")
    found = difference(parts, ground.delta)
    ruling = does_as_well(found)
    table = table_of(parts, "accuracy_scrambled", "accuracy_true", ground.delta, does_as_well)
    what = "a map of shuffled pairs less that of the true ones, each at its own best of dev"
    sentence = f"{what}: {found}{alone(table)}"
    return Finding(ruling.verdict, sentence, found.numbers, table, ruling.p)


CLAIMS = (
    Claim(
        "mid_to_high_layers",
        "Mid-to-high layers, at 60 to 75 % of the depth unless another band is named, are the best to patch.",
        "The best configuration inside the band and the best outside it, each chosen on dev, are judged once "
        "on test; first less second, paired. Supported where the interval lies above 0; not supported where "
        "it lies below 0 or the difference is shown to lie within ±δ.",
        "a widely copied summary of INCLINE; its paper patches all layers (arXiv:2410.12462)",
        _judge_depth,
    ),
    Claim(
        "cka_predicts",
        "CKA predicts the best layer.",
        "Rank correlation of the (debiased) CKA with the gain on dev over layers, with the p of circular "
        "shifts; and accuracy on test at CKA's best layer, its strength chosen on dev, less that at the "
        "layer which dev chose. Supported where the correlation is positive with p ≤ 0.05 and choosing by "
        "CKA is shown to lose less than δ; not supported where that is not shown and the interval of the "
        "difference lies below 0.",
        "common use of CKA; Kornblith et al. 2019, arXiv:1905.00414",
        _judge_cka,
    ),
    Claim(
        "scrambled_does_as_well",
        "A map fitted on scrambled pairs does as well.",
        "The control shuffled_pairs and the study's own aligner, each with its own layer and strength of "
        "dev, judged once on test. Supported where the scrambled map is shown to lose less than δ; not "
        "supported where it is not and the interval of the difference lies below 0.",
        "a doubt about all such maps; RoSh's controls (scrambled pairs 0.621, full 0.853 AUROC)",
        _judge_scrambled,
    ),
)
