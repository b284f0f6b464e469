"""Tables on the states of two languages: chance, layer grids, confounds, geometry, logit lens, neurons."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from workbench.core.errors import InputError, SiteError, attempt
from workbench.core.languages import main_script
from workbench.core.settings import Settings
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
from workbench.results import COLUMNS
from workbench.states import Activations, capture, measured_at, named_metric, similarity_table
from workbench.stats import jackknife_interval, mean_interval
from workbench.text import ParallelText, Split

Groups = Sequence[str] | None
"""The document of each held-out sentence, where the text tells."""
NAN = float("nan")
COMPONENT: Component = "resid_post"
"""Where states are mapped."""
NEURONS: Component = "mlp_act"
OF_SENTENCES = {"flatness": flatness, "sparsity": sparsity}
"""Measures of neurons with a number for each sentence of a language."""
RANKS = "rank_correlation"


def as_table(name: str, rows: Sequence[Any], **kinds: str) -> pd.DataFrame:
    """Rows as the table of that name, its columns in the order of the schema."""
    table, columns = pd.DataFrame(rows), COLUMNS[name]
    assert set(table) <= set(columns), f"the table {name} has columns that are not in its schema"
    return table[[column for column in columns if column in table]].astype({"layer": "Int64"} | kinds)


@dataclass
class Similarity:
    """The states of two languages, and the tables on them that need neither maps nor a task."""

    model: LanguageModel
    text: ParallelText
    source: str
    target: str
    store: Path
    settings: Settings = field(default_factory=Settings)
    progress: Progress = silent

    def __post_init__(self) -> None:
        # Which sentences are held out must not depend on what other languages say.
        self.text = self.text.only([self.source, self.target])
        self.languages = (self.source, self.target)
        self.pair = f"{self.source}-{self.target}"
        # The columns of every table.
        self.facts = {"model": self.model.info.name, "pair": self.pair, "seed": self.settings.seed}

    @cached_property
    def split(self) -> Split:
        """The sentences to fit on (`fit`), and those to measure on (`test`)."""
        held_out = self.settings.held_out
        return self.text.split(fit=1 - held_out, dev=0.0, test=held_out, seed=self.settings.seed)

    @property
    def groups(self) -> list[str] | None:
        """The document of each held-out sentence, where the text tells."""
        groups = self.text.groups
        return None if groups is None else [groups[int(row)] for row in self.split.test]

    def capture(self) -> Activations:
        """Last-token states of both languages, at the embedding and after every layer."""
        return self._capture(self.text, ("embed", COMPONENT))

    def _capture(self, text: ParallelText, sites: Sequence[str | Site]) -> Activations:
        return capture(self.model, text, sites=sites, pool="last", store=self.store, progress=self.progress)

    def sides(self, states: Activations) -> Iterator[tuple[Site, Tensor, Tensor]]:
        """Each site, with the states of source and target there, on held-out sentences."""
        for site in states.sites:
            x, y = (states.at(site, language)[self.split.test] for language in self.languages)
            yield site, x, y

    def row(self, site: Site, measure: str, numbers: dict[str, Any], note: str) -> dict[str, Any]:
        """A table row on a measure at a site."""
        counts = {"n": len(self.split.test), "note": note}
        return self.facts | measured_at(site, measure, "held_out") | numbers | counts

    def similarity_table(self, states: Activations, blocks: int | None = None) -> pd.DataFrame:
        """Every metric on held-out sentences, with intervals; for measures of sets only with `blocks`."""
        where = (self.facts, states, self.source, self.target, self.split.test)
        return similarity_table(*where, self.groups, blocks, self.progress)

    def null_table(self, states: Activations, draws: int = 200) -> pd.DataFrame:
        """Every metric beside its values with held-out sentences paired at random."""
        # Shuffling takes sentences to be exchangeable, which those of one document are not.
        caution = "" if self.groups is None else "sentences come in documents: p is too small"
        table, total = [], len(states.sites) * len(METRICS)
        for site, x, y in self.sides(states):
            for name, metric in METRICS.items():
                null, note = attempt(permutation_null, metric, x, y, draws=draws, seed=self.settings.seed)
                if draws < 1:
                    raise InputError(note)
                numbers = dict.fromkeys(("value", "null_mean", "null_low", "null_high", "p"), NAN)
                if not note:
                    low, high = torch.quantile(null.null, torch.tensor([0.05, 0.95], dtype=torch.float64))
                    ends = {"null_low": float(low), "null_high": float(high)}
                    numbers |= {"value": null.value, "null_mean": float(null.null.mean()), "p": null.p} | ends
                table.append(self.row(site, name, numbers | {"draws": draws}, note or caution))
                self.progress(f"null {self.pair}", len(table), total)
        return as_table("null", table)

    def grid_table(self, states: Activations, metric: str = "cka_debiased") -> pd.DataFrame:
        """One metric of every layer with every layer, within each language and across them."""
        places = [(code, site) for code in self.languages for site in states.sites]
        # All layers of both languages in one stack, so that each Gram matrix is computed once.
        layers = [states.at(site, code)[self.split.test] for code, site in places]
        values, notes = _grid(named_metric(metric), layers, self.progress)
        table = []
        for (i, (language, site)), (j, (other, other_site)) in product(enumerate(places), repeat=2):
            if (language, other) == (self.target, self.source):
                continue
            about: dict[str, Any] = {"language": language, "other_language": other}
            about |= {f"other_{name}": value for name, value in other_site.columns.items()}
            numbers = about | {"value": float(values[i, j])}
            table.append(self.row(site, metric, numbers, notes[i] or notes[j]))
        return as_table("grid", table, other_layer="Int64")

    def confounds_table(self, states: Activations) -> pd.DataFrame:
        """Rank correlation of measures (signed: more is better) with length, fertility, tokens and script."""
        sides = ([self.text[code][int(row)] for row in self.split.test] for code in self.languages)
        properties = text_properties(self.model.tokens, *sides)
        table = []
        for site, x, y in self.sides(states):
            scores, notes = {}, {}
            for name, metric in METRICS.items():
                parts, notes[name] = attempt(metric.by_sentence, x, y)
                if not notes[name]:
                    scores[name] = parts.cpu() if metric.higher_is_better else -parts.cpu()
            followed = confounds(scores, properties) if scores else []
            by_name = {(each.measure, each.confound): each for each in followed}
            for measure, confound in product(METRICS, properties):
                each = by_name.get((measure, confound))
                numbers = {name: each and getattr(each, name) for name in ("rho", "low", "high")}
                numbers |= {"confound": confound, "mean": float(properties[confound].mean())}
                constant = "one of the two is constant" if each and each.constant else ""
                table.append(self.row(site, measure, numbers, notes[measure] or constant))
        return as_table("confounds", table, rho="Float64", low="Float64", high="Float64")

    def geometry_table(self, states: Activations) -> pd.DataFrame:
        """Every geometry at the embedding and at each layer, of a language or of both; the logit lens."""
        table = []
        for site, x, y in self.sides(states):
            for name, geometry in GEOMETRY.items():
                one = geometry.languages == 1
                whose = {self.source: (x,), self.target: (y,)} if one else {None: (x, y)}
                for language, given in whose.items():
                    value, note = attempt(geometry, *given)
                    table.append(self.row(site, name, {"language": language, "value": value}, note))
        table += self._lens_rows(states)
        return as_table("geometry", table, language="string")

    def _lens_rows(self, states: Activations) -> Iterator[dict[str, Any]]:
        """Entropy of the logit lens, and its probability on tokens that only one of the languages uses."""
        model = self.model
        own = own_tokens(model, self.text, self.languages).to(model.device)
        # A language all of whose tokens the other has too has no share to read.
        note = "" if own.any(1).all() else "a language has no token that is its own alone"
        for site, *sides in self.sides(states):
            for place, language in enumerate(self.languages):
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
                    yield self.row(site, name, {"language": language, "value": value}, note)

    def feed_forward_table(self) -> pd.DataFrame:
        """How evenly feed-forward neurons are active at sentence ends, and whether in one order in both."""
        readable, missing = feed_forward_sites(self.model)
        return self.neurons_table(self._capture(self.text, readable) if readable else None, missing)

    def neurons_table(self, states: Activations | None, missing: Mapping[Site, str]) -> pd.DataFrame:
        """Flatness and sparsity of each language, and the rank correlation of both, on held-out sentences.

        The rank correlation of one language is that of two halves of its sentences. A layer in `missing` has
        the reason in place of values.
        """
        table = []
        measured = [*product((*OF_SENTENCES, RANKS), self.languages), (RANKS, None)]
        for site in sorted({*missing, *(states.sites if states else ())}):
            given = {}
            if states and site not in missing:
                given = {code: states.at(site, code)[self.split.test].cpu() for code in self.languages}
            for name, language in measured:
                numbers = _neurons(name, language, given, self.groups) if given else _no_value(missing[site])
                table.append(self.row(site, name, {"language": language} | numbers, numbers["note"]))
        return as_table("feed_forward", table, language="string")


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


def own_tokens(model: LanguageModel, text: ParallelText, languages: Sequence[str]) -> Tensor:
    """[language, vocabulary]: the tokens that only this one of the languages uses in the text."""
    size = model.unembed(torch.zeros(1, model.info.d_model, device=model.device)).shape[-1]
    used = torch.zeros(len(languages), size, dtype=torch.bool)
    for row, language in enumerate(languages):
        for ids in model.tokens.encode(list(text[language])):
            used[row, ids[len(model.tokens.prefix) :]] = True
    return used & (used.sum(0) == 1)


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


def _neurons(name: str, language: str | None, given: Mapping[str, Tensor], groups: Groups) -> dict[str, Any]:
    """Value, interval and note: Student's for a mean over sentences, the jackknife's for a correlation."""
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
