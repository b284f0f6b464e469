"""Statistics of feed-forward neurons per layer and language, and their correlation between languages."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from workbench.core.errors import InputError, SiteError
from workbench.core.types import Component, Site
from workbench.measures import flatness, neuron_rank_correlation, sparsity
from workbench.models import LanguageModel
from workbench.states import Activations, measured_at
from workbench.stats import Interval, Statistic, jackknife_interval, mean_interval
from workbench.study.tables import Facts

COMPONENT: Component = "mlp_act"
"""Where neurons are read."""

OF_SENTENCES = {"flatness": flatness, "sparsity": sparsity}
"""What is a number for each sentence of a language."""
RANKS = "rank_correlation"

Groups = Sequence[str] | None
"""The document of each held-out sentence, where the text tells."""
Numbers = dict[str, Any]
"""Value, interval and note of a row."""


def feed_forward_sites(model: LanguageModel) -> tuple[list[Site], dict[Site, str]]:
    """Every layer whose neurons can be read, and of each other one why not."""
    there, missing = [], {}
    for site in (Site(layer, COMPONENT) for layer in range(model.info.n_layers)):
        try:
            _check_neurons(model, site)
            there.append(site)
        except SiteError as error:
            missing[site] = str(error)
    return there, missing


def _check_neurons(model: LanguageModel, site: Site) -> None:
    # Of a layer of experts a backend may give the layer's output under both names.
    if model.check_site(site) is model.check_site(Site(site.layer, "mlp_out")):
        raise SiteError(f"{model.info.architecture} does not show its neurons at {site}, only their output")


def feed_forward_table(
    facts: Facts,
    states: Activations | None,
    missing: Mapping[Site, str],
    source: str,
    target: str,
    rows: Any,
    groups: Groups = None,
) -> pd.DataFrame:
    """Flatness and sparsity of each language, and the rank correlation of both, on held-out sentences.

    Of one language it is that of two halves of its sentences: what is lost by their small number alone.
    `states` are None where no layer's neurons can be read; a layer in `missing` has rows without a value.
    """
    table, pair = [], (source, target)
    for site in sorted({*missing, *(states.sites if states else ())}):
        if states is None or site in missing:
            found = [(*what, _without(missing[site])) for what in _all_rows(pair)]
        else:
            found = _of_site({code: states.at(site, code)[rows].cpu() for code in pair}, groups)
        for name, language, numbers in found:
            common = facts | measured_at(site, name, "held_out") | {"language": language, "n": len(rows)}
            table.append(common | numbers)
    return pd.DataFrame(table).astype({"layer": "Int64", "language": "string"})


def _all_rows(pair: Sequence[str]) -> list[tuple[str, str | None]]:
    """The rows of one layer: what is measured, and whose it is."""
    return [*product((*OF_SENTENCES, RANKS), pair), (RANKS, None)]


def _of_site(given: Mapping[str, Tensor], groups: Groups) -> list[tuple[str, str | None, Numbers]]:
    return [
        (name, language, _numbers(name, language, given, groups)) for name, language in _all_rows([*given])
    ]


def _numbers(name: str, language: str | None, given: Mapping[str, Tensor], groups: Groups) -> Numbers:
    x, y = given.values()
    if language is None:
        return _correlation(len(x), groups, lambda i: neuron_rank_correlation(x[i], y[i]))
    if name == RANKS:
        return _correlation(len(x), groups, partial(_of_halves, given[language], groups))
    return _of_sentences(name, given[language], groups)


def _of_sentences(name: str, activations: Tensor, groups: Groups) -> Numbers:
    """The mean over sentences, with Student's interval."""
    try:
        scores = OF_SENTENCES[name](activations)
    except InputError as error:
        return _without(str(error))
    return _with(mean_interval(scores.numpy(), groups), 0.0)


def _of_halves(activations: Tensor, groups: Groups, rows: Any) -> float:
    """Every other sentence with the rest; with documents, every other document."""
    documents = range(len(activations)) if groups is None else list(groups)
    number = {document: at for at, document in enumerate(dict.fromkeys(documents))}
    odd = torch.tensor([number[documents[int(row)]] % 2 == 1 for row in rows])
    if odd.all() or not odd.any():
        raise InputError("one sentence or one document has no halves")
    a = activations[rows]
    return neuron_rank_correlation(a[odd], a[~odd])


def _correlation(n: int, groups: Groups, statistic: Statistic) -> Numbers:
    """A correlation with the jackknife's interval over sentences.

    The interval is of the correlation at this number of sentences, not of what it would be without noise.
    """
    try:
        value = statistic(np.arange(n))
    except InputError as error:
        return _without(str(error))
    try:
        return _with(jackknife_interval(statistic, n, groups), -1.0)
    except InputError as error:
        return _without(f"no interval: {error}") | {"value": value}


def _with(found: Interval, lowest: float) -> Numbers:
    """Value and interval, no wider than values can be; from one sentence or document there is none."""
    if math.isinf(found.low):
        return _without("no interval: one sentence or one document") | {"value": found.estimate}
    low, high = max(found.low, lowest), min(found.high, 1.0)
    return {"value": found.estimate, "low": low, "high": high, "note": ""}


def _without(note: str) -> Numbers:
    return dict.fromkeys(("value", "low", "high"), float("nan")) | {"note": note}
