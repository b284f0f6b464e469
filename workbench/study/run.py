"""The steps of a study: capture, fit, measure, sweep, choose on dev, judge on test."""

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from workbench.align import LayerMaps
from workbench.bundled import cautions
from workbench.capture import Activations
from workbench.errors import InputError
from workbench.figures import draw_heatmap, gain_heatmap, to_page
from workbench.intervene import INTERVENTIONS
from workbench.models import LanguageModel
from workbench.progress import Progress, silent
from workbench.select import Choice, CrossFit, crossfit, freeze
from workbench.store import write_bytes, write_json
from workbench.study.alignment import Alignment
from workbench.study.result import StudyResult, judge
from workbench.study.settings import Settings
from workbench.study.tables import selection_table
from workbench.sweep import CLEAN, Branch, sweep
from workbench.tasks import SplitName, Task, same_items
from workbench.text import ParallelText
from workbench.types import Site

FOLDS = 5
"""Of dev, to see how much of its gain was choosing."""
PACKAGES = ("torch", "transformers", "transformer-lens", "numpy", "pandas", "plotly")


@dataclass
class Study:
    """One model, pair and task, in one folder. `run()` does all steps; each can be called alone.

    Those that need no task are in `alignment`.
    """

    model: LanguageModel
    text: ParallelText
    task: Task
    source: str
    target: str
    folder: Path
    settings: Settings = field(default_factory=Settings)
    progress: Progress = silent

    def __post_init__(self) -> None:
        self.alignment = Alignment(
            self.model,
            self.text,
            self.source,
            self.target,
            self.folder / "store",
            self.settings,
            self.progress,
        )
        self.pair = self.alignment.pair
        self.seconds: dict[str, float] = {}
        splits: tuple[SplitName, ...] = ("dev", "test")
        for split in splits:
            here = self.task.examples(self.source, split)
            there = self.task.examples(self.target, split)
            if not here or not same_items(here, there):
                raise InputError(
                    f"task {self.task.name} needs {split} items in {self.source} and the same ones in "
                    f"{self.target}; it has {len(here)} and {len(there)}"
                )

    def run(self) -> StudyResult:
        """Every step, then tables, figure and manifest in the folder."""
        with self._timed("capture"):
            states = self.alignment.capture()
        with self._timed("fit"):
            maps = self.alignment.fit(states)
        with self._timed("measure"):
            tables = {
                "fit": self.alignment.fit_table(maps, states),
                "similarity": self.alignment.similarity_table(states),
                "confounds": self.alignment.confounds_table(states),
            }
        with self._timed("sweep"):
            dev = self.sweep("dev", self.branches(maps))
        own, seed = self._own(dev), self.settings.seed
        found = {method: crossfit(own, method, folds=FOLDS, seed=seed) for method in maps}
        choices = {method: one.choice for method, one in found.items()}
        # Fixed on disk before a test item is scored.
        freeze(choices, self.folder / "choices.json", self.alignment.facts | {"states": states.digest})
        with self._timed("test"):
            test = self.test(maps, choices)
        tables["sweep"] = pd.concat([dev, test], ignore_index=True)
        result = self._result(test, found, tables)
        self._write(result, states, dev)
        return result

    # The steps, in order -----------------------------------------------------------------------

    def branches(self, maps: dict[str, LayerMaps]) -> list[Branch]:
        """Every method × intervention × layer × strength."""
        return [
            self.branch(maps, Choice(method, intervention, layer, strength, 0.0, 0.0))
            for method, fitted in maps.items()
            for intervention in self.settings.interventions
            for layer in range(len(fitted))
            # A formula without a strength takes only 1, so that a table cannot claim another.
            for strength in (self.settings.strengths if INTERVENTIONS[intervention].uses_strength else (1.0,))
        ]

    def branch(self, maps: dict[str, LayerMaps], choice: Choice) -> Branch:
        """The branch that a choice names."""
        assert choice.layer is not None and choice.intervention is not None and choice.strength is not None
        return Branch(
            method=choice.method,
            site=Site(choice.layer),
            map=maps[choice.method][choice.layer],
            intervention=choice.intervention,
            strength=choice.strength,
            seed=self.settings.seed,
        )

    def test(self, maps: dict[str, LayerMaps], choices: dict[str, Choice]) -> pd.DataFrame:
        """Score each method's choice once on test items, and the headline's on the target's too."""
        chosen = {m: self.branch(maps, choice) for m, choice in choices.items() if choice.layer is not None}
        headline = [chosen[self.settings.headline]] if self.settings.headline in chosen else []
        return self.sweep("test", list(chosen.values()), headline)

    def sweep(
        self, split: SplitName, branches: Sequence[Branch], on_target: Sequence[Branch] = ()
    ) -> pd.DataFrame:
        """Branches and the clean run over source items; `on_target` and it over target items."""
        tables = []
        for language, some in ((self.source, branches), (self.target, on_target)):
            tables.append(
                sweep(
                    self.model,
                    self.task.examples(language, split),
                    some,
                    task=self.task.name,
                    pair=self.pair,
                    batch_size=self.settings.batch_size,
                    progress=self.progress,
                )
            )
        return pd.concat(tables, ignore_index=True)

    # What came out -----------------------------------------------------------------------------

    def _own(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows about source-language items."""
        return table[table.language == self.source]

    def _result(
        self, test: pd.DataFrame, crossfits: dict[str, CrossFit], tables: dict[str, pd.DataFrame]
    ) -> StudyResult:
        found = judge(test, self.source, crossfits, self.settings)
        tables = tables | {"selection": selection_table(self.alignment.facts, self.task.name, found)}
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
                "dev": len(self.task.examples(self.source, "dev")),
                "test": len(self.task.examples(self.source, "test")),
            },
            tables=tables,
            paths={name: self.folder / f"{name}.parquet" for name in tables}
            | {
                "heatmap": self.folder / "heatmap.html",
                "choices": self.folder / "choices.json",
                "manifest": self.folder / "manifest.json",
            },
            seconds=self.seconds,
        )

    def _write(self, result: StudyResult, states: Activations, dev: pd.DataFrame) -> None:
        for name, table in result.tables.items():
            buffer = io.BytesIO()
            table.to_parquet(buffer, index=False)
            write_bytes(result.paths[name], buffer.getvalue())
        with self._timed("figure"):
            spec = gain_heatmap(self._own(dev), CLEAN, cautions(self.text.sources))
            write_bytes(result.paths["heatmap"], to_page(draw_heatmap(spec), spec.title).encode())
        write_json(
            result.paths["manifest"],
            {
                "model": result.model | {"weights_digest": self.model.weights_digest},
                "text_digest": self.text.digest,
                "cautions": cautions(self.text.sources),
                "states_digest": states.digest,
                "task": self.task.name,
                "pair": self.pair,
                "settings": self.settings.to_json(),
                "n": result.n,
                "versions": dict(_versions()),
                "seconds": self.seconds,
            },
        )

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[step] = round(time.perf_counter() - start, 3)


def _versions() -> Iterator[tuple[str, str]]:
    for package in ("alignment-workbench", *PACKAGES):
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, "not installed"
