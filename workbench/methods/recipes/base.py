"""`Recipe`: a published intervention, in terms of aligners and patch types.

It says which configurations are swept on dev. Choice, controls and judgement are the same for all recipes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from workbench.align import Aligner, Turned, fit_layers
from workbench.align.base import fresh
from workbench.align.controls import derangement
from workbench.core.errors import NotApplicable
from workbench.core.numbers import evenly
from workbench.core.types import Component, Site
from workbench.methods.base import Family, LanguagePair, Method, Need
from workbench.states import Activations, capture
from workbench.sweeps import CLEAN, CONFIGURATION, Configuration

ALPHAS = (0.25, 0.5, 0.75, 1.0)
"""Strengths for formulas of which 1 is the whole step."""
SIGNED_ALPHAS = (-1.0, -0.5, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Strengths from the range [−1, 1] that INCLINE searches."""

States = Float[Tensor, "layer sent width"]


@dataclass(eq=False)
class Ingredients:
    """What recipes are made of: a study's model, sentences and task, with the states they ask for.

    Sentences are those of the study's fitting split alone; with `broken_pairs` the target's are shuffled.
    """

    study: LanguagePair
    broken_pairs: bool = False
    _kept: dict[tuple[str, ...], Activations] = field(default_factory=dict, repr=False)

    @property
    def layers(self) -> range:
        """The layers of the model."""
        return range(self.study.model.info.n_layers)

    @cached_property
    def rows(self) -> Tensor:
        """The sentences to fit on."""
        return torch.as_tensor(self.study.fit_rows)

    @cached_property
    def partners(self) -> Tensor:
        """The target's sentence for each of the source's: its translation, or with broken pairs another's."""
        return self.rows[derangement(len(self.rows), self.study.seed)] if self.broken_pairs else self.rows

    def spread(self, most: int) -> list[int]:
        """All layers, or of a deep model so many, evenly spaced from the first to the last."""
        return evenly(len(self.layers), most)

    def states(self, component: Component = "resid_post", pool: str = "last") -> tuple[States, States]:
        """The fitting sentences' states in both languages, layer by layer."""
        source, target = self.study.source, self.study.target
        activations = self.activations(component, pool, (source, target))
        own, others = (activations.states(language, component) for language in (source, target))
        return own[:, self.rows], others[:, self.partners]

    def activations(self, component: Component, pool: str, languages: Sequence[str]) -> Activations:
        """All sentences' states in these languages, kept in the study's store."""
        study = self.study
        key = (component, pool, *languages)
        if key not in self._kept:
            self._kept[key] = capture(
                study.model,
                study.text,
                languages=languages,
                sites=[component],
                pool=pool,
                store=study.states_folder,
                progress=study.progress,
            )
        return self._kept[key]

    def of_all_languages(self, component: Component = "resid_post", pool: str = "last") -> dict[str, States]:
        """The fitting sentences' states in every language of the text."""
        languages = self.study.text.languages
        activations = self.activations(component, pool, languages)
        return {language: activations.states(language, component)[:, self.rows] for language in languages}

    def fit(
        self, aligner: Any, component: Component = "resid_post", pool: str = "last"
    ) -> dict[int, Aligner]:
        """One map for each layer."""
        source, target = self.states(component, pool)
        return dict(enumerate(fit_layers(aligner, source, target, range(len(self.rows))).aligners))

    def sentences(self, language: str) -> list[str]:
        """The fitting sentences in one language."""
        return [self.study.text[language][int(row)] for row in self.rows]

    def labelled(self, language: str) -> tuple[Any, ...]:
        """The task's solved items that are neither dev's nor test's."""
        items = self.study.task.examples(language, "fit") if language in self.study.task.languages else ()
        if not items:
            raise NotApplicable(f"{self.study.task.name} has no fit items in {language} to learn from")
        return tuple(items)

    def broken(self) -> "Ingredients":
        """The same with shuffled pairs."""
        return replace(self, broken_pairs=True)


@dataclass(frozen=True)
class Recipe(Method):
    """One intervention, with its reference and with what is faithful to it and what is not."""

    reference: str
    faithful: str
    differs: str
    configurations: Callable[[Ingredients], list[Configuration]]
    """What is swept on dev. May raise `NotApplicable`."""
    grow: Callable[[Ingredients, Sequence[Configuration], pd.DataFrame], list[Configuration]] | None = None
    """Configurations to sweep next, given those swept so far and their dev rows; none to stop."""
    formula: str = ""
    """What happens to a state, in one line."""
    needs: tuple[Need, ...] = field(default=("pairs",), kw_only=True)
    """What it learns from; `pairs` where it matters which sentence is whose translation: a control."""
    family: ClassVar[Family] = "recipe"


def single_layers(
    maps: Mapping[int, Aligner],
    intervention: str,
    strengths: Sequence[float] = ALPHAS,
    component: Component = "resid_post",
    **more: Any,
) -> list[Configuration]:
    """A configuration for each layer and strength. Who runs them names them."""
    return [
        Configuration("", Site(layer, component), map, intervention, strength, **more)
        for layer, map in maps.items()
        for strength in strengths
    ]


def all_layers(
    maps: Mapping[int, Aligner],
    intervention: str,
    strengths: Sequence[float] = ALPHAS,
    component: Component = "resid_post",
    **more: Any,
) -> list[Configuration]:
    """A configuration for each strength, which patches every layer at once."""
    sites = {Site(layer, component): map for layer, map in maps.items()}
    return [Configuration.jointly("", sites, intervention, strength, **more) for strength in strengths]


def fitted(
    ingredients: Ingredients,
    aligner: Any,
    intervention: str = "interpolate",
    strengths: Sequence[float] = ALPHAS,
    component: Component = "resid_post",
    pool: str = "last",
    at: Callable[..., list[Configuration]] = single_layers,
    **more: Any,
) -> list[Configuration]:
    """An aligner fitted at each layer, its maps tried there (or `at` all layers) with each strength."""
    if hasattr(aligner, "seed"):
        aligner = fresh(aligner)
        aligner.seed = ingredients.study.seed
    return at(ingredients.fit(aligner, component, pool), intervention, strengths, component, **more)


def turned(configuration: Configuration, seed: int) -> Configuration:
    """The control of a configuration: at each site a step of the same length in a random direction."""
    whole = configuration.intervention == "add_mapped"
    maps = {site: Turned(map, whole, seed + n) for n, (site, map) in enumerate(configuration.parts)}
    also = tuple((site, maps[site]) for site, _ in configuration.also)
    return replace(configuration, map=maps[configuration.site], also=also)


def margin_gains(configurations: Sequence[Configuration], dev: pd.DataFrame) -> list[float]:
    """Mean margins on dev (scores, where answers are generated) less that of the clean run."""
    measure = "margin" if dev.margin.notna().any() else "score"
    clean = float(dev.loc[dev.aligner == CLEAN, measure].mean())
    means = dev[dev.aligner != CLEAN].groupby(CONFIGURATION)[measure].mean()
    keys = [tuple(configuration.columns[name] for name in CONFIGURATION) for configuration in configurations]
    return [float(means.loc[key]) - clean for key in keys]
