"""The specification of a run, written before any computation: model, settings, sentences and items as data.

    specification.json   model, settings, versions, pairs, tasks and where each study lies
    text.parquet         the sentences, row by row, in every language
    items.parquet        the items of every task, in all splits and in the languages of the pairs

Any run can be taken up again from these files.
"""

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self, get_args

import pandas as pd
import torch

from workbench.core.bundled import cautions
from workbench.core.errors import InputError, StoreError, quoted
from workbench.core.settings import Settings
from workbench.core.store import digest_json, is_inside, locked, read_json, write_json
from workbench.models import LanguageModel
from workbench.results import COLUMNS, SPECIFICATION, VERSION, claim, is_ours, read_table, write_tables
from workbench.study.examination import AnyTask
from workbench.tasks import AnswerExample, AnswerTask, ChoiceTask, Example, SplitName
from workbench.text import ParallelText

log = logging.getLogger(__name__)

PACKAGES = ("alignment-workbench", "torch", "transformers", "transformer-lens", "numpy", "pandas", "plotly")
NAMES = (
    *(f"{name}.parquet" for name in ("text", *COLUMNS)),
    *(f"{name}.json" for name in "specification manifest choices race verdict looks timings claims".split()),
    *("study.toml", "command.txt", "report.html", "heatmap.html", "patch.safetensors"),
)
"""Files that a run writes into its folders."""
_BEGUN = (SPECIFICATION, "manifest.json", "text.parquet", "items.parquet", "study.toml", "command.txt")
"""Those that say nothing of results."""
Pair = tuple[str, str]


@dataclass(frozen=True)
class Specification:
    """All inputs of a run."""

    model: Mapping[str, Any]
    """Name, source, backend, dtype, quantisation and so on, with digests of weights and tokenizer."""
    settings: Settings
    pairs: tuple[Pair, ...]
    tasks: tuple[ChoiceTask | AnswerTask, ...] = ()
    """Their items in the languages of the pairs; without any, the run measures sentences alone."""
    text: ParallelText | None = None
    """None: maps are fitted on each task's `fit` prompts. Further languages help to tell languages apart."""
    left_out: Mapping[str, Any] | None = None
    """Findings of the doctor in the text, and the rows that were left out."""
    threads: int = 0
    """CPU threads in use: sums over more threads differ in their last digits."""
    versions: Mapping[str, str] | None = None

    @classmethod
    def of(
        cls,
        model: LanguageModel,
        settings: Settings,
        pairs: Sequence[Pair],
        tasks: Sequence[AnyTask] = (),
        text: ParallelText | None = None,
        left_out: Mapping[str, Any] | None = None,
    ) -> Self:
        """From objects, with the current threads and versions."""
        languages = list(dict.fromkeys(code for pair in pairs for code in pair))
        kept = tuple(_at_hand(task, languages) for task in tasks)
        names = [task.name for task in kept]
        for name in names:
            if not is_inside(name):
                raise InputError(f"the name of a task is also that of a folder: {quoted(name)} is none")
        if len(set(names)) < len(names):
            raise InputError(f"two tasks have one name: {', '.join(names)}")
        threads = torch.get_num_threads()
        return cls(model_facts(model), settings, tuple(pairs), kept, text, left_out, threads, _versions())

    def folder_of(self, root: Path, pair: Pair, task: str) -> Path:
        """Where the study of a pair and task lies."""
        return root if len(self.studies) == 1 else root / f"{pair[0]}-{pair[1]}" / task

    @property
    def studies(self) -> list[tuple[Pair, ChoiceTask | AnswerTask]]:
        """Every pair with every task, in order."""
        return [(pair, task) for pair in self.pairs for task in self.tasks]

    def begin(self, folder: Path, overwrite: bool = False) -> None:
        """Write the specification into the run's folder, before any work; the same run continues there.

        A folder with results of another run or with foreign files is refused, unless `overwrite` is set.
        """
        claim(folder, ())
        with locked(folder):
            self._begin(folder, overwrite)

    def _begin(self, folder: Path, overwrite: bool) -> None:
        path, mine = folder / SPECIFICATION, self.to_json()
        places = [folder, *(self.folder_of(folder, pair, task.name) for pair, task in self.studies)]
        before = _read_whole(read_json, path) if is_ours(path) else None
        if before is not None and _question(before) == _question(mine):
            files = [folder / f"{name}.parquet" for name in self._tables()]
            if all(_read_whole(read_table, file) is not None for file in files):
                return
        elif before is not None:
            inside = (study["folder"] for study in before.get("studies", []) if is_inside(study["folder"]))
            places += [folder / name for name in inside]
            results = set(NAMES) - set(_BEGUN)
            if not overwrite and any((place / name).exists() for place in places for name in results):
                raise InputError(
                    f"{folder} holds another run ({_difference(before, mine)}): give another folder with "
                    "--out, or --overwrite to replace it"
                )
            _clear(places)
        for place in dict.fromkeys(places):
            claim(place, NAMES, overwrite)
        write_tables(self._tables(), folder)
        write_json(path, mine)

    def _tables(self) -> dict[str, pd.DataFrame]:
        tables = {} if self.text is None else {"text": self.text.to_frame()}
        return tables | ({"items": items_table(self.tasks)} if self.tasks else {})

    def to_json(self) -> dict[str, Any]:
        """As JSON values, with digests in place of the sentences and items."""
        text = self.text
        return {
            "schema": VERSION,
            "model": dict(self.model),
            "settings": self.settings.to_json(),
            "pairs": [list(pair) for pair in self.pairs],
            "tasks": [_task_record(task) for task in self.tasks],
            "studies": [
                {
                    "pair": list(pair),
                    "task": task.name,
                    "folder": self.folder_of(Path(), pair, task.name).as_posix(),
                }
                for pair, task in self.studies
            ],
            "text": None
            if text is None
            else {
                "digest": text.digest,
                "languages": list(text.languages),
                "rows": len(text),
                "sources": list(text.sources),
                "dropped": text.dropped,
            },
            "left_out": None if self.left_out is None else dict(self.left_out),
            "cautions": cautions(() if text is None else text.sources),
            "threads": self.threads,
            "versions": dict(self.versions or {}),
        }

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the files of `begin`, checked against their digests."""
        path = folder / SPECIFICATION
        if not path.exists():
            raise InputError(
                f"{folder} has no {SPECIFICATION}: a run of workbench 0.1 gives its tables, figures and "
                "report; for anything else run the study again"
            )
        record = read_json(path)
        if "tasks" not in record:
            raise InputError(
                f"{folder} holds the tables of a run, not its sentences and items: tables, figures and "
                "report can be shown; for anything else run the study again"
            )
        try:
            specification = cls(
                record["model"],
                Settings.from_json(record["settings"]),
                tuple((source, target) for source, target in record["pairs"]),
                _read_tasks(folder, record["tasks"]),
                _read_text(folder, record["text"]),
                record["left_out"],
                record["threads"],
                record["versions"],
            )
            places = [
                specification.folder_of(Path(), pair, task.name) for pair, task in specification.studies
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"{path} is not a specification ({type(error).__name__} {error})") from error
        if not all(is_inside(str(place)) for place in places):
            raise StoreError(f"{path} names studies outside its folder: it is not opened")
        return specification


def model_facts(model: LanguageModel) -> dict[str, Any]:
    """The facts about a model that do not depend on how it was loaded this time."""
    facts = model.info.as_dict()
    del facts["self_check"], facts["device"]
    return facts | {"weights_digest": model.weights_digest, "tokens_digest": model.tokens.digest()}


def items_table(tasks: Sequence[ChoiceTask | AnswerTask]) -> pd.DataFrame:
    """One row per item of every task, language and split."""
    rows = [
        {
            "task": task.name,
            "language": item.language,
            "split": item.split,
            "example": item.id,
            "group": item.group,
            "prompt": item.prompt,
            "choices": list(getattr(item, "choices", ())),
            "answer": getattr(item, "answer", None),
            "answers": list(getattr(item, "answers", ())),
        }
        for task in tasks
        for item in task.all
    ]
    return pd.DataFrame(rows).astype({"answer": "Int64", "group": "string"})


def _read_item(row: Mapping[Any, Any]) -> Example | AnswerExample:
    """The item of a row: with choices, or with right answers."""
    about = {name: row[name] for name in ("prompt", "language", "split")} | {"id": row["example"]}
    about["group"] = None if pd.isna(row["group"]) else row["group"]
    if len(row["choices"]):
        return Example(choices=tuple(map(str, row["choices"])), answer=int(row["answer"]), **about)
    return AnswerExample(answers=tuple(map(str, row["answers"])), **about)


def _at_hand(task: AnyTask, languages: Sequence[str]) -> ChoiceTask | AnswerTask:
    """The task with its items in these languages, whatever kind of object it was."""
    spoken = [code for code in languages if code in task.languages]
    items: tuple[Any, ...] = tuple(
        item for code in spoken for split in get_args(SplitName) for item in task.examples(code, split)
    )
    notes = tuple(getattr(task, "notes", ()))
    if items and isinstance(items[0], AnswerExample):
        if isinstance(task, AnswerTask):
            return replace(task, all=items)
        return AnswerTask(task.name, items, str(getattr(task, "scorer", "")), notes=notes)
    return ChoiceTask(task.name, items, notes=notes)


def _task_record(task: ChoiceTask | AnswerTask) -> dict[str, Any]:
    generation: dict[str, Any] = {"scorer": None}
    if isinstance(task, AnswerTask):
        said = {"until": task.until and dict(task.until), "max_new_tokens": task.max_new_tokens}
        generation = {"scorer": task.scorer} | {name: value for name, value in said.items() if value}
    return {
        **{"name": task.name, **generation},
        "notes": list(task.notes),
        "digest": digest_json([asdict(item) for item in task.all]),
    }


def _read_tasks(folder: Path, records: Sequence[Mapping[str, Any]]) -> tuple[ChoiceTask | AnswerTask, ...]:
    if not records:
        return ()
    table = read_table(folder / "items.parquet")
    tasks = []
    for record in records:
        name, scorer, notes = record["name"], record["scorer"], tuple(record["notes"])
        until = {code: tuple(ends) for code, ends in record.get("until", {}).items()}
        items: tuple[Any, ...] = tuple(map(_read_item, table[table.task == name].to_dict("records")))
        task: ChoiceTask | AnswerTask = (
            ChoiceTask(name, items, notes=notes)
            if scorer is None
            else AnswerTask(name, items, scorer, notes, until, record.get("max_new_tokens"))
        )
        if _task_record(task)["digest"] != record["digest"]:
            raise StoreError(
                f"{folder / 'items.parquet'} holds other items of {task.name} than were specified"
            )
        tasks.append(task)
    return tuple(tasks)


def _read_text(folder: Path, record: Mapping[str, Any] | None) -> ParallelText | None:
    if record is None:
        return None
    table = read_table(folder / "text.parquet")
    text = ParallelText(
        {code: tuple(table[code]) for code in record["languages"]},
        tuple(table["group"]) if "group" in table else None,
        tuple(record["sources"]),
        record["dropped"],
    )
    if text.digest != record["digest"]:
        raise StoreError(f"{folder / 'text.parquet'} holds other sentences than were specified")
    return text


def _versions() -> dict[str, str]:
    versions = dict.fromkeys(PACKAGES, "not installed")
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def _read_whole(read: Callable[[Path], Any], path: Path) -> Any:
    """The content of a file; None where it is damaged."""
    try:
        return read(path)
    except StoreError as error:
        log.warning("%s; written anew", error)
        return None


def _question(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that must not differ between two sessions of one run."""
    circumstances = ("versions", "threads", "left_out", "cautions")
    return {name: value for name, value in record.items() if name not in circumstances}


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The first thing in which two specifications differ, in words."""
    for name in ("pairs", "tasks"):
        there, here = (_names(one.get(name, [])) for one in (before, now))
        if there != here:
            return f"{name}: {there or 'none'} there, {here or 'none'} now"
    for name in ("model", "settings"):
        old, new = before.get(name) or {}, now.get(name) or {}
        for key in {**old, **new}:
            if old.get(key) != new.get(key):
                return f"{name}, {key}: {str(old.get(key))[:60]} there, {str(new.get(key))[:60]} now"
    if before.get("text") != now.get("text"):
        there, here = ((one.get("text") or {}).get("rows", "no") for one in (before, now))
        return f"other sentences: {there} rows there, {here} now"
    return "other items" if before.get("tasks") != now.get("tasks") else "another version of its files"


def _names(listed: Sequence[Any]) -> str:
    words = [one["name"] if isinstance(one, dict) else "-".join(one) for one in listed]
    return ", ".join(words)[:80]


def _clear(places: Sequence[Path]) -> None:
    """Remove the files of an earlier run; states and shards stay, as they are found by content."""
    for place in dict.fromkeys(places):
        for name in NAMES:
            if is_ours(place / name):
                (place / name).unlink()
