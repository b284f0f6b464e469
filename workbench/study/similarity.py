"""Tables on the states of two languages: chance, layer grids, confounds, geometry, the logit lens."""

import re
from collections.abc import Sequence
from itertools import product
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from workbench.core.errors import InputError
from workbench.core.languages import main_script
from workbench.core.types import Progress, silent
from workbench.measures import (
    GEOMETRY,
    METRICS,
    Metric,
    confounds,
    grid,
    permutation_null,
    read_lens,
)
from workbench.models import LanguageModel, TokenReader
from workbench.states import Activations, measured_at, named_metric
from workbench.study.tables import Facts
from workbench.text import ParallelText

Groups = Sequence[str] | None
"""The document of each held-out sentence, where the text tells."""

NAN = float("nan")


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


# What sentences differ in anyway (length, fertility, tokens, script), and whether a measure follows it.


def text_properties(tokens: TokenReader, source: Sequence[str], target: Sequence[str]) -> dict[str, Tensor]:
    """Numbers per sentence pair that are known before any state is looked at.

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


def confounds_table(
    facts: Facts,
    tokens: TokenReader,
    text: ParallelText,
    states: Activations,
    source: str,
    target: str,
    rows: Any,
) -> pd.DataFrame:
    """Rank correlation, over held-out sentences, of what each adds to a measure with what it is like anyway.

    What it adds is turned so that more is better, also of a measure of which less is.
    """
    sides = ([text[code][int(row)] for row in rows] for code in (source, target))
    properties = text_properties(tokens, *sides)
    table = []
    for site in states.sites:
        x, y = states.at(site, source)[rows], states.at(site, target)[rows]
        scores, notes = _scores(x, y)
        found = {(one.measure, one.confound): one for one in confounds(scores, properties)} if scores else {}
        for measure, confound in product(METRICS, properties):
            one = found.get((measure, confound))
            numbers = {
                "confound": confound,
                "rho": one and one.rho,
                "low": one and one.low,
                "high": one and one.high,
                "mean": float(properties[confound].mean()),
                "n": len(rows),
                "note": notes[measure] or ("one of the two is constant" if one and one.constant else ""),
            }
            table.append(facts | measured_at(site, measure, "held_out") | numbers)
    kinds = dict.fromkeys(("rho", "low", "high"), "Float64")
    return pd.DataFrame(table).astype({"layer": "Int64"} | kinds)


def _scores(x: Tensor, y: Tensor) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What each sentence adds to each measure, more being better; or why that cannot be told."""
    scores, notes = {}, {}
    for name, metric in METRICS.items():
        notes[name] = ""
        try:
            parts = metric.by_sentence(x, y).cpu()
            scores[name] = parts if metric.higher_is_better else -parts
        except InputError as error:
            notes[name] = str(error)
    return scores, notes


# Where each language's states lie, and what the model would say of them if it ended there.


def geometry_table(facts: Facts, states: Activations, source: str, target: str, rows: Any) -> pd.DataFrame:
    """Every geometry at the embedding and at each layer: of each language, or of the pair."""
    table = []
    for site in states.sites:
        x, y = states.at(site, source)[rows], states.at(site, target)[rows]
        for name, geometry in GEOMETRY.items():
            whose = {source: (x,), target: (y,)} if geometry.languages == 1 else {None: (x, y)}
            for language, given in whose.items():
                value, note = float("nan"), ""
                try:
                    value = geometry(*given)
                except InputError as error:
                    note = str(error)
                numbers = {"language": language, "value": value, "n": len(rows), "note": note}
                table.append(facts | measured_at(site, name, "held_out") | numbers)
    return pd.DataFrame(table).astype({"layer": "Int64", "language": "string"})


def lens_table(
    facts: Facts,
    model: LanguageModel,
    text: ParallelText,
    states: Activations,
    languages: Sequence[str],
    rows: Any,
) -> pd.DataFrame:
    """The logit lens at each layer: entropy, and the share of probability on each language's own tokens.

    A language's own tokens are those that occur in its sentences and in none of the other's, so that
    shares are a lower bound and shared words count for neither.
    """
    own = own_tokens(model, text, languages).to(model.device)
    # A language all of whose tokens the other has too has no share to read.
    note = "" if own.any(1).all() else "a language has no token that is its own alone"
    table = []
    for site in states.sites:
        for language in languages:
            values = dict.fromkeys(("lens_entropy", "lens_share_own", "lens_share_other"), float("nan"))
            if not note:
                h = states.at(site, language)[rows].to(model.device)
                values = _read(model, h, own, list(languages).index(language))
            for name, value in values.items():
                numbers = {"language": language, "value": value, "n": len(rows), "note": note}
                table.append(facts | measured_at(site, name, "held_out") | numbers)
    return pd.DataFrame(table).astype({"layer": "Int64", "language": "string"})


@torch.no_grad()
def _read(model: LanguageModel, h: Tensor, own: Tensor, mine: int) -> dict[str, float]:
    found = read_lens(h, model.final_norm, model.unembed, own)
    shares = found.share.mean(1)
    return {
        "lens_entropy": float(found.entropy.mean()),
        "lens_share_own": float(shares[mine]),
        "lens_share_other": float(shares.sum() - shares[mine]),
    }


def own_tokens(model: LanguageModel, text: ParallelText, languages: Sequence[str]) -> Tensor:
    """[language, vocabulary]: the tokens that only this one of the languages uses in the text."""
    size = model.unembed(torch.zeros(1, model.info.d_model, device=model.device)).shape[-1]
    used = torch.zeros(len(languages), size, dtype=torch.bool)
    for row, language in enumerate(languages):
        for ids in model.tokens.encode(list(text[language])):
            used[row, ids[len(model.tokens.prefix) :]] = True
    return used & (used.sum(0) == 1)
