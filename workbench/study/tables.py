"""The tables of a study: fit, selection, predictors, and where each row stands."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from workbench.align import CONTROLS, LayerMaps, fit_facts, learning_curve
from workbench.core.errors import InputError
from workbench.core.types import Component, Progress, Site, silent
from workbench.measures import METRICS, caution, fit_quality, joint_plane, mismatch
from workbench.select import predicts
from workbench.states import Activations, measured_at
from workbench.study.result import Judgement, Outcome
from workbench.text import Split

# The tables of a study, one row schema each; docs/tables.md says what every column means.


Facts = dict[str, Any]
"""The columns every table carries: model, pair and seed."""


def fit_table(
    facts: Facts, maps: dict[str, LayerMaps], source: Any, target: Any, split: Split
) -> pd.DataFrame:
    """How near maps come on held-out sentences, for each layer and aligner, with what qualifies it."""
    rows = []
    for layer in range(len(source)):
        x, y = source[layer][split.test], target[layer][split.test]
        predicted = {aligner: fitted.transform(layer, x) for aligner, fitted in maps.items()}
        for aligner, fitted in maps.items():
            # A control stands beside the other ones: its error over its own would say nothing.
            controls = {name: predicted[name] for name in predicted if name in CONTROLS and name != aligner}
            quality, about = fit_quality(y, predicted[aligner], controls), fit_facts(fitted[layer])
            rows.append(
                facts
                | fitted_at(Site(layer), aligner, "held_out")
                | vars(quality)
                | {
                    "n_fit": about.n,
                    "n_held_out": len(split.test),
                    "d_model": source.shape[-1],
                    "rank": about.rank,
                    "condition": about.condition,
                    "penalty": getattr(fitted[layer], "penalty_", None),
                    "at_edge": getattr(fitted[layer], "at_edge_", None),
                    "warning": caution(about.n or 0, source.shape[-1], about.regularized) or "",
                }
            )
    numbers = ("condition", "ratio_to_control", "penalty")
    kinds = {"layer": "Int64", "rank": "Int64", "at_edge": "boolean"} | dict.fromkeys(numbers, "Float64")
    return pd.DataFrame(rows).astype(kinds)


def selection_table(facts: Facts, task: str, found: Judgement) -> pd.DataFrame:
    """One row per aligner: what was chosen on dev, and what it brings on test."""
    rows = [facts | _chosen(outcome, found) | {"task": task} for outcome in found.outcomes]
    numbers = ("strength", "regret", "refit_sd", "refit_low", "refit_high", "retention", "retention_low")
    kinds = {"layer": "Int64", "refits": "Int64", "noninferior": "boolean"}
    return pd.DataFrame(rows).astype(kinds | dict.fromkeys(numbers, "Float64"))


def _chosen(outcome: Outcome, found: Judgement) -> dict[str, Any]:
    choice, gain, verdict = outcome.choice, outcome.gain, outcome.verdict
    over = found.headline_over.get(choice.aligner)
    nowhere = choice.layer is None
    return {
        "site": None if nowhere else choice.also.get("site", str(Site(choice.layer or 0))),
        "layer": choice.layer,
        "aligner": choice.aligner,
        "split": "test",
        "intervention": choice.intervention,
        "positions": choice.also.get("positions"),
        "joint": choice.also.get("joint"),
        "strength": choice.strength,
        "control": outcome.is_control,
        "headline": outcome is found.headline,
        "dev_margin_gain": choice.margin_gain,
        "dev_gain": choice.accuracy_gain,
        "accuracy": outcome.accuracy.estimate,
        "gain": gain.estimate,
        "gain_low": gain.low,
        "gain_high": gain.high,
        "headline_over": over.estimate if over else None,
        "headline_over_low": over.low if over else None,
        "headline_over_high": over.high if over else None,
        "level": gain.level,
        "n": gain.n,
        "verdict": verdict.kind,
        "p": verdict.p,
        "detectable": verdict.detectable,
        "gained": verdict.gained,
        "lost": verdict.lost,
        "crossfit_gain": outcome.crossfit.gain,
        "selection_bias": outcome.crossfit.selection_bias,
        "regret": outcome.crossfit.regret,
        "agreement": outcome.crossfit.agreement,
    } | (_headline(found) if outcome is found.headline else dict.fromkeys(_HEADLINE))


_HEADLINE = ("refits", "refit_sd", "refit_low", "refit_high", "retention", "retention_low", "noninferior")


def _headline(found: Judgement) -> dict[str, Any]:
    """What only the patch that the study is about is asked."""
    fits, kept = found.refits, found.retained
    return dict.fromkeys(_HEADLINE) | {
        **({"refits": fits.n, "refit_sd": fits.sd} if fits else {}),
        **({"refit_low": fits.smallest, "refit_high": fits.largest} if fits else {}),
        **({"retention": kept.interval.estimate, "retention_low": kept.interval.low} if kept else {}),
        **({"noninferior": kept.holds} if kept else {}),
    }


def predictors_table(
    similarity: pd.DataFrame, exploration: pd.DataFrame, selection: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Which measure's curve over layers goes along with what the headline's patch brings there on dev.

    `exploration` and `selection` hold the headline's rows alone.
    """
    gains = exploration[exploration.joint == "one"]
    lower = tuple(name for name, metric in METRICS.items() if not metric.higher_is_better)
    table = predicts(similarity, gains, selection, lower, seed=seed)
    return table.assign(site=None, layer=pd.array([None] * len(table), "Int64"), seed=seed, split="dev")


def fitted_at(site: Site, aligner: str, split: str) -> dict[str, Any]:
    """Where a row about a fitted aligner stands."""
    return site.columns | {"aligner": aligner, "split": split}


# Mismatch between the states a map is applied to and those it was fitted on, layer by layer.


def mismatch_table(
    facts: Facts,
    task: str,
    sentences: Activations,
    prompts: Activations,
    language: str,
    fitted: Any,
    held_out: Any,
) -> pd.DataFrame:
    """States at the ends of a task's prompts against the sentence ends that maps are fitted on.

    `ratio_held_out` is the same of other sentences' ends: what the ratio is where there is no mismatch.
    """
    rows = []
    for site in sentences.sites:
        ends, asked = sentences.at(site, language), prompts.at(site, language)
        numbers = dict.fromkeys(("ratio", "shift", "outside", "outside_expected", "shrinkage"), float("nan"))
        reference, note = float("nan"), ""
        try:
            numbers = vars(mismatch(ends[fitted], asked))
            reference = mismatch(ends[fitted], ends[held_out]).ratio
        except InputError as error:
            note = str(error)
        counts = {"ratio_held_out": reference, "n_fit": len(fitted), "n": len(asked), "note": note}
        rows.append(facts | measured_at(site, "mismatch", "dev") | {"task": task} | numbers | counts)
    return pd.DataFrame(rows).astype({"layer": "Int64"})


# Learning curve: held-out R² over the number of sentence pairs, for several random samples.


FEWEST = 10
"""Pairs in the smallest set that is tried unasked."""
DRAWS = 5


def curve_sizes(n: int) -> list[int]:
    """n, its half, its quarter … down to 10 pairs, five sizes at most; the smallest first."""
    sizes = [n >> times for times in range(5)]
    return [size for size in reversed(sizes) if size >= FEWEST] or [n]


def check_curve(n: int, sizes: Sequence[int] | None, draws: int) -> None:
    """Refuse more pairs than there are to fit on, and no draw at all."""
    wrong = [size for size in sizes or [] if not 1 <= size <= n]
    if wrong or draws < 1:
        what = f"{wrong[0]} pairs" if wrong else f"{draws} draws"
        raise InputError(f"no learning curve of {what}: there are {n} pairs to fit on, and one draw at least")


def curve_table(
    facts: Facts,
    estimators: Mapping[str, Any],
    source: Tensor,
    target: Tensor,
    split: Split,
    sizes: Sequence[int] | None = None,
    draws: int = DRAWS,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Held-out R² of each aligner that is no control, for each number of pairs, layer and draw."""
    check_curve(len(split.fit), sizes, draws)
    sizes = sorted(set(sizes)) if sizes else curve_sizes(len(split.fit))
    fitted = {name: one for name, one in estimators.items() if name not in CONTROLS}
    if not fitted:
        raise InputError("a learning curve needs an aligner that is no control, such as ridge")
    rows = []
    for done, (name, size) in enumerate(product(fitted, sizes)):
        # One seed, so that every aligner and size sees the same draws.
        points = learning_curve(
            fitted[name], source, target, split.fit, split.test, [size], draws, facts["seed"]
        )
        for point in points:
            numbers = {"n_fit": point.n, "draw": point.draw, "r2": point.r2}
            about = {"n_held_out": len(split.test), "d_model": source.shape[-1]}
            rows.append(facts | fitted_at(Site(point.layer), name, "held_out") | numbers | about)
        progress(f"curve {facts['pair']}", done + 1, len(fitted) * len(sizes))
    return pd.DataFrame(rows).astype({"layer": "Int64"})


# Where sentences lie before and after a map, in the plane in which the two languages' states spread most.


SENTENCES = 100
"""So many of the held-out sentences at most, the same ones at every layer."""
NAN = float("nan")


def pca_table(
    facts: Facts,
    states: Activations,
    languages: tuple[str, str],
    rows: Any,
    aligner: str,
    maps: LayerMaps,
    component: Component,
    most: int = SENTENCES,
) -> pd.DataFrame:
    """Places of source, target and mapped source states in their joint plane, at each layer that has a map.

    The plane is that of the states before the map, and mapped ones are projected into it, so that before
    and after can be compared. The means of the languages are those of the points.
    """
    drawn = some_rows(rows, most, facts["seed"])
    table: list[dict[str, Any]] = []
    for layer in range(len(maps)):
        site = Site(layer, component)
        x, y = (states.at(site, language)[drawn] for language in languages)
        about = facts | fitted_at(site, aligner, "held_out") | {"n": len(drawn)}
        table += [about | point for point in _points(languages, x, y, maps, layer, drawn)]
    return pd.DataFrame(table).astype({"layer": "Int64", "sentence": "Int64", "language": "string"})


def _points(
    languages: tuple[str, str], x: Tensor, y: Tensor, maps: LayerMaps, layer: int, drawn: Tensor
) -> Iterator[dict[str, Any]]:
    """One row for each state; where there is no plane, one for each cloud that says why."""
    source, target = languages
    kinds = ((source, False), (target, False), (source, True))
    try:
        plane = joint_plane(x, y)
    except InputError as error:
        nothing = {"sentence": None} | dict.fromkeys(("x", "y", "share_x", "share_y"), NAN)
        for language, mapped in kinds:
            yield {"language": language, "mapped": mapped} | nothing | {"note": str(error)}
        return
    share_x, share_y = plane.shares
    for (language, mapped), cloud in zip(kinds, (x, y, maps.transform(layer, x)), strict=True):
        for sentence, (across, up) in zip(drawn.tolist(), plane.project(cloud).tolist(), strict=True):
            where = {"sentence": sentence, "x": across, "y": up, "share_x": share_x, "share_y": share_y}
            yield {"language": language, "mapped": mapped} | where | {"note": ""}


def some_rows(rows: Any, most: int, seed: int) -> Tensor:
    """At most so many of the rows, drawn by the seed, in order."""
    index = torch.as_tensor(rows)
    if len(index) <= most:
        return index
    drawn = torch.randperm(len(index), generator=torch.Generator().manual_seed(seed))[:most]
    return index[drawn.sort().values]
