"""Tables on the states of two languages: chance, layer grids, confounds, geometry, logit lens, neurons."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from workbench.core.errors import InputError, SiteError, attempt
from workbench.core.languages import main_script
from workbench.core.types import Component, Progress, Site, silent
from workbench.measures import (
    GEOMETRY,
    METRICS,
    Metric,
    confounds,
    flatness,
    grid,
    neuron_rank_correlation,
    permutation_null,
    read_lens,
    sparsity,
)
from workbench.models import LanguageModel, TokenReader
from workbench.states import Activations, measured_at, named_metric
from workbench.stats import jackknife_interval, mean_interval
from workbench.text import ParallelText

Facts = dict[str, Any]
"""The columns of every table: model, pair and seed. docs/tables.md explains all columns."""
Groups = Sequence[str] | None
"""The document of each held-out sentence, where the text tells."""
NAN = float("nan")


@dataclass(frozen=True)
class HeldOut:
    """The held-out sentences of a pair, with their states in both languages."""

    facts: Facts
    states: Activations
    pair: tuple[str, str]
    rows: Any
    groups: Groups = None

    def sides(self) -> Iterator[tuple[Site, Tensor, Tensor]]:
        """Each site, with the states of source and target there."""
        source, target = self.pair
        for site in self.states.sites:
            yield site, self.states.at(site, source)[self.rows], self.states.at(site, target)[self.rows]

    def row(self, site: Site, measure: str, numbers: dict[str, Any], note: str) -> dict[str, Any]:
        """A table row on a measure at a site."""
        counts = {"n": len(self.rows), "note": note}
        return self.facts | measured_at(site, measure, "held_out") | numbers | counts


def null_table(sentences: HeldOut, draws: int, progress: Progress = silent) -> pd.DataFrame:
    """Each metric beside its values with held-out sentences paired at random, `draws` times."""
    # Shuffling takes sentences to be exchangeable, which those of one document are not.
    caution = "" if sentences.groups is None else "sentences come in documents: p is too small"
    facts, table, total = sentences.facts, [], len(sentences.states.sites) * len(METRICS)
    for site, x, y in sentences.sides():
        for name, metric in METRICS.items():
            null, note = attempt(permutation_null, metric, x, y, draws=draws, seed=facts["seed"])
            if draws < 1:
                raise InputError(note)
            numbers = dict.fromkeys(("value", "null_mean", "null_low", "null_high", "p"), NAN)
            if not note:
                low, high = torch.quantile(null.null, torch.tensor([0.05, 0.95], dtype=torch.float64))
                numbers = {
                    "value": null.value,
                    "null_mean": float(null.null.mean()),
                    "null_low": float(low),
                    "null_high": float(high),
                    "p": null.p,
                }
            table.append(sentences.row(site, name, numbers | {"draws": draws}, note or caution))
            progress(f"null {facts['pair']}", len(table), total)
    return pd.DataFrame(table).astype({"layer": "Int64"})


def grid_table(sentences: HeldOut, metric: str = "cka_debiased", progress: Progress = silent) -> pd.DataFrame:
    """One metric of every layer with every layer: within each language, and source with target."""
    source, target = sentences.pair
    states = sentences.states
    places = [(code, site) for code in sentences.pair for site in states.sites]
    # All layers of both languages in one stack, so that each Gram matrix is computed once.
    layers = [states.at(site, code)[sentences.rows] for code, site in places]
    values, notes = _grid(named_metric(metric), layers, progress)
    table = []
    for i, (language, site) in enumerate(places):
        for j, (other_language, other_site) in enumerate(places):
            if (language, other_language) == (target, source):
                continue
            numbers = {
                "language": language,
                "other_language": other_language,
                "other_site": other_site.columns["site"],
                "other_layer": other_site.columns["layer"],
                "value": float(values[i, j]),
            }
            table.append(sentences.row(site, metric, numbers, notes[i] or notes[j]))
    return pd.DataFrame(table).astype({"layer": "Int64", "other_layer": "Int64"})


def _grid(metric: Metric, layers: list[Tensor], progress: Progress) -> tuple[Tensor, list[str]]:
    """The grid, with NaN and a reason at layers where there is nothing to compare."""
    values, note = attempt(grid, metric, layers, progress=progress)
    if not note:
        return values, [""] * len(layers)
    notes = [attempt(metric, layer, layer)[1] for layer in layers]
    values = torch.full((len(layers), len(layers)), NAN, dtype=torch.float64)
    if usable := [i for i, note in enumerate(notes) if not note]:
        index = torch.tensor(usable)
        values[index[:, None], index] = grid(metric, [layers[i] for i in usable], progress=progress)
    return values, notes


# What sentences differ in anyway (length, fertility, tokens, script), and whether a measure follows it.


def text_properties(tokens: TokenReader, source: Sequence[str], target: Sequence[str]) -> dict[str, Tensor]:
    """Properties of the text of each sentence pair.

    length         tokens of the source
    length_ratio   |ln(source tokens / target tokens)|
    fertility      tokens per word of the source, over that of the target
    shared_tokens  share of the source's different tokens that the target has too
    same_script    1 where most letters of both are of one script
    """
    here, there = (
        [ids[len(tokens.prefix) :] for ids in tokens.encode(list(side))] for side in (source, target)
    )
    n = torch.tensor([[len(ids) for ids in side] for side in (here, there)]).clamp(min=1).double()
    words = torch.tensor([[len(re.findall(r"\S+", text)) for text in side] for side in (source, target)])
    per_word = n / words.clamp(min=1)
    shared = [len({*a} & {*b}) / max(1, len({*a})) for a, b in zip(here, there, strict=True)]
    scripts = [main_script(a) == main_script(b) for a, b in zip(source, target, strict=True)]
    return {
        "length": n[0],
        "length_ratio": (n[0] / n[1]).log().abs(),
        "fertility": per_word[0] / per_word[1],
        "shared_tokens": torch.tensor(shared, dtype=torch.float64),
        "same_script": torch.tensor(scripts, dtype=torch.float64),
    }


def confounds_table(sentences: HeldOut, tokens: TokenReader, text: ParallelText) -> pd.DataFrame:
    """Rank correlation over held-out sentences of their part in a measure with their properties.

    Parts are signed so that more is better, also of a measure of which less is better.
    """
    properties = text_properties(
        tokens, *([text[code][int(row)] for row in sentences.rows] for code in sentences.pair)
    )
    table = []
    for site, x, y in sentences.sides():
        scores, notes = {}, {}
        for name, metric in METRICS.items():
            parts, notes[name] = attempt(metric.by_sentence, x, y)
            if not notes[name]:
                scores[name] = parts.cpu() if metric.higher_is_better else -parts.cpu()
        followed = confounds(scores, properties) if scores else []
        by_name = {(each.measure, each.confound): each for each in followed}
        for measure, confound in product(METRICS, properties):
            each = by_name.get((measure, confound))
            numbers = {
                "confound": confound,
                "rho": each and each.rho,
                "low": each and each.low,
                "high": each and each.high,
                "mean": float(properties[confound].mean()),
            }
            constant = "one of the two is constant" if each and each.constant else ""
            table.append(sentences.row(site, measure, numbers, notes[measure] or constant))
    kinds = dict.fromkeys(("rho", "low", "high"), "Float64")
    return pd.DataFrame(table).astype({"layer": "Int64"} | kinds)


# Where each language's states lie, and the model's output if it ended there.


def geometry_table(sentences: HeldOut, model: LanguageModel, text: ParallelText) -> pd.DataFrame:
    """Every geometry at the embedding and at each layer, of each language or of the pair; the logit lens."""
    source, target = sentences.pair
    table = []
    for site, x, y in sentences.sides():
        for name, geometry in GEOMETRY.items():
            whose = {source: (x,), target: (y,)} if geometry.languages == 1 else {None: (x, y)}
            for language, given in whose.items():
                value, note = attempt(geometry, *given)
                table.append(sentences.row(site, name, {"language": language, "value": value}, note))
    table += _lens_rows(sentences, model, text)
    return pd.DataFrame(table).astype({"layer": "Int64", "language": "string"})


def _lens_rows(sentences: HeldOut, model: LanguageModel, text: ParallelText) -> Iterator[dict[str, Any]]:
    """Entropy of the logit lens, and its probability on the tokens of each language.

    A language's own tokens are those that occur in its sentences and in none of the other's, so that
    shares are a lower bound and shared words count for neither.
    """
    own = own_tokens(model, text, sentences.pair).to(model.device)
    # A language all of whose tokens the other has too has no share to read.
    note = "" if own.any(1).all() else "a language has no token that is its own alone"
    for site, *sides in sentences.sides():
        for place, language in enumerate(sentences.pair):
            values = dict.fromkeys(("lens_entropy", "lens_share_own", "lens_share_other"), NAN)
            if not note:
                with torch.no_grad():
                    lens = read_lens(sides[place].to(model.device), model.final_norm, model.unembed, own)
                shares = lens.share.mean(1)
                values = {
                    "lens_entropy": float(lens.entropy.mean()),
                    "lens_share_own": float(shares[place]),
                    "lens_share_other": float(shares.sum() - shares[place]),
                }
            for name, value in values.items():
                yield sentences.row(site, name, {"language": language, "value": value}, note)


def own_tokens(model: LanguageModel, text: ParallelText, languages: Sequence[str]) -> Tensor:
    """[language, vocabulary]: the tokens that only this one of the languages uses in the text."""
    size = model.unembed(torch.zeros(1, model.info.d_model, device=model.device)).shape[-1]
    used = torch.zeros(len(languages), size, dtype=torch.bool)
    for row, language in enumerate(languages):
        for ids in model.tokens.encode(list(text[language])):
            used[row, ids[len(model.tokens.prefix) :]] = True
    return used & (used.sum(0) == 1)


# Feed-forward neurons at the last token, layer by layer, and their order in the two languages.


NEURONS: Component = "mlp_act"
OF_SENTENCES = {"flatness": flatness, "sparsity": sparsity}
"""Measures with a number for each sentence of a language."""
RANKS = "rank_correlation"


def feed_forward_sites(model: LanguageModel) -> tuple[list[Site], dict[Site, str]]:
    """Every layer whose neurons can be read, and for each other one the reason."""
    readable, missing = [], {}
    for site in (Site(layer, NEURONS) for layer in range(model.info.n_layers)):
        try:
            # Of a layer of experts a backend may give the layer's output under both names.
            if model.check_site(site) is model.check_site(Site(site.layer, "mlp_out")):
                architecture = model.info.architecture
                raise SiteError(f"{architecture} does not show its neurons at {site}, only their output")
            readable.append(site)
        except SiteError as error:
            missing[site] = str(error)
    return readable, missing


def feed_forward_table(
    facts: Facts,
    states: Activations | None,
    missing: Mapping[Site, str],
    pair: tuple[str, str],
    rows: Any,
    groups: Groups = None,
) -> pd.DataFrame:
    """Flatness and sparsity of each language, and the rank correlation of both, on held-out sentences.

    The rank correlation of one language is that of two halves of its sentences: what their small number
    alone costs. `states` are None where no layer's neurons can be read; a layer in `missing` has rows
    without a value.
    """
    table = []
    measured = [*product((*OF_SENTENCES, RANKS), pair), (RANKS, None)]
    for site in sorted({*missing, *(states.sites if states else ())}):
        readable = None if site in missing else states
        given = {code: readable.at(site, code)[rows].cpu() for code in pair} if readable else {}
        for name, language in measured:
            numbers = _neurons(name, language, given, groups) if given else _no_value(missing[site])
            about = facts | measured_at(site, name, "held_out") | {"language": language, "n": len(rows)}
            table.append(about | numbers)
    return pd.DataFrame(table).astype({"layer": "Int64", "language": "string"})


def _neurons(name: str, language: str | None, given: Mapping[str, Tensor], groups: Groups) -> dict[str, Any]:
    """Value, interval and note of a row.

    A mean over sentences has Student's interval. A correlation has the jackknife's over sentences, which is
    of the correlation at this number of sentences, not of what it would be without noise.
    """
    if name != RANKS:
        scores, note = attempt(OF_SENTENCES[name], given[str(language)])
        if note:
            return _no_value(note)
        lowest, interval = 0.0, mean_interval(scores.numpy(), groups)
    else:
        x, y = given.values()
        statistic = (
            partial(_of_halves, given[language], groups)
            if language
            else lambda rows: neuron_rank_correlation(x[rows], y[rows])
        )
        value, note = attempt(statistic, np.arange(len(x)))
        if note:
            return _no_value(note)
        interval, note = attempt(jackknife_interval, statistic, len(x), groups)
        if note:
            return _no_value(f"no interval: {note}") | {"value": value}
        lowest = -1.0
    if math.isinf(interval.low):
        return _no_value("no interval: one sentence or one document") | {"value": interval.estimate}
    low, high = max(interval.low, lowest), min(interval.high, 1.0)
    return {"value": interval.estimate, "low": low, "high": high, "note": ""}


def _no_value(note: str) -> dict[str, Any]:
    return dict.fromkeys(("value", "low", "high"), NAN) | {"note": note}


def _of_halves(activations: Tensor, groups: Groups, rows: Any) -> float:
    """Every other sentence with the rest; with documents, every other document."""
    documents = range(len(activations)) if groups is None else list(groups)
    number = {document: at for at, document in enumerate(dict.fromkeys(documents))}
    odd = torch.tensor([number[documents[int(row)]] % 2 == 1 for row in rows])
    if odd.all() or not odd.any():
        raise InputError("one sentence or one document has no halves")
    a = activations[rows]
    return neuron_rank_correlation(a[odd], a[~odd])
