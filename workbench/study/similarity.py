"""How alike two languages' states are: each measure with its interval, beside chance, and layer by layer."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from workbench.capture import Activations
from workbench.errors import InputError, did_you_mean
from workbench.measure import METRICS, MORE_METRICS, Metric, grid, permutation_null
from workbench.progress import Progress, silent
from workbench.stats import Interval, accuracy, jackknife_interval, mean_interval
from workbench.study.tables import Facts, measured_at

Groups = Sequence[str] | None
"""The document of each held-out sentence, where the text tells."""

NAN = float("nan")


def similarity_table(
    facts: Facts,
    states: Activations,
    source: str,
    target: str,
    rows: Any,
    groups: Groups = None,
    blocks: int | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Each metric at the embedding and at each layer, on held-out sentences.

    A mean of per-query scores has an interval over these scores. With `blocks` the other measures have the
    jackknife's over that many groups of sentences, since a sentence that is drawn twice, as in a bootstrap,
    would match itself.
    """
    table, total = [], len(states.sites) * len(METRICS)
    for site in states.sites:
        x, y = states.at(site, source)[rows], states.at(site, target)[rows]
        for name, metric in METRICS.items():
            numbers: dict[str, Any] = {"value": NAN, "low": NAN, "high": NAN, "interval": "", "n": len(rows)}
            note = ""
            try:
                numbers["value"] = metric(x, y)
                kind, found = _interval(metric, x, y, groups, blocks)
                if found:
                    numbers |= {"low": found.low, "high": found.high, "interval": kind}
            except InputError as error:
                # One site may hold nothing to compare: sentences that all end in one token, embedded.
                note = str(error)
            table.append(facts | measured_at(site, name, "held_out") | numbers | {"note": note})
            progress(f"measure {facts['pair']}", len(table), total)
    return pd.DataFrame(table).astype({"layer": "Int64"})


def _interval(
    metric: Metric, x: Tensor, y: Tensor, groups: Groups, blocks: int | None
) -> tuple[str, Interval | None]:
    """Of which kind the interval is, and the interval where there is to be one."""
    if groups is not None and len(set(groups)) < 2:
        raise InputError("no interval: all held-out sentences are of one document")
    if metric.per_query is not None:
        return "queries", _of_queries(metric, metric.per_query(x, y).cpu(), groups)
    if blocks:
        whole = jackknife_interval(lambda i: metric(x[i], y[i]), len(x), groups, blocks=blocks)
        return "jackknife", whole
    return "", None


def _of_queries(metric: Metric, scores: Tensor, groups: Groups) -> Interval:
    """That of an accuracy where all scores are 0 or 1: none found is then not none for certain."""
    if bool(((scores == 0) | (scores == 1)).all()):
        return accuracy(scores.numpy(), groups)
    found = mean_interval(scores.numpy(), groups)
    lowest, highest = metric.range
    return replace(found, low=max(found.low, lowest), high=min(found.high, highest))


def null_table(
    facts: Facts,
    states: Activations,
    source: str,
    target: str,
    rows: Any,
    draws: int,
    groups: Groups = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Each metric beside what it gives when held-out sentences are paired at random, `draws` times."""
    # Shuffling takes sentences to be exchangeable, which those of one document are not.
    caution = "" if groups is None else "sentences come in documents: p is too small"
    table, total = [], len(states.sites) * len(METRICS)
    for site in states.sites:
        x, y = states.at(site, source)[rows], states.at(site, target)[rows]
        for name, metric in METRICS.items():
            numbers = dict.fromkeys(("value", "null_mean", "null_low", "null_high", "p"), NAN)
            note = caution
            try:
                found = permutation_null(metric, x, y, draws=draws, seed=facts["seed"])
                low, high = torch.quantile(found.null, torch.tensor([0.05, 0.95], dtype=torch.float64))
                numbers = {
                    "value": found.value,
                    "null_mean": float(found.null.mean()),
                    "null_low": float(low),
                    "null_high": float(high),
                    "p": found.p,
                }
            except InputError as error:
                if draws < 1:
                    raise
                note = str(error)
            counts = {"draws": draws, "n": len(rows), "note": note}
            table.append(facts | measured_at(site, name, "held_out") | numbers | counts)
            progress(f"null {facts['pair']}", len(table), total)
    return pd.DataFrame(table).astype({"layer": "Int64"})


def grid_table(
    facts: Facts,
    states: Activations,
    source: str,
    target: str,
    rows: Any,
    metric: str = "cka_debiased",
    progress: Progress = silent,
) -> pd.DataFrame:
    """One metric of every layer with every layer: within each language, and source with target."""
    places = [(code, site) for code in (source, target) for site in states.sites]
    # All layers of both languages in one stack, so that each Gram matrix is computed once.
    layers = [states.at(site, code)[rows] for code, site in places]
    values, notes = _grid(named_metric(metric), layers, progress)
    table = []
    for i, (language, site) in enumerate(places):
        for j, (other_language, other_site) in enumerate(places):
            if (language, other_language) == (target, source):
                continue
            other = measured_at(other_site, metric, "held_out")
            numbers = {
                "language": language,
                "other_language": other_language,
                "other_site": other["site"],
                "other_layer": other["layer"],
                "value": float(values[i, j]),
                "n": len(rows),
                "note": notes[i] or notes[j],
            }
            table.append(facts | measured_at(site, metric, "held_out") | numbers)
    return pd.DataFrame(table).astype({"layer": "Int64", "other_layer": "Int64"})


def _grid(metric: Metric, layers: list[Tensor], progress: Progress) -> tuple[Tensor, list[str]]:
    """The grid, with NaN and a reason at layers where there is nothing to compare."""
    notes = [""] * len(layers)
    try:
        return grid(metric, layers, progress=progress), notes
    except InputError:
        notes = [_reason(metric, layer) for layer in layers]
    usable = [i for i, note in enumerate(notes) if not note]
    values = torch.full((len(layers), len(layers)), NAN, dtype=torch.float64)
    if usable:
        index = torch.tensor(usable)
        values[index[:, None], index] = grid(metric, [layers[i] for i in usable], progress=progress)
    return values, notes


def _reason(metric: Metric, layer: Tensor) -> str:
    try:
        metric(layer, layer)
    except InputError as error:
        return str(error)
    return ""


def named_metric(name: str) -> Metric:
    """A metric by its name."""
    known = METRICS | MORE_METRICS
    if name not in known:
        raise InputError(f"unknown measure {name!r}: {did_you_mean(name, known)}")
    return known[name]
