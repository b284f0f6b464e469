"""Runs of one model and one set of inputs as one run: other pairs and tasks, made on several machines."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.core.errors import InputError
from workbench.core.store import LOCK, digest_file, digest_json, locked, new_folder, read_json, write_json
from workbench.results import SPECIFICATION, Part, is_ours, update_manifest, write_tables
from workbench.results.differences import PLACES
from workbench.results.run import LATER, OF_STUDY, RECORDS
from workbench.results.schema import OPTIONAL
from workbench.select import Verdict, decide_choice, thaw
from workbench.study.diagnosis import Run, conclude, kept_languages, open_run
from workbench.study.run import LOOKS
from workbench.study.specification import Pair, Specification
from workbench.tasks import AnswerTask, ChoiceTask
from workbench.text import ParallelText

STUDY_TABLES = (*OF_STUDY, "mismatch")
FILES = (*(f"{name}.json" for name in RECORDS), "heatmap.html", "patch.safetensors")
APART = "`workbench figures` draws several runs in one figure, `workbench report RUN RUN2` compares two"


_UNFINISHED = shutil.ignore_patterns(LOCK, ".*.part")


@dataclass(frozen=True)
class Merged:
    """What became of the runs."""

    folder: Path
    origins: Mapping[str, tuple[Path, ...]]
    """Each finished study, and the runs that have it; it was taken from the first."""
    unfinished: tuple[str, ...]
    """Pairs and tasks without a verdict in any of the runs."""
    left_behind: tuple[Path, ...]
    """Tables of later analyses, which were not taken: what they found is corrected together."""
    cautions: tuple[str, ...]
    """In which runs versions or threads were others than in the first."""


@dataclass(frozen=True)
class _Judged:
    """A finished study as its folder has it."""

    pair: str
    task: str
    aligner: str
    verdict: Verdict
    tables: Mapping[str, pd.DataFrame]


def merge_runs(runs: Sequence[str | Path], folder: str | Path, overwrite: bool = False) -> Merged:
    """One run folder with the studies of all runs; Holm's correction is over all of them.

    Model, settings, sentences and items must be the same in all runs. A study that several runs have must
    have the same results in all of them, and is taken once. What conflicts is an `InputError`, before
    anything is written. No model is loaded.
    """
    folder, opened = Path(folder), [_opened(run) for run in runs]
    if not opened:
        raise InputError("name the folders of the runs to merge, as written by `workbench diagnose`")
    _check_place(folder, opened, overwrite)
    specification, cautions = _united(opened), tuple(_circumstances(opened))
    studies = {
        (pair, task.name): _same_study(opened, f"{pair[0]}-{pair[1]}", task.name)
        for pair, task in specification.studies
    }
    finished = {key: found for key, found in studies.items() if found and found[0][1].finished}
    with contextlib.ExitStack() as nobody_writes:
        for place in (folder, *(run.folder for run in opened if os.access(run.folder, os.W_OK))):
            nobody_writes.enter_context(locked(place))
    with new_folder(folder) as place:
        specification.begin(place)
        for (pair, task), found in studies.items():
            if found:
                _copy([part for _, part in found], specification.folder_of(place, pair, task))
        conclude([_judged(found[0][1], specification) for found in finished.values()], place)
        for run in opened:
            _copy_states(run.folder / "store", place / "store")
        record = read_json(place / SPECIFICATION)
        known = [line for run in opened for line in run.specification["cautions"]]
        record["cautions"] = list(dict.fromkeys([*known, *cautions]))
        write_json(place / SPECIFICATION, record)
    return Merged(
        folder,
        {found[0][1].title: tuple(run.folder for run, _ in found) for found in finished.values()},
        tuple(f"{s}-{t} · {task}" for (s, t), task in studies if ((s, t), task) not in finished),
        tuple(path for run in opened for name in LATER if (path := run.folder / f"{name}.parquet").exists()),
        cautions,
    )


def _opened(folder: str | Path) -> Run:
    run = open_run(folder)
    if run.root != run.folder:
        raise InputError(f"{folder} is one study of {run.root}: give the folder of the run")
    if run.specification and not run.specification["studies"]:
        raise InputError(
            f"{folder} is a run without a task, as of `fit` or `measure`: `workbench figures` draws several "
            "of them together"
        )
    return run


def _check_place(folder: Path, runs: Sequence[Run], overwrite: bool) -> None:
    inside = next((run for run in runs if run.folder.resolve().is_relative_to(folder.resolve())), None)
    if inside is not None:
        raise InputError(f"--out {folder} holds the run {inside.folder}, to be merged: give another folder")
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        if not overwrite:
            raise InputError(f"{folder} is there already: give another folder with --out, or --overwrite")
        if not is_ours(folder / SPECIFICATION):
            raise InputError(f"{folder} holds no run, and is left as it is: give another folder with --out")


def _conflict(run: Run, first: Run, what: str, remedy: str = APART) -> InputError:
    return InputError(f"{run.folder} and {first.folder} cannot be one run: {what}; {remedy}")


# The inputs of all runs as those of one.


def _united(runs: Sequence[Run]) -> Specification:
    """The specification that one run over all pairs and tasks would have."""
    read = [run.read_specification() for run in runs]
    first = read[0]
    for run, one in zip(runs[1:], read[1:], strict=True):
        for name, mine, other in (
            ("model", one.model, first.model),
            ("settings", one.settings.to_json(), first.settings.to_json()),
        ):
            for key in dict.fromkeys([*other, *mine]):
                if key not in PLACES and mine.get(key) != other.get(key):
                    values = f"{_short(mine.get(key))} and {_short(other.get(key))}"
                    raise _conflict(run, runs[0], f"{name}, {key}: {values}")
    pairs = tuple(dict.fromkeys(pair for one in read for pair in one.pairs))
    names = dict.fromkeys(task.name for one in read for task in one.tasks)
    tasks = tuple(_one_task(name, runs, read, pairs) for name in names)
    for (source, _), task in product(pairs, tasks):
        if source not in task.languages:
            raise InputError(
                f"no run asks {task.name} in {source}, and a run has every pair on every task: merge the "
                f"runs of each task on their own; {APART}"
            )
    text = _one_text(runs, read, pairs)
    left_out = _one_record([one.left_out for one in read if one.left_out is not None])
    if text is not None and left_out is not None:
        # Of a random sample of rows, the text that was examined is not known any more.
        spoken = list(dict.fromkeys(code for pair in pairs for code in pair))
        left_out["text_digest"] = None if first.settings.rows else text.only(spoken).digest
    return replace(first, pairs=pairs, tasks=tasks, text=text, left_out=left_out)


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"


def _one_text(
    runs: Sequence[Run], read: Sequence[Specification], pairs: Sequence[Pair]
) -> ParallelText | None:
    """The sentences in all languages: those that two runs have must be the same."""
    first, sides = read[0].text, dict[str, tuple[str, ...]]()
    remedy = "give all runs the same sentences, without those that `workbench doctor` says to leave out"
    for run, one in zip(runs, read, strict=True):
        if (one.text is None) != (first is None):
            raise _conflict(run, runs[0], "one fits on sentences, the other on prompts")
        if one.text is None or first is None:
            continue
        if len(one.text) != len(first):
            rows = f"{len(one.text):,} rows and {len(first):,}"
            raise _conflict(run, runs[0], f"other sentences, {rows}", remedy)
        if one.text.groups != first.groups:
            raise _conflict(run, runs[0], "other documents of the sentences", remedy)
        for code, side in one.text.sentences.items():
            if sides.setdefault(code, side) != side:
                count = sum(a != b for a, b in zip(sides[code], side, strict=True))
                raise _conflict(run, runs[0], f"other sentences in {code}, {count:,} of them", remedy)
    if first is None:
        return None
    return replace(first, sentences=sides).only(kept_languages(pairs, sides))


def _one_task(
    name: str, runs: Sequence[Run], read: Sequence[Specification], pairs: Sequence[Pair]
) -> ChoiceTask | AnswerTask:
    """The items in all languages: those that two runs have must be the same, and scored in the same way."""
    asked = [(run, task) for run, one in zip(runs, read, strict=True) for task in one.tasks]
    found = [(run, task) for run, task in asked if task.name == name]
    (origin, first), items = found[0], dict[str, tuple[Any, ...]]()
    until: dict[str, tuple[str, ...]] = {}
    for run, task in found:
        if _scoring(task) != _scoring(first):
            raise _conflict(run, origin, f"{name} is scored in another way")
        for code in task.languages:
            own = tuple(item for item in task.all if item.language == code)
            if items.setdefault(code, own) != own:
                remedy = "give both the same items (--task, --prompts, --shots, --dev and --test)"
                raise _conflict(run, origin, f"other items of {name} in {code}", remedy)
        for code, ends in task.until.items() if isinstance(task, AnswerTask) else ():
            if until.setdefault(code, ends) != ends:
                raise _conflict(run, origin, f"answers of {name} in {code} end at other strings")
    spoken = dict.fromkeys(code for pair in pairs for code in pair)
    every: Any = tuple(item for code in spoken for item in items.get(code, ()))
    notes = tuple(dict.fromkeys(note for _, task in found for note in task.notes))
    if isinstance(first, AnswerTask):
        return replace(first, all=every, notes=notes, until=until)
    return replace(first, all=every, notes=notes)


def _scoring(task: ChoiceTask | AnswerTask) -> tuple[Any, ...]:
    return (task.scorer, task.max_new_tokens) if isinstance(task, AnswerTask) else ()


def _one_record(records: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What the data checks found in any of the runs."""
    if not records:
        return None
    reports = [record["report"] for record in records]
    findings = {digest_json(one): one for report in reports for one in report["findings"]}
    ordered = sorted(findings.values(), key=lambda one: bool(one["severity"] != "alarm"))
    report = {**reports[0], "clean": all(one["clean"] for one in reports), "findings": ordered}
    rows = {digest_json(span): span for record in records for span in record["left_out"]}
    return {**records[0], "report": report, "left_out": sorted(rows.values())}


def _circumstances(runs: Sequence[Run]) -> Iterator[str]:
    """The runs that were made with other versions or threads than the first."""
    first = _conditions(runs[0])
    for run in runs[1:]:
        own = _conditions(run)
        changed = [
            f"{name} {own.get(name)} in place of {first.get(name)}"
            for name in dict.fromkeys([*first, *own])
            if own.get(name) != first.get(name)
        ]
        if changed:
            titles = ", ".join(part.title for part in run.parts)
            yield f"{titles}: made with {', '.join(changed)}; last digits may differ"


def _conditions(run: Run) -> dict[str, Any]:
    return {**run.specification.get("versions", {}), "threads": run.specification.get("threads")}


# The studies.


def _same_study(runs: Sequence[Run], pair: str, task: str) -> list[tuple[Run, Part]]:
    """The study in each run that has it, finished ones alone if there are any; their results are the same."""
    known = [(run, part) for run in runs for part in run.parts if (part.pair, part.task) == (pair, task)]
    found = [(run, part) for run, part in known if part.finished]
    for run, part in found[1:]:
        origin, first = found[0]
        here, there = _results(first), _results(part)
        if changed := [name for name in here if here[name] != there[name]]:
            what = f"other results of {part.title} ({', '.join(changed)})"
            remedy = "keep the study in one of them; `workbench diff` shows how far they are apart"
            raise _conflict(run, origin, what, remedy)
    return found or known


def _results(part: Part) -> dict[str, Any]:
    """Digests of what a study found; its other tables follow from these."""
    tables = [name for name in STUDY_TABLES if name not in OPTIONAL]
    digests = {name: part.manifest["files"].get(f"{name}.parquet") for name in tables}
    return digests | {name: digest_json(part.records[name]) for name in ("choices", "verdict")}


def _judged(part: Part, specification: Specification) -> _Judged:
    """A finished study, with the verdict from its choice and its rows on test."""
    rows, best, settings = part.test_rows, part.headline, specification.settings
    assert rows is not None and best is not None, "a finished study has a headline, scored on test"
    own = rows[(rows.language == part.source) & (rows.seed.isna() | (rows.seed == settings.seed))]
    choice = thaw(part.folder / "choices.json")[best.aligner]
    verdict = decide_choice(own, choice, settings.delta)
    tables = {name: _alone(name, part.tables[name]) for name in STUDY_TABLES if name in part.tables}
    return _Judged(part.pair, part.task, best.aligner, verdict, tables)


def _alone(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """A table of a study, without the columns that say something of all studies of a run."""
    return table.drop(columns=list(OPTIONAL.get(name, ())), errors="ignore")


def _copy(found: Sequence[Part], place: Path) -> None:
    """The files of a study, as a run of several has them, without the columns that hold for a whole run."""
    part, digests = found[0], dict[str, str]()
    place.mkdir(parents=True, exist_ok=True)
    for name in filter(lambda name: (part.folder / name).is_file(), FILES):
        shutil.copyfile(part.folder / name, place / name)
    for name in filter(part.tables.__contains__, STUDY_TABLES):
        table, path = part.tables[name], place / f"{name}.parquet"  # reading checks the digest
        if len(alone := _alone(name, table).columns) < len(table.columns):
            write_tables({name: table[alone]}, place)
        else:
            shutil.copyfile(part.folder / path.name, path)
            digests[path.name] = digest_file(path)
    facts = {key: value for key, value in part.manifest.items() if key not in ("schema", "files")}
    if facts or digests:
        update_manifest(place, facts, digests)
    if (part.folder / "shards").is_dir():
        shutil.copytree(part.folder / "shards", place / "shards", ignore=_UNFINISHED, dirs_exist_ok=True)
    # Every look at the test items counts, in whichever copy of the study it was.
    records = [one.records.get("looks", {}) for one in found]
    looks = {digest_json(look): look for record in records for look in record.get("looks", [])}
    if looks:
        write_json(place / LOOKS, {"looks": list(looks.values())})


def _copy_states(store: Path, place: Path) -> None:
    """The states that are not there yet; a folder is called by all that its states depend on."""
    for folder in sorted(store.glob("*/*")):
        if not (there := place / folder.relative_to(store)).exists():
            shutil.copytree(folder, there, ignore=_UNFINISHED)
