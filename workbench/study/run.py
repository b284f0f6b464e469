"""The steps of a study: capture, fit, measure, sweep, choose on dev, score on test."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from workbench.align import LayerMaps, refit
from workbench.core.bundled import cautions
from workbench.core.cards import card
from workbench.core.errors import InputError
from workbench.core.settings import Settings
from workbench.core.store import digest_json, locked, read_json, write_bytes, write_json
from workbench.core.types import Normalisation, Progress, Site, silent
from workbench.figures import configurations, draw_interactive, to_page, with_notes
from workbench.intervene import INTERVENTIONS
from workbench.measures import METRICS
from workbench.models import LanguageModel, wrap
from workbench.models.workers import working
from workbench.panel import Panel
from workbench.panel import explore as open_panel
from workbench.results import update_manifest, write_tables
from workbench.select import Choice, CrossFit, crossfit, explore, freeze
from workbench.states import Activations
from workbench.study.alignment import Alignment, checked, control_cautions, estimators, headline_of
from workbench.study.examination import AnyTask
from workbench.study.patches import save_patch
from workbench.study.racing import FOLDS, Estimate, raced_sweep
from workbench.study.result import (
    FirstFacts,
    StudyResult,
    first_facts,
    judge,
    predictors_table,
    selection_table,
)
from workbench.study.specification import Specification
from workbench.sweeps import Classes, Configuration, Plan, class_prototypes, sweep
from workbench.tasks import AnswerTask, Example, SplitName, same_items, task_of
from workbench.text import ParallelText, text_of
from workbench.text.splits import Rows

SPLITS: tuple[SplitName, ...] = ("dev", "test")
LOOKS = "looks.json"
"""What was scored on test, by the study and by later analyses of its run."""
_STEPS = {
    "first facts": "shards/facts",
    "swept on dev": "shards/dev",
    "chosen and frozen": "choices.json",
    "scored on test": "shards/test",
    "judged": "verdict.json",
}
"""Each step, and what it leaves in the folder."""


@dataclass
class Study:
    """One model, pair and task, in one folder. `run()` does all steps; each can be called alone.

    The steps that need no task are in `alignment`. States and sweeps are kept in the folder, so that an
    interrupted run continues, to the same tables. The specification is written before any work, unless
    `run_folder` holds it already. `left_out` is the record of the rows that were left out of the text;
    `store` may be shared by studies of one model.
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
        checked(self.settings)
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
        self.pair, self.states_folder = self.alignment.pair, self.alignment.store
        self.seed = self.settings.seed
        self.seconds: dict[str, float] = {}
        for split in SPLITS:
            here, there = (self.items(language, split) for language in (self.source, self.target))
            if not here or (there and not same_items(here, there)):
                raise InputError(
                    f"task {self.task.name} needs {split} items in {self.source}, and in {self.target} the "
                    f"same ones or none; it has {len(here)} and {len(there)}"
                )

    def run(self, jobs: int = 1, cluster: str | None = None) -> StudyResult:
        """Every step, then tables, figure and manifest in the folder, which no other process may use.

        `jobs` processes on this machine, or workers on a Ray `cluster`, compute captures and sweeps.
        """
        with locked(self.root), working(self.model, jobs, cluster) as model:
            return (self if model is self.model else replace(self, model=model))._run()

    def _run(self) -> StudyResult:
        facts = self.facts()
        states = self._timed("capture", self.alignment.capture)
        maps = self._timed("fit", lambda: self.alignment.fit(states))
        tables = self._timed(
            "measure",
            lambda: {
                "fit": self.alignment.fit_table(maps, states),
                "similarity": self.alignment.similarity_table(states),
                "confounds": self.alignment.confounds_table(states),
                "mismatch": self.alignment.mismatch_table(states, self.task),
            },
        )
        dev, raced = self._timed("sweep", lambda: self.sweep_dev(self.configurations(maps)))
        own = dev[dev.language == self.source]
        crossfits = {
            aligner: crossfit(own, aligner, folds=FOLDS, seed=self.seed, raced=raced) for aligner in maps
        }
        choices = {aligner: chosen.choice for aligner, chosen in crossfits.items()}
        # Fixed on disk before a test item is scored.
        freeze(choices, self.folder / "choices.json", self.alignment.facts | {"states": states.digest})
        headline = headline_of(choices, self.settings)
        tables["pca"] = self.alignment.pca_table(maps[headline], states, headline)
        test = self._timed("test", lambda: self.test(maps, choices, states))
        tables |= {
            "sweep": pd.concat([dev, test], ignore_index=True),
            "exploration": explore(own, raced=raced),
        }
        result = self._result(test, crossfits, tables, facts)
        # A layer has no cell for what is patched in all of them.
        self._write(result, states, own[own.joint.fillna("one") == "one"])
        if result.headline.choice.layer is not None:
            chosen = self.configuration(maps, result.headline.choice)
            save_patch(chosen, result.paths["patch"], self._patch_card(result))
        return result

    def explore(self, *more: str | Path) -> Panel:
        """A panel in the notebook on the tables of the folder; `more` are folders with further tables."""
        return open_panel(self.folder, *more)

    @property
    def root(self) -> Path:
        """The folder of the run that the study is of."""
        return self.run_folder or self.folder

    @property
    def fit_rows(self) -> Rows:
        """The sentences to fit on."""
        return self.alignment.split.fit

    def __repr__(self) -> str:
        return f"Study({self.model.info.name}, {self.pair}, {self.task.name}, {str(self.folder)!r})"

    def _repr_html_(self) -> str:
        """The inputs of the study, and its finished steps."""
        counts = [f"{len(self.items(self.source, split)):,} {split}" for split in SPLITS]
        there = bool(self.items(self.target, "test"))
        settings, info = self.settings, self.model.info
        strengths = ", ".join(f"{alpha:g}" for alpha in settings.strengths)
        done = ["captured"] if any(self.states_folder.glob("*")) else []
        done += [step for step, file in _STEPS.items() if (self.folder / file).exists()]
        facts = {
            "model": f"{info.name}, {info.n_layers} layers × {info.d_model}",
            "pair": f"{self.source} → {self.target}",
            "sentences": f"{len(self.text):,}",
            "task": f"{self.task.name}: {', '.join(counts)} items, "
            + ("in both languages" if there else f"in {self.source} alone"),
            "aligners": ", ".join(settings.aligners),
            "patch types": f"{', '.join(settings.interventions)}, α = {strengths}",
            "done": ", ".join(done) or "nothing yet: run() does all steps",
            "folder": self.folder,
        }
        return card("Study", self.pair, facts=facts)

    def items(self, language: str, split: SplitName) -> tuple[Any, ...]:
        """The items of the task; none where it lacks the language."""
        return self.task.examples(language, split) if language in self.task.languages else ()

    def begin(self) -> None:
        """Write the specification into the folder; an interrupted run there continues."""
        if self.run_folder is None:
            self.specification().begin(self.folder, self.overwrite)
            self.overwrite = False

    @property
    def finished(self) -> bool:
        """Whether the folder holds a verdict."""
        return (self.folder / "verdict.json").exists()

    def specification(self) -> Specification:
        """The inputs of the study as data."""
        pair = (self.source, self.target)
        return Specification.of(self.model, self.settings, [pair], [self.task], self.text, self.left_out)

    def facts(self) -> FirstFacts:
        """Tokens, and both languages' unpatched accuracy on dev: a first look before the long work."""
        self.begin()
        clean = self._timed("facts", lambda: self.sweep("dev", (), folder="facts"))
        items = self.items(self.source, "dev")
        guesses = [1 / len(item.choices) for item in items if isinstance(item, Example)]
        sides: dict[str, Sequence[str]] = {code: self.text[code] for code in (self.source, self.target)}
        return first_facts(
            self.model.tokens.fertility(sides),
            clean,
            self.source,
            n_test=len(self.items(self.source, "test")),
            chance=sum(guesses) / len(guesses) if guesses else None,
            delta_gap=self.settings.delta_gap,
        )

    def configurations(self, maps: dict[str, LayerMaps]) -> list[Configuration]:
        """Every aligner × intervention × layer × strength, and where asked for all layers jointly."""
        positions = self.settings.positions
        alone, jointly = [], []
        for (aligner, fitted), intervention in product(maps.items(), self.settings.interventions):
            sites = {Site(layer): fitted[layer] for layer in range(len(fitted))}
            # A formula without a strength takes only 1, so that a table cannot claim another.
            strengths = self.settings.strengths if INTERVENTIONS[intervention].uses_strength else (1.0,)
            alone += [
                Configuration(aligner, site, map, intervention, strength, self.seed, positions)
                for (site, map), strength in product(sites.items(), strengths)
            ]
            jointly += [
                Configuration.jointly(
                    aligner,
                    sites,
                    intervention,
                    strength,
                    seed=self.seed,
                    positions=positions,
                    from_clean=way == "from_clean",
                )
                for strength, way in product(strengths, self.settings.joint)
            ]
        return [*alone, *jointly]

    def configuration(self, maps: dict[str, LayerMaps], choice: Choice) -> Configuration:
        """The configuration that a choice names."""
        return choice.among(self.configurations(maps))

    def test(
        self, maps: dict[str, LayerMaps], choices: dict[str, Choice], states: Activations
    ) -> pd.DataFrame:
        """Score each aligner's choice once on test items; the headline's on target items, and refitted."""
        chosen = {
            aligner: self.configuration(maps, choice)
            for aligner, choice in choices.items()
            if choice.layer is not None
        }
        headline = chosen.get(headline_of(choices, self.settings))
        if headline is None:
            return self.sweep("test", list(chosen.values()))
        refits = self.refitted(headline, states) if self.settings.refits else []
        return self.sweep("test", [*chosen.values(), *refits], [headline])

    def sweep(
        self,
        split: SplitName,
        configurations: Sequence[Configuration],
        on_target: Sequence[Configuration] = (),
        folder: str | None = None,
    ) -> pd.DataFrame:
        """Configurations and the clean run over source items; `on_target` and it over target items."""
        if split == "test" and configurations:
            self.count_look(folder or "study", [configuration.columns for configuration in configurations])
        there = self.items(self.target, split)
        own = self._sweep(self.items(self.source, split), configurations, folder or split, self.source)
        tables = [own, self._sweep(there, on_target, folder or split, self.target)] if there else [own]
        return pd.concat(tables, ignore_index=True)

    def count_look(self, by: str, scored: Sequence[Any]) -> None:
        """Record in the folder what was scored on test: once, however often the run is taken up again.

        A test split says less with every choice that is held against it.
        """
        path = self.folder / LOOKS
        looks = read_json(path)["looks"] if path.exists() else []
        look = {"by": by, "scored": len(scored), "digest": digest_json(scored)}
        if look not in looks:
            write_json(path, {"looks": [*looks, look]})

    def sweep_dev(self, configurations: Sequence[Configuration]) -> tuple[pd.DataFrame, bool]:
        """All configurations on dev, and whether they raced: then most are not run on all items."""
        items, there = (self.items(language, "dev") for language in (self.source, self.target))
        tables = [self._sweep(there, (), "facts", self.target)] if there else []
        raced = not self.settings.whole_grid and self.estimate(configurations).raced
        if raced:
            checks: dict[str, Any] = {}
            own = raced_sweep(
                lambda some, those, step: self._sweep(some, those, "dev", self.source, checks, step),
                items,
                configurations,
                self.seed,
            )
        else:
            own = self._sweep(items, configurations, "dev", self.source)
        return pd.concat([own, *tables], ignore_index=True), raced

    def estimate(self, configurations: Sequence[Configuration]) -> Estimate:
        """The minutes that the study takes with the whole grid on dev."""
        items = self.items(self.source, "dev")
        plan = Plan.of(self.model, items, configurations, **self._how(self.source))
        scored = len(self.settings.aligners) + self.settings.refits + 1
        spent, budget = sum(self.seconds.values()), self.settings.budget
        return Estimate.of(plan, len(self.items(self.source, "test")), scored, spent, budget, self.folder)

    def _sweep(
        self,
        items: Sequence[Any],
        configurations: Sequence[Configuration],
        folder: str,
        language: str,
        checks: dict[str, Any] | None = None,
        step: str = "sweep",
    ) -> pd.DataFrame:
        return sweep(
            self.model,
            items,
            configurations,
            **self._how(language),
            allow_naive=self.settings.allow_naive,
            folder=self.folder / "shards" / folder / language,
            progress=lambda _, done, total: self.progress(step, done, total),
            checks=checks,
        )

    def _how(self, language: str) -> dict[str, Any]:
        """How every sweep over items in this language is run."""
        return {
            "task": self.task.name,
            "pair": self.pair,
            "batch_size": self.settings.batch_size,
            "by": self._compared_by,
            **(self.task.generation(language) if isinstance(self.task, AnswerTask) else {}),
        }

    @cached_property
    def _compared_by(self) -> Normalisation | Classes:
        """The score of choices; prototypes come from fit items in the target language."""
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
        aligner = estimators(self.settings)[configuration.aligner]
        fits = refit(aligner, source, target, self.fit_rows, self.settings.refits, seed=self.seed)
        return [
            replace(
                configuration,
                map=maps[0],
                also=tuple(zip(sites, maps.aligners, strict=True))[1:],
                seed=self.seed + 1 + i,
            )
            for i, maps in enumerate(fits.maps)
        ]

    def _result(
        self,
        test: pd.DataFrame,
        crossfits: dict[str, CrossFit],
        tables: dict[str, pd.DataFrame],
        facts: FirstFacts,
    ) -> StudyResult:
        judgement = judge(test, self.source, crossfits, self.settings)
        tables["selection"] = selection_table(self.alignment.facts, self.task.name, judgement)
        tables["predictors"] = predictors_table([tables], self.seed)
        rows = self.alignment.split
        sentences = {"fit": len(rows.fit), "held_out": len(rows.test)}
        files = {name: f"{name}.parquet" for name in tables}
        files |= {name: f"{name}.json" for name in ("choices", "manifest", "timings", "verdict")}
        files |= {"heatmap": "heatmap.html", "patch": "patch.safetensors"}
        return StudyResult(
            **vars(judgement),
            model=self.model.info.as_dict(),
            task=self.task.name,
            pair=self.pair,
            source=self.source,
            target=self.target,
            n=sentences | {split: len(self.items(self.source, split)) for split in SPLITS},
            facts=facts,
            cautions=(*facts.cautions, *control_cautions(judgement.headline.choice.aligner, self.settings)),
            tables=tables,
            paths={name: self.folder / file for name, file in files.items()},
            seconds=self.seconds,
        )

    def _write(self, result: StudyResult, states: Activations, dev: pd.DataFrame) -> None:
        """Tables, heatmap, verdict and manifest: the same bytes from the same data. Timings lie apart."""
        write_tables(result.tables, self.folder)
        notes = cautions(self.text.sources)
        spec = with_notes(configurations({**result.tables, "sweep": dev}), notes)
        write_bytes(result.paths["heatmap"], to_page(draw_interactive(spec), spec.title).encode())
        write_json(result.paths["verdict"], result.verdict_json())
        facts = {
            "pair": self.pair,
            "task": self.task.name,
            "states_digest": states.digest,
            "facts": result.facts.to_json(),
            "lower_is_better": [name for name, metric in METRICS.items() if not metric.higher_is_better],
            "n": result.n,
            "cautions": [*notes, *result.cautions],
        }
        update_manifest(self.folder, facts, {})
        write_json(result.paths["timings"], {"seconds": result.seconds, "load": self.model.load_seconds})

    def _patch_card(self, result: StudyResult) -> dict[str, Any]:
        """The origin of the saved patch, and its scores."""
        choice, gain = result.headline.choice, result.headline.gain
        return {
            "model": self.model.info.name,
            "source": self.model.info.source,
            "architecture": self.model.info.architecture,
            "dtype": self.model.info.dtype.removeprefix("torch."),
            "revision": self.model.info.revision,
            "quantisation": self.model.info.quantisation,
            "bos": self.model.info.bos,
            "weights_digest": self.model.weights_digest,
            "text_digest": self.text.digest,
            "pair": self.pair,
            "task": self.task.name,
            "seed": self.seed,
            "dev": {"margin_gain": choice.margin_gain, "gain": choice.accuracy_gain, "n": result.n["dev"]},
            "test": {"gain": gain.estimate, "low": gain.low, "high": gain.high, "n": result.n["test"]},
        }

    def _timed(self, step: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = work()
        self.seconds[step] = round(time.perf_counter() - start, 3)
        return result
