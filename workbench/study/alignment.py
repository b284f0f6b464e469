"""The part of a study that needs no task: estimators by name, capture, fit, measure."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from workbench.align import ALIGNERS, CONTROLS, LayerMaps, fit_layers
from workbench.core.errors import InputError, check_name
from workbench.core.settings import Settings
from workbench.core.types import Component, Progress, Site, silent
from workbench.intervene import INTERVENTIONS
from workbench.models import LanguageModel
from workbench.select import Choice
from workbench.states import Activations, capture, similarity_table
from workbench.study.similarity import (
    confounds_table,
    feed_forward_sites,
    feed_forward_table,
    geometry_table,
    grid_table,
    null_table,
)
from workbench.study.tables import (
    DRAWS,
    Facts,
    HeldOut,
    curve_table,
    fit_table,
    mismatch_table,
    pca_table,
)
from workbench.tasks import AnswerTask, Task
from workbench.text import ParallelText, Split

COMPONENT: Component = "resid_post"
"""Where states are mapped."""


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
        """How near the maps come on held-out sentences."""
        return fit_table(self.facts, maps, *self._sides(states), self.split)

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
        sides, unfitted = self._sides(states), estimators(self.settings)
        return curve_table(self.facts, unfitted, *sides, self.split, sizes, draws, self.progress)

    def mismatch_table(self, states: Activations, task: Task | AnswerTask) -> pd.DataFrame:
        """How far the ends of a task's dev prompts lie from the sentence ends that maps are fitted on."""
        asked = task.examples(self.source, "dev")
        if not asked:
            raise InputError(f"task {task.name} has no dev items in {self.source}")
        prompts = ParallelText({self.source: tuple(example.prompt for example in asked)})
        applied = self._capture(prompts, ("embed", COMPONENT))
        return mismatch_table(self.facts, task.name, states, applied, self.source, self.split)

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
