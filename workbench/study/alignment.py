"""The part of a study that needs no task: estimators by name, capture, fit, and the tables on them."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from workbench.align import ALIGNERS, CONTROLS, LayerMaps, fit_facts, fit_layers, learning_curve
from workbench.core.errors import InputError, attempt
from workbench.core.settings import Settings
from workbench.core.types import Component, Progress, Site, check_name, silent
from workbench.intervene import INTERVENTIONS
from workbench.measures import caution, fit_quality, joint_plane, mismatch
from workbench.models import LanguageModel
from workbench.select import Choice
from workbench.states import Activations, capture, measured_at, similarity_table
from workbench.study.similarity import (
    NAN,
    Facts,
    HeldOut,
    confounds_table,
    feed_forward_sites,
    feed_forward_table,
    geometry_table,
    grid_table,
    null_table,
)
from workbench.tasks import AnswerTask, Task
from workbench.text import ParallelText, Split

COMPONENT: Component = "resid_post"
"""Where states are mapped."""
DRAWS = 5
"""Random samples at each size of a learning curve."""
FEWEST = 10
"""Smallest number of pairs in a learning curve by default."""
SENTENCES = 100
"""Largest number of held-out sentences in the table `pca`, the same ones at every layer."""


# Aligners and controls by name, and the headline: the aligner that the verdict is about.


def check_names(settings: Settings) -> Settings:
    """Refuse unknown aligners and interventions, and a study of controls alone."""
    for name in settings.aligners:
        check_name(name, [*ALIGNERS, *CONTROLS], "aligner")
    for name in settings.interventions:
        check_name(name, INTERVENTIONS, "intervention")
    first_aligner(settings)
    return settings


def first_aligner(settings: Settings) -> str:
    """The aligner that controls wrap: the headline, or else the first that is not a control."""
    if settings.headline is not None:
        if "aligner" in _parameters(settings.headline):
            raise InputError(f"{settings.headline} wraps the headline, so it cannot be the headline itself")
        return settings.headline
    aligners = [name for name in settings.aligners if name not in CONTROLS]
    if not aligners:
        raise InputError(f"at least one aligner is needed: {', '.join(ALIGNERS)}")
    return aligners[0]


def headline_of(choices: Mapping[str, Choice], settings: Settings) -> str:
    """The aligner that the study is about: the one set, or else the best on dev."""
    if settings.headline is not None:
        return settings.headline
    aligners = [name for name in choices if name not in CONTROLS]
    return max(aligners, key=lambda name: choices[name].smoothed_gain)


def estimators(settings: Settings) -> dict[str, Any]:
    """An unfitted aligner for each name, in the order of the settings."""
    return {name: _estimator(name, settings) for name in check_names(settings).aligners}


def _estimator(name: str, settings: Settings) -> Any:
    given: dict[str, Any] = {}
    if "aligner" in _parameters(name):  # a control made of another aligner
        given["aligner"] = _estimator(first_aligner(settings), settings)
    if "seed" in _parameters(name):
        given["seed"] = settings.seed
    return {**ALIGNERS, **CONTROLS}[name](**given)


def _parameters(name: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature({**ALIGNERS, **CONTROLS}[name]).parameters


@dataclass
class Alignment:
    """How well one language's states map onto another's, at every layer. Each step can be called alone."""

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

    @property
    def pair(self) -> str:
        """Source and target, as tables name them."""
        return f"{self.source}-{self.target}"

    @property
    def facts(self) -> Facts:
        """The columns of every table."""
        return {"model": self.model.info.name, "pair": self.pair, "seed": self.settings.seed}

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

    def _sides(self, states: Activations) -> tuple[Tensor, Tensor]:
        """All layers of source and target."""
        return states.states(self.source, COMPONENT), states.states(self.target, COMPONENT)

    def _held_out(self, states: Activations) -> HeldOut:
        return HeldOut(self.facts, states, (self.source, self.target), self.split.test, self.groups)

    def fit(self, states: Activations) -> dict[str, LayerMaps]:
        """One map per layer and aligner, controls included, on the fitting sentences."""
        return {
            name: fit_layers(estimator, *self._sides(states), self.split.fit)
            for name, estimator in estimators(self.settings).items()
        }

    def fit_table(self, maps: dict[str, LayerMaps], states: Activations) -> pd.DataFrame:
        """Quality of the maps on held-out sentences, for each layer and aligner."""
        source, target = self._sides(states)
        rows = []
        for layer in range(len(source)):
            x, y = source[layer][self.split.test], target[layer][self.split.test]
            predicted = {aligner: fitted.transform(layer, x) for aligner, fitted in maps.items()}
            for aligner, fitted in maps.items():
                # A control stands beside the other ones: its error over its own would say nothing.
                controls = {
                    name: predicted[name] for name in predicted if name in CONTROLS and name != aligner
                }
                quality, about = fit_quality(y, predicted[aligner], controls), fit_facts(fitted[layer])
                rows.append(
                    self.facts
                    | fitted_at(layer, aligner)
                    | vars(quality)
                    | {
                        "n_fit": about.n,
                        "n_held_out": len(self.split.test),
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

    def similarity_table(self, states: Activations, blocks: int | None = None) -> pd.DataFrame:
        """Every metric on held-out sentences, with intervals; for measures of sets only with `blocks`."""
        where = (self.facts, states, self.source, self.target, self.split.test)
        return similarity_table(*where, self.groups, blocks, self.progress)

    def null_table(self, states: Activations, draws: int = 200) -> pd.DataFrame:
        """Every metric beside its values with held-out sentences paired at random."""
        return null_table(self._held_out(states), draws, self.progress)

    def grid_table(self, states: Activations, metric: str = "cka_debiased") -> pd.DataFrame:
        """One metric of every layer with every layer, within each language and across them."""
        return grid_table(self._held_out(states), metric, self.progress)

    def curve_table(
        self, states: Activations, sizes: Sequence[int] | None = None, draws: int = DRAWS
    ) -> pd.DataFrame:
        """Held-out fit of maps fitted on fewer pairs; by default on a half, a quarter … of them."""
        source, target = self._sides(states)
        check_curve(len(self.split.fit), sizes, draws)
        sizes = sorted(set(sizes)) if sizes else curve_sizes(len(self.split.fit))
        fitted = {name: one for name, one in estimators(self.settings).items() if name not in CONTROLS}
        if not fitted:
            raise InputError("a learning curve needs an aligner that is no control, such as ridge")
        rows = []
        for done, (name, size) in enumerate(product(fitted, sizes)):
            # One seed, so that every aligner and size sees the same draws.
            points = learning_curve(
                fitted[name],
                source,
                target,
                self.split.fit,
                self.split.test,
                [size],
                draws,
                self.settings.seed,
            )
            counts = {"n_held_out": len(self.split.test), "d_model": source.shape[-1]}
            for point in points:
                numbers = {"n_fit": point.n, "draw": point.draw, "r2": point.r2}
                rows.append(self.facts | fitted_at(point.layer, name) | numbers | counts)
            self.progress(f"curve {self.pair}", done + 1, len(fitted) * len(sizes))
        return pd.DataFrame(rows).astype({"layer": "Int64"})

    def mismatch_table(self, states: Activations, task: Task | AnswerTask) -> pd.DataFrame:
        """The ends of a task's dev prompts against the sentence ends that maps are fitted on.

        `ratio_held_out` is the same for held-out sentences: the ratio where there is no mismatch.
        """
        examples = task.examples(self.source, "dev")
        if not examples:
            raise InputError(f"task {task.name} has no dev items in {self.source}")
        prompts = ParallelText({self.source: tuple(example.prompt for example in examples)})
        applied = self._capture(prompts, ("embed", COMPONENT))
        table = []
        for site in states.sites:
            ends, asked = states.at(site, self.source), applied.at(site, self.source)
            found, note = attempt(mismatch, ends[self.split.fit], asked)
            numbers = dict.fromkeys(("ratio", "shift", "outside", "outside_expected", "shrinkage"), NAN)
            reference = NAN
            if not note:
                numbers = vars(found)
                held_out, note = attempt(mismatch, ends[self.split.fit], ends[self.split.test])
                reference = NAN if note else held_out.ratio
            counts = {
                "ratio_held_out": reference,
                "n_fit": len(self.split.fit),
                "n": len(asked),
                "note": note,
            }
            table.append(
                self.facts | measured_at(site, "mismatch", "dev") | {"task": task.name} | numbers | counts
            )
        return pd.DataFrame(table).astype({"layer": "Int64"})

    def geometry_table(self, states: Activations) -> pd.DataFrame:
        """Where the languages lie at each layer, and the logit lens on their states."""
        return geometry_table(self._held_out(states), self.model, self.text)

    def feed_forward_table(self) -> pd.DataFrame:
        """How evenly feed-forward neurons are active at sentence ends, and whether in one order in both."""
        readable, missing = feed_forward_sites(self.model)
        states = self._capture(self.text, readable) if readable else None
        pair = (self.source, self.target)
        return feed_forward_table(self.facts, states, missing, pair, self.split.test, self.groups)

    def pca_table(self, maps: LayerMaps, states: Activations, aligner: str | None = None) -> pd.DataFrame:
        """Some held-out sentences before and after an aligner's maps, by default the headline's."""
        return pca_table(self._held_out(states), aligner or first_aligner(self.settings), maps)

    def confounds_table(self, states: Activations) -> pd.DataFrame:
        """Whether any measure goes along with length, fertility, shared tokens or script."""
        return confounds_table(self._held_out(states), self.model.tokens, self.text)


def fitted_at(layer: int, aligner: str) -> dict[str, Any]:
    """The columns that say which fitted map a row is about."""
    return Site(layer).columns | {"aligner": aligner, "split": "held_out"}


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
