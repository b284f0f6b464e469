"""Mid-to-high layers are best: a band of layers that was named beforehand, against all others."""

import pandas as pd

from workbench.claims.base import BAND, Case, Claim, Finding, Ground, undecided
from workbench.claims.rule import Part, alone, brings_more, difference, table_of
from workbench.select import Choice, choose, rows_of
from workbench.sweep import CLEAN


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


def _judge(ground: Ground) -> Finding:
    parts = [part for case in ground.cases if (part := _part(case, ground.band)) is not None]
    low, high = (f"{100 * end:g}" for end in ground.band)
    if not parts:
        return undecided(
            f"no pair has layers inside {low} to {high} % of the depth and a patch that dev prefers"
        )
    found = difference(parts, ground.delta)
    ruling = brings_more(found)
    table = table_of(parts, "accuracy_inside", "accuracy_outside", ground.delta, brings_more)
    where = f"best layer at {low} to {high} % of the depth, less the best outside"
    sentence = f"{where}: {found}{alone(table)}"
    return Finding(ruling.verdict, sentence, found.numbers, table, ruling.p)


def _part(case: Case, band: tuple[float, float]) -> Part | None:
    n = case.study.model.info.n_layers
    inside = in_band(n, band)
    if not inside:
        return None
    dev = case.dev()
    below, above = list(range(inside[0])), list(range(inside[-1] + 1, n))
    first, second = best_of(dev, case.aligner, [inside]), best_of(dev, case.aligner, [below, above])
    if first is None or second is None or (first.layer is None and second.layer is None):
        return None
    rows = case.on_test(case.branches(first, second), "depth")
    about = case.facts | {
        "aligner": case.aligner,
        "layer": first.layer,
        "strength": first.strength,
        "outside_layer": second.layer,
        "outside_strength": second.strength,
    }
    return Part(about, rows_of(rows, first), rows_of(rows, second))


CLAIMS = (
    Claim(
        "mid_to_high_layers",
        "Mid-to-high layers, at 60 to 75 % of the depth unless another band is named, are the best to patch.",
        "The best branch inside the band and the best outside it, each chosen on dev, are judged once on "
        "test; first less second, paired. Supported where the interval lies above 0; not supported where "
        "it lies below 0 or the difference is shown to lie within ±δ.",
        "a widely copied summary of INCLINE; its paper patches all layers (arXiv:2410.12462)",
        _judge,
    ),
)
