"""Claims about maps and layers: one matrix, few pairs, mid-to-high layers, CKA, scrambled pairs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from sklearn.cluster import KMeans
from torch import Tensor

from workbench.align import LayerMaps, LeastSquares, Ridge, fit_layers
from workbench.align.base import Params, check_fitted, check_pairs, check_rows, fresh
from workbench.analyses.claims.base import (
    BAND,
    LEVEL,
    Case,
    Difference,
    Finding,
    Ground,
    Number,
    Part,
    Ruling,
    brings_more,
    difference,
    does_as_well,
    finding_of,
    part_of,
    table_of,
    undecided,
    where,
)
from workbench.core.numbers import plain, signed
from workbench.core.types import Site
from workbench.select import Choice, choose
from workbench.study.alignment import estimators
from workbench.sweeps import CLEAN

LEAST_IN_CLUSTER = 20
"""Fewest sentences in a cluster."""


class Piecewise(Params):
    """k-means on source states, an aligner for each cluster: a row goes through that of its nearest centre.

    Where a cluster would have fewer than 20 sentences there are fewer clusters.
    """

    def __init__(self, aligner: Any, clusters: int = 4, seed: int = 0):
        self.aligner = aligner
        self.clusters = clusters
        self.seed = seed

    def fit(self, X: Float[Tensor, "sent d_source"], Y: Float[Tensor, "sent d_target"]) -> Self:
        """Find the clusters, and learn a map in each."""
        check_pairs(X, Y)
        rows = X.detach().to("cpu", torch.float64).numpy()
        for k in range(min(self.clusters, len(np.unique(rows, axis=0))), 0, -1):
            centres = KMeans(k, n_init=8, random_state=self.seed).fit(rows).cluster_centers_
            self.centres_ = torch.from_numpy(centres).to(X)
            nearest = _nearest(X, self.centres_)
            if k == 1 or int(torch.bincount(nearest, minlength=k).min()) >= LEAST_IN_CLUSTER:
                break
        self.maps_ = tuple(fresh(self.aligner).fit(X[nearest == j], Y[nearest == j]) for j in range(k))
        self.n_ = len(X)
        return self

    def transform(self, X: Float[Tensor, "... d_source"]) -> Float[Tensor, "... d_target"]:
        """Each row by the map of its cluster."""
        check_fitted(self, "maps_")
        check_rows(X, self.centres_.shape[1])
        rows = X.reshape(-1, X.shape[-1])
        nearest = _nearest(rows, self.centres_)
        mapped = torch.stack([one.transform(rows) for one in self.maps_])
        return mapped[nearest, torch.arange(len(rows), device=rows.device)].reshape(*X.shape[:-1], -1)


def _nearest(rows: Float[Tensor, "sent d"], centres: Float[Tensor, "k d"]) -> Int[Tensor, " sent"]:
    # In double precision and without the shortcut over products, so that a tie falls the same way everywhere.
    away = torch.cdist(
        rows.double(), centres.to(rows.device).double(), compute_mode="donot_use_mm_for_euclid_dist"
    )
    return away.argmin(1)


CLUSTERS = 4


def one_matrix(ground: Ground) -> Finding:
    """One map against a map for each cluster of source states."""
    return finding_of(
        ground,
        map(_by_cluster, ground.cases),
        ("accuracy_one", "accuracy_by_cluster"),
        f"one map less a map for each of {CLUSTERS} clusters of source states",
        "no pair with a chosen patch, and sentences enough for two clusters",
    )


def _by_cluster(case: Case) -> Part | None:
    study, name = case.study, f"{case.aligner}_by_cluster"
    aligner = estimators(study.settings)[case.aligner]
    maps = case.fitted(Piecewise(aligner, CLUSTERS, study.settings.seed))
    configurations = [one for one in study.configurations({name: maps}) if one.joint == "one"]
    dev = study.sweep("dev", configurations, folder="claims/one-matrix")
    choice = choose(dev[dev.language == study.source], name)
    # Of the layer that was chosen; at most, where none was.
    counts = [len(one.maps_) for one in maps.aligners if isinstance(one, Piecewise)]
    clusters = max(counts) if choice.layer is None else counts[choice.layer]
    if (choice.layer is None and case.choice.layer is None) or clusters < 2:
        return None
    clustered = [study.configuration({name: maps}, choice)] if choice.layer is not None else []
    rows = case.on_test([*case.configurations(case.choice), *clustered], "one-matrix")
    about = where(case.choice) | {"clusters": clusters} | where(choice, "clustered_")
    return part_of(case, rows, case.choice, choice, about)


# A few hundred pairs suffice: accuracy over the number of pairs that a map was fitted on.
#
# Layer, patch type and strength are those that the study chose with all its pairs. Without regularisation
# there is double descent: with as many pairs as dimensions the error on new sentences is largest.


FEW = 300
ENOUGH = 1.5
"""All pairs must be so many times a few, or the two are no different."""
DRAWS = 3
SHARES = (0.25, 0.5, 0.75, 0.875, 1.0, 1.125, 1.25, 1.5, 2.0, 3.0)
"""Numbers of pairs that are tried, in dimensions: many near 1, where the dent is."""
LEAST_PAIRS, FEWEST_SIZES = 10, 6
"""The smallest number of pairs that is tried, and how many different numbers there should be at least."""
ALIGNERS: Mapping[str, Any] = {"ridge": Ridge(), "least_squares": LeastSquares()}


def sizes(n: int, width: int) -> list[int]:
    """Numbers of pairs: around the width, a few hundred, and all; where few lie around it, halves of all too.

    >>> sizes(800, 128)
    [32, 64, 96, 112, 128, 144, 160, 192, 256, 300, 384, 800]
    >>> sizes(800, 4096)
    [50, 100, 200, 300, 400, 800]
    """
    around = {size for share in SHARES if (size := round(share * width)) < n}
    if len(around) < FEWEST_SIZES:
        around |= {n >> times for times in range(1, 5)}
    return sorted(size for size in {*around, FEW, n} if LEAST_PAIRS <= size <= n)


def _states(case: Case) -> tuple[list[Site], Tensor, Tensor]:
    """The sites of the chosen configuration, and the states of both languages there."""
    sites = [site for site, _ in case.configuration(case.choice).parts]
    source, target = (
        torch.stack([case.states.at(site, code) for site in sites])
        for code in (case.study.source, case.study.target)
    )
    return sites, source, target


def drawn(case: Case, aligner: str, draws: int = DRAWS) -> Iterator[tuple[int, int, LayerMaps]]:
    """Number of pairs, draw, and the maps fitted on them, at the sites of the chosen configuration.

    Within a draw smaller sets lie inside larger ones. All pairs can be drawn in one way only.
    """
    _, source, target = _states(case)
    rows = torch.as_tensor(case.study.alignment.split.fit)
    generator = torch.Generator().manual_seed(case.study.settings.seed)
    for draw in range(draws):
        order = rows[torch.randperm(len(rows), generator=generator)]
        for size in sizes(len(rows), source.shape[-1]):
            if size < len(rows) or draw == 0:
                yield size, draw, fit_layers(ALIGNERS[aligner], source, target, order[:size])


def curve(case: Case, aligner: str, draws: int = DRAWS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row for each number of pairs and draw; and rows over test items, with columns `n_fit` and `draw`."""
    chosen = case.configuration(case.choice)
    sites, source, target = _states(case)
    held_out = torch.as_tensor(case.study.alignment.split.test)
    about = {"site": chosen.where, "layer": case.choice.layer, "aligner": aligner, "split": "test"}
    configurations, points = [], []
    for size, draw, maps in drawn(case, aligner, draws):
        also = tuple(zip(sites, maps.aligners, strict=True))[1:]
        configurations.append(replace(chosen, aligner=f"{aligner}:{size}", seed=draw, map=maps[0], also=also))
        r2 = sum(maps.held_out(source, target, held_out)) / len(maps)
        points.append(case.facts | about | {"n_fit": size, "draw": draw, "r2": r2})
    rows = case.on_test(configurations, f"few-pairs-{aligner}")
    clean = float(rows[rows.aligner == CLEAN].correct.mean())
    patched = rows[rows.aligner != CLEAN]
    n_fit = patched.aligner.str.rpartition(":")[2].astype(int)
    patched = patched.assign(n_fit=n_fit.to_numpy(), draw=patched.seed.astype(int).to_numpy())
    right = patched.groupby(["n_fit", "draw"]).correct.mean().astype(float).rename("accuracy").reset_index()
    table = pd.DataFrame(points).merge(right, on=["n_fit", "draw"])
    table = table.assign(
        gain=table.accuracy - clean, d_model=source.shape[-1], n=int(patched.example.nunique())
    )
    columns = "model task pair site layer aligner seed split n_fit draw accuracy gain r2 d_model n"
    return table[columns.split()], patched


def mean_over_draws(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per item: in which share of the draws it is right."""
    first = rows.drop_duplicates("example").set_index("example")
    right = rows.assign(correct=rows.correct.astype(float)).groupby("example").correct.mean()
    return first.assign(correct=right.loc[first.index]).reset_index()


def worst(table: pd.DataFrame) -> dict[str, Number]:
    """Where the curve is at its lowest, over pairs and draws, and how far below what fewer brought.

    R² is the median (near n = d a mean is that of the worst draw), accuracy the mean. `dent` is the lowest
    accuracy between half and twice the width, less the best of any smaller size.
    """
    means = table.groupby("n_fit").agg(r2=("r2", "median"), accuracy=("accuracy", "mean"))
    counts, width = means.index.to_numpy(dtype=int), int(table.d_model.iloc[0])
    accuracy, r2 = (means[name].to_numpy(dtype=float) for name in ("accuracy", "r2"))
    low: dict[str, Number] = {
        "d_model": width,
        "worst_r2_pairs": int(counts[r2.argmin()]),
        "worst_r2": float(r2.min()),
    }
    near = np.flatnonzero((counts >= width / 2) & (counts <= 2 * width))
    if len(near) and near[accuracy[near].argmin()] > 0:
        lowest = near[accuracy[near].argmin()]
        dent = float(accuracy[lowest] - accuracy[:lowest].max())
        low |= {"dent_pairs": int(counts[lowest]), "dent": dent}
    return low


def in_words(low: Mapping[str, Number]) -> str:
    """Where the curve is lowest."""
    words = f"held-out R² is lowest with {low['worst_r2_pairs']} pairs ({signed(low['worst_r2'], 2)})"
    if "dent" not in low:
        return words
    if float(low["dent"] or 0) >= 0:
        return f"{words}; no drop in accuracy near as many pairs as dimensions ({low['d_model']})"
    drop = f"with {low['dent_pairs']} pairs it is {plain(-float(low['dent'] or 0))} lower than with the best"
    return (
        f"{words}; near as many pairs as dimensions ({low['d_model']}) accuracy drops: {drop} smaller number"
    )


def few_pairs(ground: Ground, aligner: str) -> Finding:
    """Accuracy with a few pairs against that with all of them."""
    tables, parts, most = [], [], 0
    for case in ground.cases:
        n = len(case.study.alignment.split.fit)
        if case.choice.layer is None or n < ENOUGH * FEW:
            continue
        table, rows = curve(case, aligner)
        tables.append(table)
        parts.append(Part(case.facts, *(mean_over_draws(rows[rows.n_fit == size]) for size in (FEW, n))))
        most = max(most, n)
    finding = finding_of(
        ground,
        parts,
        ("accuracy_few", "accuracy_all"),
        f"{aligner.replace('_', ' ')}: accuracy with {FEW} pairs less that with all {most}",
        f"no pair with a chosen patch and {ENOUGH * FEW:g} sentences to fit on or more",
    )
    if not parts:
        return finding
    table = pd.concat(tables, ignore_index=True)
    low = worst(table)
    numbers = {**finding.numbers, "few": FEW, "all": most, **low}
    return replace(finding, sentence=f"{finding.sentence}; {in_words(low)}", numbers=numbers, table=table)


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
    of_runs = (dev[(dev.aligner == CLEAN) | dev.layer.isin(layers)] for layers in runs)
    choices = (choose(rows, aligner) for rows in of_runs if (rows.aligner == aligner).any())
    return max(choices, key=lambda choice: choice.smoothed_gain, default=None)


def mid_to_high_layers(ground: Ground) -> Finding:
    """The best layer of the band against the best outside it."""
    band = " to ".join(f"{100 * end:g}" for end in ground.band) + " % of the depth"
    return finding_of(
        ground,
        (_inside_and_outside(case, ground.band) for case in ground.cases),
        ("accuracy_inside", "accuracy_outside"),
        f"best layer at {band}, less the best outside",
        f"no pair has layers inside {band} and a chosen patch",
        brings_more,
    )


def _inside_and_outside(case: Case, band: tuple[float, float]) -> Part | None:
    n = case.study.model.info.n_layers
    if not (inside := in_band(n, band)):
        return None
    outside = [list(range(inside[0])), list(range(inside[-1] + 1, n))]
    first, second = (best_of(case.dev, case.aligner, runs) for runs in ([inside], outside))
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
        return does_as_well(pooled)
    both = pooled.no_worse.p if p is None else max(pooled.no_worse.p, p)
    together = rho is not None and p is not None and rho > 0 and p <= 1 - LEVEL + 1e-12
    return Ruling("supported" if together else "not decidable", both)


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
    return Finding(
        ruling.verdict,
        f"{words}; choosing the layer by CKA, less choosing by dev: {pooled}; "
        f"the same layer in {same} of {len(parts)} pairs",
        pooled.numbers | {"rho": rho, "rho_p": p},
        table_of(parts, "accuracy_by_cka", "accuracy_by_dev", ground.delta, does_as_well),
        ruling.p,
    )


def _by_cka(case: Case) -> Part | None:
    similarity = case.result.tables["similarity"]
    curve = similarity[(similarity.measure == MEASURE) & similarity.layer.notna() & similarity.value.notna()]
    if len(curve) < 2:
        return None
    best = curve.iloc[int(curve.value.argmax())]
    dev = case.dev
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
        ground,
        map(_scrambled, ground.cases),
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
