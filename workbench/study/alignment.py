"""The part of a study that needs no task: capture, fit, measure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from workbench.align import LayerMaps, fit_layers
from workbench.core.errors import InputError
from workbench.core.settings import Settings
from workbench.core.types import Component, Progress, Site, silent
from workbench.models import LanguageModel
from workbench.states import Activations, capture, similarity_table
from workbench.study.estimators import estimators, first_aligner
from workbench.study.feed_forward import feed_forward_sites, feed_forward_table
from workbench.study.similarity import (
    confounds_table,
    geometry_table,
    grid_table,
    lens_table,
    null_table,
)
from workbench.study.tables import DRAWS, Facts, curve_table, fit_table, mismatch_table, pca_table
from workbench.tasks import AnswerTask, Task
from workbench.text import ParallelText, Split

COMPONENT: Component = "resid_post"
"""Where states are mapped."""


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
        return self._capture(self.text, [self.source, self.target])

    def _capture(
        self,
        text: ParallelText,
        languages: Sequence[str],
        sites: Sequence[str | Site] = ("embed", COMPONENT),
    ) -> Activations:
        return capture(
            self.model,
            text,
            languages=languages,
            sites=sites,
            pool="last",
            store=self.store,
            progress=self.progress,
        )

    def fit(self, states: Activations) -> dict[str, LayerMaps]:
        """One map per layer and aligner, controls included, on the fitting sentences."""
        source, target = (states.states(code, COMPONENT) for code in (self.source, self.target))
        return {
            name: fit_layers(estimator, source, target, self.split.fit)
            for name, estimator in estimators(self.settings).items()
        }

    def fit_table(self, maps: dict[str, LayerMaps], states: Activations) -> pd.DataFrame:
        """How near the maps come on held-out sentences."""
        source, target = (states.states(code, COMPONENT) for code in (self.source, self.target))
        return fit_table(self.facts, maps, source, target, self.split)

    def similarity_table(self, states: Activations, blocks: int | None = None) -> pd.DataFrame:
        """Every metric on held-out sentences, with intervals; of measures of sets, only with `blocks`."""
        where = (self.facts, states, self.source, self.target, self.split.test)
        return similarity_table(*where, self.groups, blocks, self.progress)

    def null_table(self, states: Activations, draws: int = 200) -> pd.DataFrame:
        """Every metric beside what it gives when held-out sentences are paired at random."""
        where = (self.facts, states, self.source, self.target, self.split.test)
        return null_table(*where, draws, self.groups, self.progress)

    def grid_table(self, states: Activations, metric: str = "cka_debiased") -> pd.DataFrame:
        """One metric of every layer with every layer, within each language and across them."""
        where = (self.facts, states, self.source, self.target, self.split.test)
        return grid_table(*where, metric, self.progress)

    def curve_table(
        self, states: Activations, sizes: Sequence[int] | None = None, draws: int = DRAWS
    ) -> pd.DataFrame:
        """How near maps come when they are fitted on fewer pairs; by default on halves of halves of them."""
        source, target = (states.states(code, COMPONENT) for code in (self.source, self.target))
        unfitted = estimators(self.settings)
        return curve_table(self.facts, unfitted, source, target, self.split, sizes, draws, self.progress)

    def mismatch_table(self, states: Activations, task: Task | AnswerTask) -> pd.DataFrame:
        """How far the ends of a task's dev prompts lie from the sentence ends that maps are fitted on."""
        asked = task.examples(self.source, "dev")
        if not asked:
            raise InputError(f"task {task.name} has no dev items in {self.source}")
        prompts = ParallelText({self.source: tuple(example.prompt for example in asked)})
        applied = self._capture(prompts, [self.source])
        rows = (self.split.fit, self.split.test)
        return mismatch_table(self.facts, task.name, states, applied, self.source, *rows)

    def geometry_table(self, states: Activations) -> pd.DataFrame:
        """Where the languages lie at each layer, and the logit lens on their states."""
        pair, rows = (self.source, self.target), self.split.test
        tables = (
            geometry_table(self.facts, states, *pair, rows),
            lens_table(self.facts, self.model, self.text, states, pair, rows),
        )
        return pd.concat(tables, ignore_index=True)

    def feed_forward_table(self) -> pd.DataFrame:
        """How evenly feed-forward neurons are active at sentence ends, and whether in one order in both."""
        pair = (self.source, self.target)
        there, missing = feed_forward_sites(self.model)
        states = self._capture(self.text, pair, there) if there else None
        return feed_forward_table(self.facts, states, missing, *pair, self.split.test, self.groups)

    def pca_table(self, maps: LayerMaps, states: Activations, aligner: str | None = None) -> pd.DataFrame:
        """Where some held-out sentences lie before and after an aligner's maps, by default the headline's."""
        pair, rows = (self.source, self.target), self.split.test
        name = first_aligner(self.settings) if aligner is None else aligner
        return pca_table(self.facts, states, pair, rows, name, maps, COMPONENT)

    def confounds_table(self, states: Activations) -> pd.DataFrame:
        """Whether any measure goes along with length, fertility, shared tokens or script."""
        rows = self.split.test
        return confounds_table(
            self.facts, self.model.tokens, self.text, states, self.source, self.target, rows
        )

    @property
    def facts(self) -> Facts:
        """The columns every table carries."""
        return {"model": self.model.info.name, "pair": self.pair, "seed": self.settings.seed}
