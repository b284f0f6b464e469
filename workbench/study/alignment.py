"""The part of a study that needs no task: estimators by name, capture, fit, and the tables on them."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from workbench.align import ALIGNERS, CONTROLS, Aligner, LayerMaps, fit_facts, fit_layers, learning_curve
from workbench.core.errors import InputError, attempt
from workbench.core.settings import Settings
from workbench.core.types import Site, check_names
from workbench.intervene import INTERVENTIONS
from workbench.measures import caution, fit_quality, joint_plane, mismatch
from workbench.select import Choice
from workbench.states import Activations, measured_at
from workbench.study.similarity import COMPONENT, NAN, Similarity, as_table
from workbench.tasks import AnswerTask, Task
from workbench.text import ParallelText

DRAWS = 5
"""Random samples at each size of a learning curve."""
FEWEST = 10
"""Smallest number of pairs in a learning curve by default."""
SENTENCES = 100
"""Largest number of held-out sentences in the table `pca`, the same ones at every layer."""


def checked(settings: Settings) -> Settings:
    """The settings; refused with unknown aligners and interventions, and with controls alone."""
    check_names(settings.aligners, [*ALIGNERS, *CONTROLS], "aligner")
    check_names(settings.interventions, INTERVENTIONS, "intervention")
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
    return {name: _estimator(name, settings) for name in checked(settings).aligners}


def _estimator(name: str, settings: Settings) -> Any:
    given: dict[str, Any] = {}
    if "aligner" in _parameters(name):  # a control made of another aligner
        given["aligner"] = _estimator(first_aligner(settings), settings)
    if "seed" in _parameters(name):
        given["seed"] = settings.seed
    return {**ALIGNERS, **CONTROLS}[name](**given)


def control_cautions(headline: str, settings: Settings) -> list[str]:
    """What has to be said where controls are made from another aligner than the headline, or are none."""
    made = [name for name in settings.aligners if "aligner" in _parameters(name)]
    base = first_aligner(settings)
    if base == "mean_shift" and "shuffled_pairs" in made:  # a mean does not depend on the pairing
        return ["shuffled_pairs: of mean_shift it is mean_shift again, and no control; see random_equal_norm"]
    if not made or base == headline:
        return []
    names = " and ".join(made)
    return [
        f"{names}: made from {base}, not from {headline}, which dev chose; a control of {headline} needs a "
        f"new study with --headline {headline}, on other items"
    ]


def _parameters(name: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature({**ALIGNERS, **CONTROLS}[name]).parameters


@dataclass
class Alignment(Similarity):
    """How well one language's states map onto another's, at every layer. Each step can be called alone."""

    def _sides(self, states: Activations) -> tuple[Tensor, Tensor]:
        """All layers of source and target."""
        return states.states(self.source, COMPONENT), states.states(self.target, COMPONENT)

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
                penalties = {
                    name: getattr(fitted[layer], f"{name}_", None) for name in ("penalty", "at_edge")
                }
                numbers = {"rank": about.rank, "condition": about.condition} | penalties
                n = about.n or len(self.split.fit)  # an aligner from elsewhere need not say
                counts = {"n_fit": n, "n_held_out": len(x), "d_model": x.shape[-1]}
                warning = caution(n, x.shape[-1], about.regularized) or ""
                row = self.facts | fitted_at(layer, aligner) | vars(quality) | numbers | counts
                rows.append(row | {"warning": warning})
        numbers = dict.fromkeys(("condition", "ratio_to_control", "penalty"), "Float64")
        return as_table("fit", rows, rank="Int64", at_edge="boolean", **numbers)

    def curve_table(
        self, states: Activations, sizes: Sequence[int] | None = None, draws: int = DRAWS
    ) -> pd.DataFrame:
        """Held-out fit of maps fitted on fewer pairs; by default on a half, a quarter … of them."""
        source, target = self._sides(states)
        check_curve(len(self.split.fit), sizes, draws)
        sizes = sorted(set(sizes)) if sizes else curve_sizes(len(self.split.fit))
        aligners = {
            name: aligner for name, aligner in estimators(self.settings).items() if name not in CONTROLS
        }
        if not aligners:
            raise InputError("a learning curve needs an aligner that is no control, such as ridge")
        rows = []
        held_out, seed = self.split.test, self.settings.seed
        counts = {"n_held_out": len(held_out), "d_model": source.shape[-1]}
        for done, (name, size) in enumerate(product(aligners, sizes), 1):
            # One seed, so that every aligner and size sees the same draws.
            sampling = (self.split.fit, held_out, [size], draws, seed)
            points = learning_curve(aligners[name], source, target, *sampling)
            for point in points:
                numbers = {"n_fit": point.n, "draw": point.draw, "r2": point.r2}
                rows.append(self.facts | fitted_at(point.layer, name) | numbers | counts)
            self.progress(f"curve {self.pair}", done, len(aligners) * len(sizes))
        return as_table("curve", rows)

    def mismatch_table(self, states: Activations, task: Task | AnswerTask) -> pd.DataFrame:
        """Ends of a task's dev prompts, and of held-out sentences, against those that maps are fitted on."""
        examples = task.examples(self.source, "dev")
        if not examples:
            raise InputError(f"task {task.name} has no dev items in {self.source}")
        prompts = ParallelText({self.source: tuple(example.prompt for example in examples)})
        applied = self._capture(prompts, ("embed", COMPONENT))
        table = []
        for site in states.sites:
            ends, asked = states.at(site, self.source), applied.at(site, self.source)
            numbers = dict.fromkeys(("ratio", "shift", "outside", "outside_expected", "shrinkage"), NAN)
            reference = NAN
            measured, note = attempt(mismatch, ends[self.split.fit], asked)
            if not note:
                numbers = vars(measured)
                held_out, note = attempt(mismatch, ends[self.split.fit], ends[self.split.test])
                reference = NAN if note else held_out.ratio
            counts = {"ratio_held_out": reference, "n_fit": len(self.split.fit), "n": len(asked)}
            about = measured_at(site, "mismatch", "dev") | {"task": task.name, "note": note}
            table.append(self.facts | about | numbers | counts)
        return as_table("mismatch", table)

    def pca_table(
        self, maps: LayerMaps, states: Activations, aligner: str | None = None, most: int = SENTENCES
    ) -> pd.DataFrame:
        """Source, target and mapped source states of some held-out sentences in one plane, at each layer.

        The plane is that of the states before the maps, which are by default the headline's.
        """
        aligner = aligner or first_aligner(self.settings)
        drawn = some_rows(self.split.test, most, self.settings.seed)
        table: list[dict[str, Any]] = []
        for layer in range(len(maps)):
            about = self.facts | fitted_at(layer, aligner) | {"n": len(drawn)}
            x, y = (states.at(Site(layer), language)[drawn] for language in self.languages)
            table += [about | point for point in self._points(x, y, maps[layer], drawn)]
        return as_table("pca", table, sentence="Int64", language="string")

    def _points(self, x: Tensor, y: Tensor, aligner: Aligner, drawn: Tensor) -> Iterator[dict[str, Any]]:
        """One row for each state; where there is no plane, one for each cloud with the reason."""
        plane, note = attempt(joint_plane, x, y)
        clouds = ((self.source, False, x), (self.target, False, y), (self.source, True, x))
        for language, mapped, cloud in clouds:
            about = {"language": language, "mapped": mapped, "note": note}
            if note:
                yield about | dict.fromkeys(("x", "y", "share_x", "share_y"), NAN) | {"sentence": None}
                continue
            share_x, share_y = plane.shares
            places = plane.project(aligner.transform(cloud) if mapped else cloud).tolist()
            for sentence, (across, up) in zip(drawn.tolist(), places, strict=True):
                where = {"sentence": sentence, "x": across, "y": up, "share_x": share_x, "share_y": share_y}
                yield about | where


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


def some_rows(rows: Any, most: int, seed: int) -> Tensor:
    """At most so many of the rows, drawn by the seed, in order."""
    index = torch.as_tensor(rows)
    if len(index) <= most:
        return index
    drawn = torch.randperm(len(index), generator=torch.Generator().manual_seed(seed))[:most]
    return index[drawn.sort().values]
