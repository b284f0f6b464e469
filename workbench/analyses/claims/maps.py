"""Claims about maps: few pairs, one matrix for all inputs, what they add to fine-tuning, what they cost."""

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
from workbench.analyses.claims.base import Case, Finding, Ground, Number
from workbench.analyses.claims.rule import Part, does_as_well, finding_of, part_of, where
from workbench.core.numbers import signed
from workbench.core.types import Site
from workbench.select import choose
from workbench.study.alignment import estimators
from workbench.sweeps import CLEAN

# A map for each cluster of source states: what one matrix cannot be.


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


# One matrix serves every input: against a matrix for each cluster of inputs.


CLUSTERS = 4


def one_matrix(ground: Ground) -> Finding:
    """One map against a map for each cluster of source states."""
    return finding_of(
        map(_by_cluster, ground.cases),
        ground.delta,
        does_as_well,
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


# A few hundred pairs suffice: accuracy of the patched model over the number of pairs its map was fitted on.
#
# The layer, patch type and strength are those that the study chose with all its pairs, so that nothing is
# selected by the curve. Without regularisation the curve shows double descent: with as many pairs as
# dimensions the map fits the noise of every pair, and its error on new sentences is largest.


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
    n, width = int(patched.example.nunique()), source.shape[-1]
    table = table.assign(gain=table.accuracy - clean, d_model=width, n=n)
    return table[_CURVE.split()], patched


_CURVE = "model task pair site layer aligner seed split n_fit draw accuracy gain r2 d_model n"


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
        return f"{words}; no dent near n = d = {low['d_model']}"
    dent = f"{low['dent_pairs']} pairs bring {signed(low['dent'])} to fewer"
    return f"{words}; dent near n = d = {low['d_model']}: {dent}"


def few_pairs(ground: Ground, aligner: str) -> Finding:
    """Accuracy with a few pairs against that with all of them."""
    tables, parts, most = [], [], 0
    for case in ground.cases:
        n = len(case.study.alignment.split.fit)
        if case.choice.layer is None or n < ENOUGH * FEW:
            continue
        table, rows = curve(case, aligner)
        tables.append(table)
        few, whole = (mean_over_draws(rows[rows.n_fit == size]) for size in (FEW, n))
        parts.append(Part(case.facts, few, whole))
        most = max(most, n)
    finding = finding_of(
        parts,
        ground.delta,
        does_as_well,
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
