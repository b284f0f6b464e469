"""The steps of a study: capture, fit, measure, sweep, choose on dev, score on test."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from workbench.align import LayerMaps, refit
from workbench.core.errors import InputError
from workbench.core.settings import Settings
from workbench.core.types import Normalisation, Progress, Site, silent
from workbench.intervene import INTERVENTIONS
from workbench.models import LanguageModel, wrap
from workbench.select import Choice, CrossFit, crossfit, explore, freeze
from workbench.states import Activations
from workbench.study.alignment import Alignment
from workbench.study.estimators import check_names, estimators, headline_of
from workbench.study.examination import AnyTask
from workbench.study.facts import FirstFacts, first_facts
from workbench.study.result import StudyResult, judge
from workbench.study.saved import save_patch
from workbench.study.shown import study_card, study_line
from workbench.study.specification import Specification
from workbench.study.tables import predictors_table, selection_table
from workbench.study.writing import SPLITS, patch_card, paths_in, write_study
from workbench.sweeps import Classes, Configuration, class_prototypes, sweep
from workbench.tasks import Example, SplitName, same_items, task_of
from workbench.text import ParallelText, text_of
from workbench.text.splits import Rows

if TYPE_CHECKING:
    from workbench.panel import Panel

FOLDS = 5
"""Folds of dev, to estimate the selection bias."""


@dataclass
class Study:
    """One model, pair and task, in one folder. `run()` does all steps; each can be called alone.

    Those that need no task are in `alignment`. What is costly (states, sweeps) is kept in the folder as
    it is done, so that a run that was stopped goes on where it was, to the same tables. `left_out` is what
    was found in the text and left out beforehand; `store` may be shared by studies of one model.

    Before any work it writes its specification, unless it is part of a `run` whose folder holds that already.
    """

    model: LanguageModel
    text: ParallelText
    task: AnyTask
    source: str
    target: str
    folder: Path
    settings: Settings = field(default_factory=Settings)
    progress: Progress = silent
    left_out: Mapping[str, Any] | None = None
    store: Path | None = None
    run_folder: Path | None = None
    overwrite: bool = False
    """Whether files of another run may be replaced."""

    def __post_init__(self) -> None:
        self.folder = Path(self.folder)
        self.model, self.task = wrap(self.model), task_of(self.task)
        check_names(self.settings)
        self.text = text_of(self.text).only([self.source, self.target])
        self.alignment = Alignment(
            self.model,
            self.text,
            self.source,
            self.target,
            self.store or self.folder / "store",
            self.settings,
            self.progress,
        )
        self.pair = self.alignment.pair
        self.seconds: dict[str, float] = {}
        for split in SPLITS:
            here, there = (self.items(language, split) for language in (self.source, self.target))
            if not here or (there and not same_items(here, there)):
                raise InputError(
                    f"task {self.task.name} needs {split} items in {self.source}, and in {self.target} the "
                    f"same ones or none; it has {len(here)} and {len(there)}"
                )

    def run(self) -> StudyResult:
        """Every step, then tables, figure and manifest in the folder."""
        facts = self.facts()
        with self._timed("capture"):
            states = self.alignment.capture()
        with self._timed("fit"):
            maps = self.alignment.fit(states)
        with self._timed("measure"):
            tables = {
                "fit": self.alignment.fit_table(maps, states),
                "similarity": self.alignment.similarity_table(states),
                "confounds": self.alignment.confounds_table(states),
                "mismatch": self.alignment.mismatch_table(states, self.task),
            }
        with self._timed("sweep"):
            dev = self.sweep("dev", self.configurations(maps))
        own, seed = self._own(dev), self.settings.seed
        found = {aligner: crossfit(own, aligner, folds=FOLDS, seed=seed) for aligner in maps}
        choices = {aligner: one.choice for aligner, one in found.items()}
        # Fixed on disk before a test item is scored.
        freeze(choices, self.folder / "choices.json", self.alignment.facts | {"states": states.digest})
        headline = headline_of(choices, self.settings)
        tables["pca"] = self.alignment.pca_table(maps[headline], states, headline)
        with self._timed("test"):
            test = self.test(maps, choices, states)
        tables |= {"sweep": pd.concat([dev, test], ignore_index=True), "exploration": explore(own)}
        result = self._result(test, found, tables, facts)
        # A layer has no cell for what is patched in all of them.
        write_study(self, result, states, own[own.joint.fillna("one") == "one"])
        if result.headline.choice.layer is not None:
            save_patch(
                self.configuration(maps, result.headline.choice),
                result.paths["patch"],
                patch_card(self, result),
            )
        return result

    def explore(self, *more: str | Path) -> "Panel":
        """A panel in the notebook on what the folder holds; `more` are folders with further tables."""
        from workbench.panel import explore

        return explore(self.folder, *more)

    @property
    def seed(self) -> int:
        """Of everything random."""
        return self.settings.seed

    @property
    def fit_rows(self) -> Rows:
        """The sentences to fit on."""
        return self.alignment.split.fit

    @property
    def states_folder(self) -> Path:
        """Where captured states are kept."""
        return self.alignment.store

    def __repr__(self) -> str:
        return study_line(self)

    def _repr_html_(self) -> str:
        return study_card(self)

    def items(self, language: str, split: SplitName) -> tuple[Any, ...]:
        """The task's items, none where it is not asked in the language."""
        return self.task.examples(language, split) if language in self.task.languages else ()

    # The steps, in order -----------------------------------------------------------------------

    def begin(self) -> None:
        """Write what the run is made of into its folder; a run that was begun there goes on."""
        if self.run_folder is None:
            self.specification().begin(self.folder, self.overwrite)
            self.overwrite = False

    @property
    def finished(self) -> bool:
        """Whether the folder holds a verdict."""
        return (self.folder / "verdict.json").exists()

    def specification(self) -> Specification:
        """What the study is made of."""
        pair = (self.source, self.target)
        return Specification.of(self.model, self.settings, [pair], [self.task], self.text, self.left_out)

    def facts(self) -> FirstFacts:
        """Tokens, and both languages' unpatched accuracy on dev: a first look before the long work."""
        self.begin()
        with self._timed("facts"):
            clean = self.sweep("dev", (), folder="facts")
        items = self.items(self.source, "dev")
        guesses = [1 / len(item.choices) for item in items if isinstance(item, Example)]
        sides: dict[str, Sequence[str]] = {code: self.text[code] for code in (self.source, self.target)}
        return first_facts(
            self.model.tokens.fertility(sides),
            clean,
            self.source,
            n_test=len(self.items(self.source, "test")),
            chance=sum(guesses) / len(guesses) if guesses else None,
        )

    def configurations(self, maps: dict[str, LayerMaps]) -> list[Configuration]:
        """Every aligner × intervention × layer × strength, and where asked for all layers jointly."""
        seed = self.settings.seed
        alone = [
            Configuration(
                aligner, Site(layer), fitted[layer], intervention, strength, seed, self.settings.positions
            )
            for aligner, fitted in maps.items()
            for intervention in self.settings.interventions
            for layer in range(len(fitted))
            # A formula without a strength takes only 1, so that a table cannot claim another.
            for strength in self._strengths(intervention)
        ]
        jointly = [
            Configuration.jointly(
                aligner,
                {Site(layer): fitted[layer] for layer in range(len(fitted))},
                intervention,
                strength,
                seed=seed,
                positions=self.settings.positions,
                from_clean=way == "from_clean",
            )
            for aligner, fitted in maps.items()
            for intervention in self.settings.interventions
            for strength in self._strengths(intervention)
            for way in self.settings.joint
        ]
        return [*alone, *jointly]

    def _strengths(self, intervention: str) -> tuple[float, ...]:
        return self.settings.strengths if INTERVENTIONS[intervention].uses_strength else (1.0,)

    def configuration(self, maps: dict[str, LayerMaps], choice: Choice) -> Configuration:
        """The configuration that a choice names."""
        return next(b for b in self.configurations(maps) if choice.where.items() <= b.columns.items())

    def test(
        self, maps: dict[str, LayerMaps], choices: dict[str, Choice], states: Activations
    ) -> pd.DataFrame:
        """Score each aligner's choice once on test items, and the headline's on the target's too.

        The headline's map is also fitted anew on other random samples of the sentences: is it the map, or
        these pairs?
        """
        chosen = {
            aligner: self.configuration(maps, choice)
            for aligner, choice in choices.items()
            if choice.layer is not None
        }
        name = headline_of(choices, self.settings)
        headline = [chosen[name]] if name in chosen else []
        again = [
            configuration
            for one in headline
            if self.settings.refits
            for configuration in self.refitted(one, states)
        ]
        return self.sweep("test", [*chosen.values(), *again], headline)

    def sweep(
        self,
        split: SplitName,
        configurations: Sequence[Configuration],
        on_target: Sequence[Configuration] = (),
        folder: str | None = None,
    ) -> pd.DataFrame:
        """Configurations and the clean run over source items; `on_target` and it over target items."""
        tables = []
        for language, some in ((self.source, configurations), (self.target, on_target)):
            if items := self.items(language, split):
                tables.append(
                    sweep(
                        self.model,
                        items,
                        some,
                        task=self.task.name,
                        pair=self.pair,
                        batch_size=self.settings.batch_size,
                        allow_naive=self.settings.allow_naive,
                        folder=self.folder / "shards" / (folder or split) / language,
                        by=self._compared_by,
                        scorer=getattr(self.task, "scorer", None),
                        progress=self.progress,
                    )
                )
        return pd.concat(tables, ignore_index=True)

    @cached_property
    def _compared_by(self) -> Normalisation | Classes:
        """What choices are compared by; prototypes come from fit items in the target language."""
        by = self.settings.choices_by
        if by != "prototype":
            return by
        items, task = self.items(self.target, "fit"), f"task {self.task.name}"
        return class_prototypes(
            self.model, items, task=task, language=self.target, batch_size=self.settings.batch_size
        )

    def refitted(self, configuration: Configuration, states: Activations) -> list[Configuration]:
        """The same patch with maps from other draws of the fitting sentences, each with the next seed."""
        sites = [site for site, _ in configuration.parts]
        source, target = (
            torch.stack([states.at(site, code) for site in sites]) for code in (self.source, self.target)
        )
        seed = self.settings.seed
        aligner = estimators(self.settings)[configuration.aligner]
        fits = refit(aligner, source, target, self.alignment.split.fit, self.settings.refits, seed=seed)
        return [
            replace(
                configuration,
                map=maps[0],
                also=tuple(zip(sites, maps.aligners, strict=True))[1:],
                seed=seed + 1 + i,
            )
            for i, maps in enumerate(fits.maps)
        ]

    # What came out -----------------------------------------------------------------------------

    def _own(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows about source-language items."""
        return table[table.language == self.source]

    def _result(
        self,
        test: pd.DataFrame,
        crossfits: dict[str, CrossFit],
        tables: dict[str, pd.DataFrame],
        facts: FirstFacts,
    ) -> StudyResult:
        found = judge(test, self.source, crossfits, self.settings)
        chosen = selection_table(self.alignment.facts, self.task.name, found)
        looked = tables["exploration"]
        tables = tables | {
            "selection": chosen,
            "predictors": predictors_table(
                tables["similarity"],
                looked[looked.aligner == found.headline.choice.aligner],
                chosen[chosen.headline],
                self.settings.seed,
            ),
        }
        return StudyResult(
            **vars(found),
            model=self.model.info.as_dict(),
            task=self.task.name,
            pair=self.pair,
            source=self.source,
            target=self.target,
            n={
                "fit": len(self.alignment.split.fit),
                "held_out": len(self.alignment.split.test),
                "dev": len(self.items(self.source, "dev")),
                "test": len(self.items(self.source, "test")),
            },
            facts=facts,
            tables=tables,
            paths=paths_in(self.folder, tables),
            seconds=self.seconds,
        )

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[step] = round(time.perf_counter() - start, 3)
