"""A few hundred pairs suffice: accuracy of the patched model over the number of pairs its map was fitted on.

The layer, formula and strength are those that the study chose with all its pairs, so that nothing is chosen
by the curve. Without regularisation it has a dent where there are as many pairs as dimensions: there the map
follows the noise of every pair, and its error on new sentences is at its largest.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from workbench.align import LayerMaps, LeastSquares, Ridge, fit_layers
from workbench.claims.base import Case, Claim, Finding, Ground, Number, undecided
from workbench.claims.rule import Part, alone, difference, does_as_well, table_of
from workbench.numbers import signed
from workbench.sweep import CLEAN, Branch

FEW = 300
ENOUGH = 1.5
"""All pairs must be so many times a few, or the two are no different."""
DRAWS = 3
SHARES = (0.25, 0.5, 0.75, 0.875, 1.0, 1.125, 1.25, 1.5, 2.0, 3.0)
"""Numbers of pairs that are tried, in dimensions: many near 1, where the dent is."""
LEAST, FEWEST = 10, 6
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
    if len(around) < FEWEST:
        around |= {n >> times for times in range(1, 5)}
    return sorted(size for size in {*around, FEW, n} if LEAST <= size <= n)


def drawn(case: Case, aligner: str, draws: int = DRAWS) -> Iterator[tuple[int, int, LayerMaps]]:
    """Number of pairs, draw, and the maps of one estimator fitted on them, at the sites of the chosen branch.

    Within a draw smaller sets lie inside larger ones. All pairs can be drawn in one way only.
    """
    study = case.study
    sites = [site for site, _ in case.branch(case.choice).parts]
    source, target = (
        torch.stack([case.states.at(site, code) for site in sites]) for code in (study.source, study.target)
    )
    rows = torch.as_tensor(study.alignment.split.fit)
    generator = torch.Generator().manual_seed(study.settings.seed)
    for draw in range(draws):
        order = rows[torch.randperm(len(rows), generator=generator)]
        for size in sizes(len(rows), source.shape[-1]):
            if size < len(rows) or draw == 0:
                yield size, draw, fit_layers(ALIGNERS[aligner], source, target, order[:size])


def curve(case: Case, aligner: str, draws: int = DRAWS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row for each number of pairs and draw; and rows over test items, with columns `n_fit` and `draw`."""
    chosen, study = case.branch(case.choice), case.study
    sites = [site for site, _ in chosen.parts]
    held_out = torch.as_tensor(study.alignment.split.test)
    source, target = (
        torch.stack([case.states.at(site, code) for site in sites]) for code in (study.source, study.target)
    )
    branches: list[Branch] = []
    points = []
    for size, draw, maps in drawn(case, aligner, draws):
        also = tuple(zip(sites, maps.aligners, strict=True))[1:]
        branches.append(replace(chosen, aligner=f"{aligner}:{size}", seed=draw, map=maps[0], also=also))
        r2 = sum(maps.held_out(source, target, held_out)) / len(maps)
        points.append({"n_fit": size, "draw": draw, "r2": r2})
    rows = case.on_test(branches, f"few-pairs-{aligner}")
    clean = float(rows[rows.aligner == CLEAN].correct.mean())
    patched = rows[rows.aligner != CLEAN]
    counts = patched.aligner.str.rpartition(":")[2].astype(int)
    patched = patched.assign(n_fit=counts.to_numpy(), draw=patched.seed.astype(int).to_numpy())
    right = patched.groupby(["n_fit", "draw"]).correct.mean().astype(float).rename("accuracy").reset_index()
    about = case.facts | {
        "site": chosen.where,
        "layer": case.choice.layer,
        "aligner": aligner,
        "split": "test",
    }
    table = pd.DataFrame(points).merge(right, on=["n_fit", "draw"]).assign(**about)
    order = [
        "model",
        "task",
        "pair",
        "site",
        "layer",
        "aligner",
        "seed",
        "split",
        "n_fit",
        "draw",
        "accuracy",
    ]
    table = table.assign(
        gain=table.accuracy - clean, d_model=source.shape[-1], n=int(patched.example.nunique())
    )
    return table[[*order, "gain", "r2", "d_model", "n"]], patched


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
    found: dict[str, Number] = {
        "d_model": width,
        "worst_r2_pairs": int(counts[r2.argmin()]),
        "worst_r2": float(r2.min()),
    }
    near = np.flatnonzero((counts >= width / 2) & (counts <= 2 * width))
    if len(near) and near[accuracy[near].argmin()] > 0:
        lowest = near[accuracy[near].argmin()]
        dent = float(accuracy[lowest] - accuracy[:lowest].max())
        found |= {"dent_pairs": int(counts[lowest]), "dent": dent}
    return found


def in_words(low: Mapping[str, Number]) -> str:
    """Where the curve is lowest."""
    words = f"held-out R² is lowest with {low['worst_r2_pairs']} pairs ({signed(low['worst_r2'], 2)})"
    if "dent" not in low:
        return words
    if float(low["dent"] or 0) >= 0:
        return f"{words}; no dent near n = d = {low['d_model']}"
    dent = f"{low['dent_pairs']} pairs bring {signed(low['dent'])} to fewer"
    return f"{words}; dent near n = d = {low['d_model']}: {dent}"


def _judge(ground: Ground, aligner: str) -> Finding:
    tables, parts = [], []
    for case in ground.cases:
        n = len(case.study.alignment.split.fit)
        if case.choice.layer is None or n < ENOUGH * FEW:
            continue
        table, rows = curve(case, aligner)
        tables.append(table)
        few, whole = (mean_over_draws(rows[rows.n_fit == size]) for size in (FEW, n))
        parts.append(Part(case.facts, few, whole))
    if not parts:
        return undecided(
            f"no pair with a patch that dev prefers and {ENOUGH * FEW:g} sentences to fit on or more"
        )
    found, table = difference(parts, ground.delta), pd.concat(tables, ignore_index=True)
    ruling, low = does_as_well(found), worst(table)
    most = int(table.n_fit.max())
    pairs = table_of(parts, "accuracy_few", "accuracy_all", ground.delta, does_as_well)
    what = f"{aligner.replace('_', ' ')}: accuracy with {FEW} pairs less that with all {most}"
    sentence = f"{what}: {found}{alone(pairs)}; {in_words(low)}"
    numbers = found.numbers | {"few": FEW, "all": most} | low
    return Finding(ruling.verdict, sentence, numbers, table, ruling.p)


_RULE = (
    f"Accuracy on test with a map fitted on {FEW} pairs (mean of {DRAWS} draws) less that with all of "
    "them, at the layer, formula and strength that the study chose. Supported where it is shown to lose "
    "less than δ; not supported where it is not and the interval lies below 0."
)

CLAIMS = (
    Claim(
        "few_pairs",
        "A few hundred pairs suffice, with regularisation.",
        _RULE,
        "INCLINE fits on 500 pairs, arXiv:2410.12462; here by ridge",
        partial(_judge, aligner="ridge"),
    ),
    Claim(
        "few_pairs_plain",
        "A few hundred pairs suffice, without regularisation.",
        _RULE,
        "INCLINE fits on 500 pairs by least squares, arXiv:2410.12462",
        partial(_judge, aligner="least_squares"),
    ),
)
