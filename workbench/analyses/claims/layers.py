"""Claims about layers and measures: mid-to-high layers, CKA as a predictor, scrambled pairs."""

import pandas as pd

from workbench.analyses.claims.base import BAND, LEVEL, Case, Finding, Ground, undecided
from workbench.analyses.claims.rule import (
    Difference,
    Part,
    Ruling,
    brings_more,
    difference,
    does_as_well,
    finding_of,
    part_of,
    table_of,
    where,
)
from workbench.core.numbers import signed
from workbench.select import Choice, choose
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
    choices = []
    for layers in runs:
        rows = dev[(dev.aligner == CLEAN) | dev.layer.isin(layers)]
        if (rows.aligner == aligner).any():
            choices.append(choose(rows, aligner))
    return max(choices, key=lambda choice: choice.smoothed_gain, default=None)


def mid_to_high_layers(ground: Ground) -> Finding:
    """The best layer of the band against the best outside it."""
    low, high = (f"{100 * end:g}" for end in ground.band)
    band = f"{low} to {high} % of the depth"
    return finding_of(
        (_inside_and_outside(case, ground.band) for case in ground.cases),
        ground.delta,
        brings_more,
        ("accuracy_inside", "accuracy_outside"),
        f"best layer at {band}, less the best outside",
        f"no pair has layers inside {band} and a chosen patch",
    )


def _inside_and_outside(case: Case, band: tuple[float, float]) -> Part | None:
    n = case.study.model.info.n_layers
    inside = in_band(n, band)
    if not inside:
        return None
    outside = [list(range(inside[0])), list(range(inside[-1] + 1, n))]
    first, second = (best_of(case.dev(), case.aligner, runs) for runs in ([inside], outside))
    if first is None or second is None or (first.layer is None and second.layer is None):
        return None
    rows = case.on_test(case.configurations(first, second), "depth")
    return part_of(case, rows, first, second, where(first) | where(second, "outside_"))


# CKA predicts the best layer: how its curve goes along with the gain, and what choosing by it gives up.


MEASURE = "cka_debiased"
"""The biased form is near 1 wherever dimensions outnumber sentences."""


def decided(pooled: Difference, rho: float | None, p: float | None) -> Ruling:
    """Supported where the curves go together and choosing by CKA is shown to lose less than δ.

    Not supported where choosing by it is shown to lose, unless by less than δ.
    """
    if not pooled.no_worse.holds:
        if pooled.interval.high < 0:
            return Ruling("not supported", pooled.p)
        return Ruling("not decidable", pooled.no_worse.p)
    both = pooled.no_worse.p if p is None else max(pooled.no_worse.p, p)
    if rho is not None and p is not None and rho > 0 and p <= 1 - LEVEL + 1e-12:
        return Ruling("supported", both)
    return Ruling("not decidable", both)


def cka_predicts(ground: Ground) -> Finding:
    """Choosing the layer by CKA against choosing it by dev, and how the two curves go together."""
    parts = [part for case in ground.cases if (part := _by_cka(case)) is not None]
    if not parts:
        return undecided("no pair with a CKA at several layers and a chosen patch")
    pooled = difference(parts, ground.delta)
    rho, p = _correlation(ground.predictors)
    ruling = decided(pooled, rho, p)
    same = sum(part.about["layer"] == part.about["chosen_layer"] for part in parts)
    words = "no correlation of the curves is known"
    if rho is not None and p is not None:
        words = f"over layers CKA goes with the gain at ρ = {signed(rho, 2)} (p = {p:.2g}, circular shifts)"
    sentence = (
        f"{words}; choosing the layer by CKA, less choosing by dev: {pooled}; "
        f"the same layer in {same} of {len(parts)} pairs"
    )
    table = table_of(parts, "accuracy_by_cka", "accuracy_by_dev", ground.delta, does_as_well)
    return Finding(ruling.verdict, sentence, pooled.numbers | {"rho": rho, "rho_p": p}, table, ruling.p)


def _by_cka(case: Case) -> Part | None:
    similarity = case.result.tables["similarity"]
    curve = similarity[(similarity.measure == MEASURE) & similarity.layer.notna() & similarity.value.notna()]
    if len(curve) < 2:
        return None
    best = curve.iloc[int(curve.value.argmax())]
    dev = case.dev()
    choice = choose(dev[(dev.aligner == CLEAN) | (dev.layer == best.layer)], case.aligner)
    if choice.layer is None and case.choice.layer is None:
        return None
    rows = case.on_test(case.configurations(choice, case.choice), "cka")
    about = {"layer": int(best.layer), "cka": float(best.value), "strength": choice.strength}
    return part_of(case, rows, choice, case.choice, about | where(case.choice, "chosen_"))


def _correlation(predictors: pd.DataFrame | None) -> tuple[float | None, float | None]:
    """The mean of ρ over pairs and its p; of several tasks the mean ρ and the largest p."""
    if predictors is None:
        return None, None
    of_layers = (predictors.scope == "layers") & (predictors.measure == MEASURE)
    rows = predictors[of_layers & predictors.rho.notna()]
    return (None, None) if rows.empty else (float(rows.rho.mean()), float(rows.p.max()))


# A scrambled map does as well: a map fitted on shuffled pairs against that of the true ones.


CONTROL = "shuffled_pairs"


def scrambled_does_as_well(ground: Ground) -> Finding:
    """The control against the study's own aligner, each at its own best of dev."""
    return finding_of(
        map(_scrambled, ground.cases),
        ground.delta,
        does_as_well,
        ("accuracy_scrambled", "accuracy_true"),
        "a map of shuffled pairs less that of the true ones, each at its own best of dev",
        f"no study has the control {CONTROL} and a chosen patch: add it to --aligners",
    )


def _scrambled(case: Case) -> Part | None:
    control = next((one.choice for one in case.result.others if one.choice.aligner == CONTROL), None)
    if control is None or (control.layer is None and case.choice.layer is None):
        return None
    return part_of(
        case, case.tested(), control, case.choice, where(case.choice) | where(control, "scrambled_")
    )
