"""A study of one pair on one task: capture, fit, measure, sweep, choose on dev, report on test.

What it finds is written to one folder as tables, a figure and a manifest, and returned.
"""

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.align import ALIGNERS, CONTROLS, LayerMaps, fit_layers
from workbench.capture import Activations, capture
from workbench.errors import InputError
from workbench.figures import draw_heatmap, gain_heatmap, to_page
from workbench.intervene import INTERVENTIONS
from workbench.measure import METRICS
from workbench.models import LanguageModel
from workbench.progress import Progress, silent
from workbench.select import Choice, accuracy_difference, choose, gain_on_test, rows_of
from workbench.stats import Interval, wilson_interval
from workbench.store import write_bytes, write_json
from workbench.sweep import CLEAN, Branch, sweep_naive
from workbench.tasks import SplitName, Task, same_items
from workbench.text import ParallelText
from workbench.types import Site

HEADLINE = "least_squares"
PACKAGES = ("torch", "transformers", "transformer-lens", "numpy", "pandas", "plotly")


@dataclass(frozen=True)
class Settings:
    """What is compared, and how; everything random follows from the seed."""

    interventions: tuple[str, ...] = ("replace", "add_mapped")
    strength: float = 1.0
    held_out: float = 0.2
    """The share of the parallel sentences on which fit and similarity are measured."""
    seed: int = 0
    batch_size: int = 128


@dataclass(frozen=True)
class Outcome:
    """What one method's own best branch on dev brings on test."""

    choice: Choice
    is_control: bool
    gain: Interval
    """Accuracy over the unpatched run, paired over the test items."""
    accuracy: Interval


@dataclass(frozen=True)
class StudyResult:
    """All that was found; accuracies and gains are of test items unless they say otherwise."""

    model: dict[str, Any]
    task: str
    pair: str
    n: dict[str, int]
    """Sentences (`fit`, `held_out`) and items (`dev`, `test`)."""
    baseline: Interval
    """Source-language accuracy, unpatched."""
    ceiling: Interval
    """Target-language accuracy on the same items, unpatched."""
    gap: Interval
    headline: Outcome
    share_of_gap: float | None
    """Gain over gap; None where the gap's interval touches 0."""
    others: tuple[Outcome, ...]
    headline_over: dict[str, Interval]
    """The headline method's test accuracy less that of each other method, paired."""
    tables: dict[str, pd.DataFrame]
    """`fit`, `similarity`, `sweep`, `selection`."""
    paths: dict[str, Path]
    seconds: dict[str, float]


@dataclass
class Study:
    """One model, pair and task, in one folder. `run()` does all steps; each can be called alone."""

    model: LanguageModel
    text: ParallelText
    task: Task
    source: str
    target: str
    folder: Path
    settings: Settings = field(default_factory=Settings)
    progress: Progress = silent

    def __post_init__(self) -> None:
        self.pair = f"{self.source}-{self.target}"
        self.seconds: dict[str, float] = {}
        held_out = self.settings.held_out
        self.split = self.text.split(fit=1 - held_out, dev=0.0, test=held_out, seed=self.settings.seed)
        splits: tuple[SplitName, ...] = ("dev", "test")
        for split in splits:
            here = self.task.examples(self.source, split)
            there = self.task.examples(self.target, split)
            if not here or not same_items(here, there):
                raise InputError(
                    f"task {self.task.name} needs {split} items in {self.source} and the same ones in "
                    f"{self.target}; it has {len(here)} and {len(there)}"
                )

    # The steps, in order -----------------------------------------------------------------------

    def run(self) -> StudyResult:
        """Every step, then tables, figure and manifest in the folder."""
        with self._timed("capture"):
            states = self.capture()
        with self._timed("fit"):
            maps = self.fit(states)
            tables = {"fit": self.fit_table(maps, states), "similarity": self.similarity_table(states)}
        with self._timed("sweep"):
            dev = self.sweep("dev", self.branches(maps))
        choices = {method: choose(self._own(dev), method) for method in maps}
        with self._timed("test"):
            test = self.sweep("test", [self.branch(maps, c) for c in choices.values() if c.layer is not None])
        tables["sweep"] = pd.concat([dev, test], ignore_index=True)
        result = self._result(test, choices, tables)
        self._write(result, states, dev)
        return result

    def capture(self) -> Activations:
        """Last-token states of both languages, at every layer."""
        return capture(
            self.model,
            self.text,
            languages=[self.source, self.target],
            pool="last",
            store=self.folder / "store",
            progress=self.progress,
        )

    def fit(self, states: Activations) -> dict[str, LayerMaps]:
        """One map per layer and method, controls included, on the fitting sentences."""
        seed = self.settings.seed
        estimators = {name: make() for name, make in ALIGNERS.items()}
        estimators["identity"] = CONTROLS["identity"]()
        estimators["shuffled_pairs"] = CONTROLS["shuffled_pairs"](ALIGNERS[HEADLINE](), seed=seed)
        source, target = states[self.source], states[self.target]
        return {
            name: fit_layers(estimator, source, target, self.split.fit)
            for name, estimator in estimators.items()
        }

    def branches(self, maps: dict[str, LayerMaps]) -> list[Branch]:
        """Every method × intervention × layer."""
        return [
            self.branch(maps, Choice(method, intervention, layer, self.settings.strength, 0.0, 0.0))
            for method, fitted in maps.items()
            for intervention in self.settings.interventions
            for layer in range(len(fitted))
        ]

    def branch(self, maps: dict[str, LayerMaps], choice: Choice) -> Branch:
        """The branch that a choice names."""
        assert choice.layer is not None and choice.intervention is not None
        # A formula without a strength takes only 1, so that a table cannot claim another.
        uses = INTERVENTIONS[choice.intervention].uses_strength
        return Branch(
            method=choice.method,
            site=Site(choice.layer),
            map=maps[choice.method][choice.layer],
            intervention=choice.intervention,
            strength=choice.strength if uses and choice.strength is not None else 1.0,
            seed=self.settings.seed,
        )

    def sweep(self, split: SplitName, branches: Sequence[Branch]) -> pd.DataFrame:
        """Branches and the clean run over source items, and the clean run over target items."""
        tables = []
        for language, some in ((self.source, branches), (self.target, ())):
            examples = self.task.examples(language, split)
            tables.append(
                sweep_naive(
                    self.model,
                    examples,
                    some,
                    task=self.task.name,
                    pair=self.pair,
                    batch_size=self.settings.batch_size,
                    progress=self.progress,
                )
            )
        return pd.concat(tables, ignore_index=True)

    # Tables ------------------------------------------------------------------------------------

    def fit_table(self, maps: dict[str, LayerMaps], states: Activations) -> pd.DataFrame:
        """R² on held-out sentences for each layer and method, with what qualifies it."""
        source, target = states[self.source], states[self.target]
        rows = []
        for method, fitted in maps.items():
            for layer, r2 in enumerate(fitted.held_out(source, target, self.split.test)):
                rows.append(
                    self._facts(layer, "held_out")
                    | {
                        "method": method,
                        "r2": r2,
                        "n_fit": len(self.split.fit),
                        "n_held_out": len(self.split.test),
                        "d_model": source.shape[-1],
                        "rank": getattr(fitted[layer], "rank_", None),
                        "condition": getattr(fitted[layer], "condition_", None),
                    }
                )
        return pd.DataFrame(rows).astype({"rank": "Int64", "condition": "Float64"})

    def similarity_table(self, states: Activations) -> pd.DataFrame:
        """Each metric at each layer, on held-out sentences."""
        rows = self.split.test
        return pd.DataFrame(
            self._facts(layer, "held_out")
            | {"method": name, "value": metric(x[rows], y[rows]), "n": len(rows)}
            for layer, (x, y) in enumerate(zip(states[self.source], states[self.target], strict=True))
            for name, metric in METRICS.items()
        )

    def _facts(self, layer: int, split: str) -> dict[str, Any]:
        return {
            "model": self.model.info.name,
            "pair": self.pair,
            "site": str(Site(layer)),
            "layer": layer,
            "seed": self.settings.seed,
            "split": split,
        }

    def _own(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows about source-language items."""
        return table[table.language == self.source]

    # What came out -----------------------------------------------------------------------------

    def _result(
        self, test: pd.DataFrame, choices: dict[str, Choice], tables: dict[str, pd.DataFrame]
    ) -> StudyResult:
        own = self._own(test)
        baseline, ceiling = own[own.method == CLEAN], test[test.language == self.target]
        gap = accuracy_difference(ceiling, baseline, self.settings.seed)
        outcomes = {method: self._outcome(own, choice) for method, choice in choices.items()}
        headline = outcomes.pop(HEADLINE)
        over = {
            method: gain_on_test(own, headline.choice, other.choice, self.settings.seed)
            for method, other in outcomes.items()
        }
        everything = tables | {"selection": self._selection(headline, outcomes, over)}
        return StudyResult(
            model=self.model.info.as_dict(),
            task=self.task.name,
            pair=self.pair,
            n={
                "fit": len(self.split.fit),
                "held_out": len(self.split.test),
                "dev": len(self.task.examples(self.source, "dev")),
                "test": len(baseline),
            },
            baseline=_accuracy(baseline),
            ceiling=_accuracy(ceiling),
            gap=gap,
            headline=headline,
            share_of_gap=headline.gain.estimate / gap.estimate if gap.low > 0 else None,
            others=tuple(outcomes.values()),
            headline_over=over,
            tables=everything,
            paths=self._paths(everything),
            seconds=self.seconds,
        )

    def _outcome(self, own: pd.DataFrame, choice: Choice) -> Outcome:
        return Outcome(
            choice=choice,
            is_control=choice.method in CONTROLS,
            gain=gain_on_test(own, choice, seed=self.settings.seed),
            accuracy=_accuracy(rows_of(own, choice)),
        )

    def _selection(
        self, headline: Outcome, others: dict[str, Outcome], over: dict[str, Interval]
    ) -> pd.DataFrame:
        rows = []
        for outcome in (headline, *others.values()):
            choice, gain = outcome.choice, outcome.gain
            margin = over.get(choice.method)
            rows.append(
                {
                    "model": self.model.info.name,
                    "task": self.task.name,
                    "pair": self.pair,
                    "site": None if choice.layer is None else str(Site(choice.layer)),
                    "layer": choice.layer,
                    "method": choice.method,
                    "intervention": choice.intervention,
                    "strength": choice.strength,
                    "seed": self.settings.seed,
                    "split": "test",
                    "control": outcome.is_control,
                    "dev_margin_gain": choice.margin_gain,
                    "dev_gain": choice.accuracy_gain,
                    "accuracy": outcome.accuracy.estimate,
                    "gain": gain.estimate,
                    "gain_low": gain.low,
                    "gain_high": gain.high,
                    "headline_over": margin.estimate if margin else None,
                    "headline_over_low": margin.low if margin else None,
                    "headline_over_high": margin.high if margin else None,
                    "level": gain.level,
                    "n": gain.n,
                }
            )
        return pd.DataFrame(rows).astype({"layer": "Int64", "strength": "Float64"})

    def _paths(self, tables: dict[str, pd.DataFrame]) -> dict[str, Path]:
        return {name: self.folder / f"{name}.parquet" for name in tables} | {
            "heatmap": self.folder / "heatmap.html",
            "manifest": self.folder / "manifest.json",
        }

    def _write(self, result: StudyResult, states: Activations, dev: pd.DataFrame) -> None:
        for name, table in result.tables.items():
            buffer = io.BytesIO()
            table.to_parquet(buffer, index=False)
            write_bytes(result.paths[name], buffer.getvalue())
        with self._timed("figure"):
            spec = gain_heatmap(self._own(dev), CLEAN)
            write_bytes(result.paths["heatmap"], to_page(draw_heatmap(spec), spec.title).encode())
        write_json(
            result.paths["manifest"],
            {
                "model": result.model | {"weights_digest": self.model.weights_digest},
                "text_digest": self.text.digest,
                "states_digest": states.digest,
                "task": self.task.name,
                "pair": self.pair,
                "settings": {
                    "interventions": list(self.settings.interventions),
                    "strength": self.settings.strength,
                    "held_out": self.settings.held_out,
                    "seed": self.settings.seed,
                    "batch_size": self.settings.batch_size,
                },
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


def _accuracy(rows: pd.DataFrame) -> Interval:
    return wilson_interval(int(rows.correct.sum()), len(rows))


def _versions() -> Iterator[tuple[str, str]]:
    for package in ("alignment-workbench", *PACKAGES):
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, "not installed"
