"""Studies of several pairs and tasks on one model, with Holm-corrected verdicts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from workbench.core.errors import InputError
from workbench.core.settings import Settings
from workbench.core.types import Progress, silent
from workbench.models import LanguageModel, wrap
from workbench.results import write_tables
from workbench.select import Verdict, holm_verdicts
from workbench.study.estimators import check_names
from workbench.study.examination import AnyTask, Examination, examine, prompts_text
from workbench.study.result import StudyResult
from workbench.study.run import Study
from workbench.study.specification import Specification
from workbench.study.tables import predictors_table
from workbench.text import ParallelText, text_of

Pair = tuple[str, str]

MOST_LANGUAGES = 20
"""So many languages of a text are kept with a run: its pairs', then others that help to tell them apart."""


@dataclass(frozen=True)
class Diagnosis:
    """One study for each pair and task, in one folder; states are captured once for all of them."""

    studies: tuple[Study, ...]
    specification: Specification
    folder: Path
    examination: Examination | None = None
    """What was found in the text, where it was looked at just now."""

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
        studies = []
        for (source, target), task in specification.studies:
            text = specification.text or prompts_text(task, (source, target))
            studies.append(
                Study(
                    model,
                    text.only([source, target]),
                    task,
                    source,
                    target,
                    specification.folder_of(folder, (source, target), task.name),
                    specification.settings,
                    progress,
                    specification.left_out,
                    folder / "store",
                    folder,
                )
            )
        return cls(tuple(studies), specification, folder, examination)

    def only(self, pairs: Sequence[str]) -> "Diagnosis":
        """The studies of some pairs (`sw-en`); what is finished stays where it is."""
        return replace(self, studies=tuple(one for one in self.studies if one.pair in pairs))

    def run(self) -> list[StudyResult]:
        """Every study in turn, then what they say together."""
        results = [study.run() for study in self.studies]
        self.conclude(results)
        return results

    def conclude(self, results: Sequence[StudyResult]) -> dict[str, pd.DataFrame]:
        """All studies' rows in one table of each kind, in the folder.

        Several confirmatory hypotheses, one for each pair and task, are corrected together (Holm): the
        columns `holm_p` and `holm_verdict` of the table `selection`.
        """
        names = dict.fromkeys(name for result in results for name in result.tables)
        tables = {name: _stacked([result.tables[name] for result in results]) for name in names}
        if results:
            tables["selection"] = _with_holm(tables["selection"], results)
            tables["predictors"] = predictors_of(results, int(tables["selection"].seed.iloc[0]))
        write_tables(tables, self.folder)
        return tables


def prepare(
    model: LanguageModel,
    text: ParallelText | None,
    tasks: Sequence[AnyTask],
    pairs: Iterable[Pair],
    folder: Path,
    settings: Settings | None = None,
    progress: Progress = silent,
    overwrite: bool = False,
) -> Diagnosis:
    """Examine the sentences, leave out what would ruin a study, and set up a study of each pair and task.

    Without a text, maps are fitted on the prompts of each task's own `fit` items. What the run is made of is
    written into the folder before any work; a folder that holds another run is refused, unless it is to be
    overwritten.
    """
    model, pairs, folder = wrap(model), list(dict.fromkeys(pairs)), Path(folder)
    if not tasks or not pairs:
        raise InputError("a diagnosis needs at least one pair and one task")
    settings = check_names(settings or Settings())
    seen, kept = None, None
    if text is not None:
        text = text_of(text)
        spoken = list(dict.fromkeys(code for pair in pairs for code in pair))
        # A folder may hold a hundred languages: only those of the pairs are looked at.
        seen = examine(text.only(spoken), tasks, progress)
        others = [code for code in text.languages if code not in spoken][: MOST_LANGUAGES - len(spoken)]
        gone = set(seen.left_out)
        kept = text.only([*spoken, *others]).select([row for row in range(len(text)) if row not in gone])
    left_out = None if seen is None else seen.to_json()
    specification = Specification.of(model, settings, pairs, tasks, kept, left_out)
    diagnosis = Diagnosis.of(model, specification, folder, progress, seen)
    specification.begin(folder, overwrite)
    return diagnosis


def _stacked(tables: list[pd.DataFrame]) -> pd.DataFrame:
    # Studies of one pair with several tasks measure the same similarities: one copy is enough.
    return pd.concat(tables, ignore_index=True).drop_duplicates(ignore_index=True)


def holm_of(results: Sequence[StudyResult]) -> list[Verdict]:
    """The verdicts on the headlines, all of which hold at once; one alone stays as it is."""
    named = {f"{i}": result.headline.verdict for i, result in enumerate(results)}
    return list(holm_verdicts(named).values())


def _with_holm(selection: pd.DataFrame, results: Sequence[StudyResult]) -> pd.DataFrame:
    about = {
        (result.pair, result.task, result.headline.choice.aligner): verdict
        for result, verdict in zip(results, holm_of(results), strict=True)
    }
    found = [about.get(key) for key in zip(selection.pair, selection.task, selection.aligner, strict=True)]
    return selection.assign(
        holm_p=pd.array([None if v is None else v.adjusted_p for v in found], dtype="Float64"),
        holm_verdict=pd.array([None if v is None else v.kind for v in found], dtype="string"),
    )


def predictors_of(results: Sequence[StudyResult], seed: int) -> pd.DataFrame:
    """Which measures go along with the gain, task by task, as a pair has one gain in each."""
    found = []
    for task in dict.fromkeys(result.task for result in results):
        mine = [result for result in results if result.task == task]
        # A pair's curve is that of the aligner its own study is about.
        looked = [(one.tables["exploration"], one.headline.choice.aligner) for one in mine]
        curves = [table[table.aligner == aligner] for table, aligner in looked]
        similarity, selection = (
            _stacked([one.tables[name] for one in mine]) for name in ("similarity", "selection")
        )
        table = predictors_table(similarity, pd.concat(curves), selection[selection.headline], seed)
        found.append(table.assign(task=task))
    return pd.concat(found, ignore_index=True)
