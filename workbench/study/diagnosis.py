"""Studies of several pairs and tasks on one model, with Holm-corrected verdicts; runs opened again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd

from workbench.core.cards import card
from workbench.core.errors import InputError
from workbench.core.languages import read_pair
from workbench.core.numbers import interval_of, with_cost
from workbench.core.settings import Settings
from workbench.core.store import locked
from workbench.core.types import Progress, silent
from workbench.figures import plot
from workbench.models import LanguageModel, load_again, wrap
from workbench.models.workers import working
from workbench.panel import Panel, explore
from workbench.results import Part, write_tables
from workbench.results import Run as RunFolder
from workbench.select import Choice, Verdict, holm_verdicts, thaw
from workbench.study.alignment import checked
from workbench.study.examination import AnyTask, Examination, examine, prompts_text
from workbench.study.patches import SavedPatch, load_patch
from workbench.study.result import StudyResult, predictors_table, stacked
from workbench.study.run import Study
from workbench.study.specification import Pair, Specification
from workbench.tasks import task_of
from workbench.text import ParallelText, text_of

MOST_LANGUAGES = 20
"""Languages of a text kept with a run: those of its pairs, and others that help to tell them apart."""


@dataclass(frozen=True)
class Diagnosis:
    """One study for each pair and task, in one folder; states are captured once for all of them."""

    studies: tuple[Study, ...]
    specification: Specification
    folder: Path
    examination: Examination | None = None
    """The findings in the text; None where it was not examined just now."""

    @classmethod
    def of(
        cls,
        model: LanguageModel,
        specification: Specification,
        folder: Path,
        progress: Progress = silent,
        examination: Examination | None = None,
    ) -> "Diagnosis":
        """The studies that a specification names."""
        studies = tuple(
            Study(
                model,
                specification.text or prompts_text(task, pair),
                task,
                *pair,
                specification.folder_of(folder, pair, task.name),
                specification.settings,
                progress,
                specification.left_out,
                folder / "store",
                folder,
            )
            for pair, task in specification.studies
        )
        return cls(studies, specification, folder, examination)

    def on(self, model: LanguageModel) -> Self:
        """The same studies with another object of the same model: one that has workers."""
        return replace(self, studies=tuple(replace(study, model=model) for study in self.studies))

    def run(
        self, progress: Progress = silent, jobs: int = 1, cluster: str | None = None
    ) -> list[StudyResult]:
        """Every study in turn, then their common tables; `progress` is told of each study.

        `jobs` processes on this machine, or workers on a Ray `cluster`, compute captures and sweeps: the
        same results, to the byte.
        """
        if jobs > 1 or cluster is not None:
            with working(self.studies[0].model, jobs, cluster) as model:
                return self.on(model).run(progress)
        results: list[StudyResult] = []
        with locked(self.folder):
            for done, study in enumerate(self.studies):
                what = f"studies ({study.pair}, {study.task.name})"
                progress(what, done, len(self.studies))
                results.append(study.run())
                progress(what, done + 1, len(self.studies))
            self.conclude(results)
        return results

    def conclude(self, results: Sequence[StudyResult]) -> dict[str, pd.DataFrame]:
        """`conclude` in the folder of the diagnosis."""
        return conclude(results, self.folder)


class Judged(Protocol):
    """The part of a study's result that the common tables are made of."""

    @property
    def pair(self) -> str:
        """Source and target."""

    @property
    def task(self) -> str:
        """What tables call it."""

    @property
    def aligner(self) -> str:
        """That of the headline."""

    @property
    def verdict(self) -> Verdict:
        """On the headline, for itself."""

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Those of the study."""


def conclude(results: Sequence[Judged], folder: Path) -> dict[str, pd.DataFrame]:
    """All studies' rows in one table of each kind, in the folder.

    The headlines' verdicts are corrected together (Holm): `holm_p` and `holm_verdict` in `selection`.
    """
    names = dict.fromkeys(name for result in results for name in result.tables)
    tables = {name: stacked([result.tables[name] for result in results]) for name in names}
    if results:
        tables["selection"] = _with_holm(tables["selection"], results)
        tables["predictors"] = predictors_of(results, int(tables["selection"].seed.iloc[0]))
    write_tables(tables, folder)
    return tables


def kept_languages(pairs: Iterable[Pair], known: Iterable[str]) -> list[str]:
    """The languages of a text that are kept with a run: those of its pairs, then some others."""
    spoken = list(dict.fromkeys(code for pair in pairs for code in pair))
    others = [code for code in known if code not in spoken]
    return [*spoken, *others[: max(MOST_LANGUAGES - len(spoken), 0)]]


def prepare(
    model: LanguageModel,
    text: ParallelText | None,
    tasks: Sequence[AnyTask],
    pairs: Iterable[Pair],
    folder: str | Path,
    settings: Settings | None = None,
    progress: Progress = silent,
    overwrite: bool = False,
) -> Diagnosis:
    """Examine the sentences, leave out invalid rows, and set up a study of each pair and task.

    Without a text, maps are fitted on each task's own `fit` prompts. The specification is written into the
    folder before any work; a folder that holds another run is refused, unless `overwrite` is set.
    """
    model, pairs, folder = wrap(model), list(dict.fromkeys(pairs)), Path(folder)
    if not tasks or not pairs:
        raise InputError("a diagnosis needs at least one pair and one task")
    settings = checked(settings or Settings())
    examination, kept = None, None
    if text is not None:
        text = text_of(text)
        spoken = list(dict.fromkeys(code for pair in pairs for code in pair))
        # A folder may hold a hundred languages: only those of the pairs are examined.
        examination = examine(text.only(spoken), tasks, progress)
        rows = np.setdiff1d(range(len(text)), examination.left_out).tolist()
        kept = text.only(kept_languages(pairs, text.languages)).select(rows)
        if settings.rows:
            kept = kept.sample(settings.rows, settings.seed)
    left_out = None if examination is None else examination.to_json()
    specification = Specification.of(model, settings, pairs, tasks, kept, left_out)
    diagnosis = Diagnosis.of(model, specification, folder, progress, examination)
    specification.begin(folder, overwrite)
    return diagnosis


def holm_of(results: Sequence[Judged]) -> list[Verdict]:
    """The verdicts on the headlines, all of which hold at once; one alone stays as it is."""
    named = {f"{i}": result.verdict for i, result in enumerate(results)}
    return list(holm_verdicts(named).values())


def _with_holm(selection: pd.DataFrame, results: Sequence[Judged]) -> pd.DataFrame:
    corrected = {
        (result.pair, result.task, result.aligner): verdict
        for result, verdict in zip(results, holm_of(results), strict=True)
    }
    verdicts = [
        corrected.get(key) for key in zip(selection.pair, selection.task, selection.aligner, strict=True)
    ]
    return selection.assign(
        holm_p=pd.array([None if v is None else v.adjusted_p for v in verdicts], dtype="Float64"),
        holm_verdict=pd.array([None if v is None else v.kind for v in verdicts], dtype="string"),
    )


def predictors_of(results: Sequence[Judged], seed: int) -> pd.DataFrame:
    """Which measures go along with the gain, task by task, as a pair has one gain in each."""
    tables = [
        predictors_table([result.tables for result in results if result.task == task], seed).assign(task=task)
        for task in dict.fromkeys(result.task for result in results)
    ]
    return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True, repr=False)
class Run(RunFolder):
    """The folder of a run: tables, verdicts, choices and items as they are; studies with a model.

    `study` and `diagnosis` load the model that the run was made with, or take yours with the same weights.
    """

    def choices(self, pair: str | None = None, task: str | None = None) -> dict[str, Choice]:
        """The choice of each aligner on dev, frozen before test."""
        return thaw(self._part(pair, task).folder / "choices.json")

    def patch(self, pair: str | None = None, task: str | None = None) -> SavedPatch:
        """The chosen patch of a study."""
        return load_patch(self._part(pair, task).folder / "patch.safetensors")

    def study(
        self,
        model: Any = None,
        pair: str | None = None,
        task: str | None = None,
        progress: Progress = silent,
    ) -> Study:
        """One study, by pair and task where there are several."""
        studies = self.diagnosis(model, progress=progress).studies
        part = self._part(pair, task)
        return next(study for study in studies if (study.pair, study.task.name) == (part.pair, part.task))

    def diagnosis(
        self, model: Any = None, pairs: Sequence[str] | None = None, progress: Progress = silent
    ) -> Diagnosis:
        """All studies of the run (of some pairs), as they were specified."""
        specification = self.read_specification()
        if not specification.tasks:
            raise InputError(f"{self.folder} is a run without a task: it has similarities, but no studies")
        known = list(dict.fromkeys(part.pair for part in self.parts))
        for pair in pairs or ():
            if pair not in known:
                raise InputError(f"{self.folder} has no study of {pair}: it has {', '.join(known)}")
        wrapped = self._model(model, specification.model)
        whole = Diagnosis.of(wrapped, specification, self.root, progress)
        if pairs is None:
            return whole
        return replace(whole, studies=tuple(study for study in whole.studies if study.pair in pairs))

    def read_specification(self) -> Specification:
        """The inputs of the run, with its sentences and items."""
        return Specification.read(self.root)

    def plot(self, kind: str) -> Any:
        """The interactive figure (plotly) of a kind, such as `layers`, `aligners` or `gap`."""
        return plot(self, kind)

    def explore(self, *more: str | Path) -> Panel:
        """A panel in the notebook to look at layers; `more` are folders with further tables (`grid`)."""
        return explore(self.folder, *more)

    def _repr_html_(self) -> str:
        """Every study with its verdict, and what of the run is there."""
        parts, tables = self.parts, ", ".join(self.tables) or "none yet"
        known = [(part, self.together(part)) for part in parts]
        kinds = {part.headline.verdict for part in parts if part.headline is not None}
        return card(
            "Run",
            ", ".join(dict.fromkeys([self.folder.resolve().name, *(part.model for part in parts)])),
            lead=str(parts[0].verdict.get("sentence", "")) if len(parts) == 1 else "",
            facts=None if any(part.finished for part in parts) else {"studies": "no verdict yet"},
            heads=["study", "chosen on dev", "gain on test [95 %]", "verdict"],
            rows=[(part.title, *_card_row(part.headline, together)) for part, together in known],
            note=f"Tables: {tables}. Figures: plot(kind). Layer by layer: explore().",
            edge=kinds.pop() if len(kinds) == 1 else "",
        )

    def _part(self, pair: str | None, task: str | None) -> Part:
        parts = [part for part in self.parts if pair in (None, part.pair) and task in (None, part.task)]
        if len(parts) == 1:
            return parts[0]
        known = "; ".join(part.title for part in self.parts)
        what = "several studies: name pair and task" if parts else "no such study"
        raise InputError(f"{self.folder} holds {what}; it has {known}")

    def _model(self, model: Any, about: Mapping[str, Any]) -> LanguageModel:
        if model is None:
            model = load_again(about)
        wrapped = wrap(model)
        if wrapped.weights_digest != about["weights_digest"]:
            raise InputError(
                f"{self.folder} was made with {about['name']} (weights {about['weights_digest'][:12]}…), but "
                f"{wrapped.info.name} has weights {wrapped.weights_digest[:12]}…: give that model"
            )
        return wrapped


def _card_row(best: pd.Series | None, together: pd.Series | None) -> tuple[str, str, str]:
    """Choice, gain and verdict of a study's headline; the verdict is that corrected for all studies."""
    if best is None:
        return "", "", ""
    patch = f"{best.aligner}, {best.intervention}".replace("_", " ")
    verdict = str(best.verdict if together is None else together.holm_verdict)
    verdict = with_cost(verdict, best.retention, best.noninferior)
    if pd.isna(best.layer):
        return "no patch chosen", "", verdict
    return f"layer {best.layer}: {patch}, α = {best.strength:g}", interval_of(best, "gain", 2), verdict


def diagnose(
    model: Any,
    text: Any,
    tasks: Any,
    pairs: str | Sequence[str | tuple[str, str]],
    folder: str | Path = "runs/diagnose",
    settings: Settings | None = None,
    progress: Progress = silent,
    overwrite: bool = False,
    jobs: int = 1,
    cluster: str | None = None,
) -> Run:
    """Every study of some pairs and tasks, from start to verdict, in one folder: at which layer a map helps.

    The model is one of `load_model` or anything that `wrap` takes; the text a `ParallelText`, lists of
    sentences by language, or None to fit on the tasks' own `fit` items. Tasks are tasks or specs for
    `read_task`, pairs are `"sw-en"` or `("sw", "en")`. An interrupted run continues in its folder.

    Every study runs to its verdict, whatever its gap: `settings.delta_gap` ends a study only on the command
    line. `Study.facts().worth_going_on` tells whether that would happen.

    Captures and sweeps go to `jobs` processes on this machine, or to workers on a Ray `cluster` (`auto`,
    `HOST:PORT`, `ray://HOST:PORT`); results are the same to the byte.
    """
    text = None if text is None else text_of(text)
    asked = tasks if isinstance(tasks, list | tuple) else [tasks]
    read = [task_of(task) for task in asked]
    known = text.languages if text else [code for task in read for code in task.languages]
    wanted = [pairs] if isinstance(pairs, str) else list(pairs)
    named = [read_pair(pair if isinstance(pair, str) else "-".join(pair), known) for pair in wanted]
    prepare(model, text, read, named, folder, settings, progress, overwrite).run(jobs=jobs, cluster=cluster)
    return open_run(folder)


def open_run(folder: str | Path) -> Run:
    """Open the folder that `diagnose`, `Study.run`, `workbench fit`, `measure` or `demo` left.

    Studies of real models in docs/studies can be opened by name, such as `open_run("smollm2-sib200")`.

    >>> import workbench as wb                                          # doctest: +SKIP
    >>> run = wb.open_run("runs/diagnose")                              # doctest: +SKIP
    >>> run.tables["similarity"], run.verdicts                          # doctest: +SKIP
    >>> run.study()                    # loads the model it was made with   # doctest: +SKIP
    """
    return Run.open(folder)
