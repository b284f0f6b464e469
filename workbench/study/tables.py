"""Tables on fitted maps: held-out fit, mismatch with prompts, learning curves, principal components."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from workbench.align import CONTROLS, LayerMaps, fit_facts, learning_curve
from workbench.core.errors import InputError, attempt
from workbench.core.types import Progress, Site, silent
from workbench.measures import caution, fit_quality, joint_plane, mismatch
from workbench.states import Activations, measured_at
from workbench.text import Split

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
                | fitted_at(layer, aligner)
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


def fitted_at(layer: int, aligner: str) -> dict[str, Any]:
    """The columns that say which fitted map a row is about."""
    return Site(layer).columns | {"aligner": aligner, "split": "held_out"}


# Mismatch between the states a map is applied to and those it was fitted on, layer by layer.


def mismatch_table(
    facts: Facts,
    task: str,
    sentences: Activations,
    prompts: Activations,
    language: str,
    split: Split,
) -> pd.DataFrame:
    """States at the ends of a task's prompts against the sentence ends that maps are fitted on.

    `ratio_held_out` is the same for held-out sentences: the ratio where there is no mismatch.
    """
    table = []
    for site in sentences.sites:
        ends, asked = sentences.at(site, language), prompts.at(site, language)
        applied, note = attempt(mismatch, ends[split.fit], asked)
        numbers = dict.fromkeys(("ratio", "shift", "outside", "outside_expected", "shrinkage"), NAN)
        reference = NAN
        if not note:
            numbers = vars(applied)
            held_out, note = attempt(mismatch, ends[split.fit], ends[split.test])
            reference = NAN if note else held_out.ratio
        counts = {"ratio_held_out": reference, "n_fit": len(split.fit), "n": len(asked), "note": note}
        table.append(facts | measured_at(site, "mismatch", "dev") | {"task": task} | numbers | counts)
    return pd.DataFrame(table).astype({"layer": "Int64"})


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
        counts = {"n_held_out": len(split.test), "d_model": source.shape[-1]}
        for point in points:
            numbers = {"n_fit": point.n, "draw": point.draw, "r2": point.r2}
            rows.append(facts | fitted_at(point.layer, name) | numbers | counts)
        progress(f"curve {facts['pair']}", done + 1, len(fitted) * len(sizes))
    return pd.DataFrame(rows).astype({"layer": "Int64"})


# Where sentences lie before and after a map, in the plane in which the two languages' states spread most.


SENTENCES = 100
"""Largest number of held-out sentences, the same ones at every layer."""


def pca_table(sentences: HeldOut, aligner: str, maps: LayerMaps, most: int = SENTENCES) -> pd.DataFrame:
    """Places of source, target and mapped source states in their joint plane, at each layer that has a map.

    The plane is that of the states before the map, and mapped ones are projected into it, so that before
    and after can be compared. The means of the languages are those of the points.
    """
    drawn = some_rows(sentences.rows, most, sentences.facts["seed"])
    table: list[dict[str, Any]] = []
    for layer in range(len(maps)):
        about = sentences.facts | fitted_at(layer, aligner) | {"n": len(drawn)}
        table += [about | point for point in _points(sentences, maps, layer, drawn)]
    return pd.DataFrame(table).astype({"layer": "Int64", "sentence": "Int64", "language": "string"})


def _points(sentences: HeldOut, maps: LayerMaps, layer: int, drawn: Tensor) -> Iterator[dict[str, Any]]:
    """One row for each state; where there is no plane, one for each cloud with the reason."""
    source, target = sentences.pair
    x, y = (sentences.states.at(Site(layer), language)[drawn] for language in sentences.pair)
    plane, note = attempt(joint_plane, x, y)
    for language, mapped, cloud in ((source, False, x), (target, False, y), (source, True, x)):
        about = {"language": language, "mapped": mapped}
        if note:
            nowhere = dict.fromkeys(("x", "y", "share_x", "share_y"), NAN)
            yield about | {"sentence": None} | nowhere | {"note": note}
            continue
        share_x, share_y = plane.shares
        places = plane.project(maps.transform(layer, cloud) if mapped else cloud).tolist()
        for sentence, (across, up) in zip(drawn.tolist(), places, strict=True):
            where = {"sentence": sentence, "x": across, "y": up, "share_x": share_x, "share_y": share_y}
            yield about | where | {"note": ""}


def some_rows(rows: Any, most: int, seed: int) -> Tensor:
    """At most so many of the rows, drawn by the seed, in order."""
    index = torch.as_tensor(rows)
    if len(index) <= most:
        return index
    drawn = torch.randperm(len(index), generator=torch.Generator().manual_seed(seed))[:most]
    return index[drawn.sort().values]
