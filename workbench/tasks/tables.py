"""Tables of items, tab-separated or JSON lines: choices, generated answers, and the starter set."""

import gzip
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from workbench.core.bundled import bundled
from workbench.core.errors import InputError, TextError, did_you_mean, quoted
from workbench.core.languages import canonical
from workbench.core.reading import canonical_in, check_width, full_rows, plain_name, read_cells, user_path
from workbench.core.store import write_bytes
from workbench.tasks.base import AnswerExample, AnswerTask, ChoiceTask, Example, SplitName
from workbench.tasks.prompts import Template, halves
from workbench.tasks.records import Record, by_language_and_name, faults_in, read_objects, read_table
from workbench.tasks.scoring import check_scorer
from workbench.tasks.stories import COPA_CHOICE, COPA_TEMPLATE, Connectors, copa_item, copa_task

# Rows of the generic tables, tab-separated or JSON lines, checked as far as all kinds of task share.


@dataclass(frozen=True)
class Columns:
    """The columns of a kind of table: fixed ones, and numbered ones (choice1, choice2, …)."""

    fixed: tuple[str, ...]
    numbered: str
    least: int

    def known(self, width: int) -> list[str]:
        """All columns of a table with so many numbered ones."""
        return [*self.fixed, *(f"{self.numbered}{i}" for i in range(1, max(width, self.least) + 1))]

    def is_numbered(self, column: str) -> bool:
        """Whether a column is one of the numbered."""
        return re.fullmatch(self.numbered + r"[1-9]\d{0,5}", column, re.ASCII) is not None


Row = tuple[Record, tuple[str, ...]]
"""The fixed cells, and the numbered ones without the empty last ones."""


def read_rows(path: Path, columns: Columns) -> Iterator[tuple[Record, tuple[str, ...], dict[str, Any]]]:
    """Each row of `.tsv` or `.jsonl` (packed or not), its numbered cells, and what all examples have.

    No item is twice in a language, none in two splits.
    """
    name = plain_name(path).lower()
    if not name.endswith((".tsv", ".jsonl")):
        raise InputError(
            f"{path} is not called .tsv, .tsv.gz, .jsonl or .jsonl.gz: "
            "a task is a tab-separated table or JSON lines"
        )
    seen: set[tuple[str, str]] = set()
    split_of: dict[str, str] = {}
    for row, values in (_from_table if name.endswith(".tsv") else _from_json)(path, columns):
        id, split, group, language, prompt = (row.fields[column] for column in _SHARED)
        if split not in get_args(SplitName):
            raise row.error(f"unknown split {quoted(split)}: {did_you_mean(split, get_args(SplitName))}")
        if empty := next((column for column in ("id", "prompt") if not row.fields[column].strip()), None):
            raise row.error(f"the {empty} is empty: write one or leave the row out")
        language = canonical_in(path, language, row.line)
        if (id, language) in seen:
            raise row.error(f"item {quoted(id)} occurs twice in {language!r}: keep one")
        if (other := split_of.setdefault(id, split)) != split:
            raise row.error(
                f"item {quoted(id)} is in {split} here and in {other} above: "
                "an item is in one split, the same in every language"
            )
        seen.add((id, language))
        shared = {"id": id, "prompt": prompt, "language": language, "split": split, "group": group or None}
        yield row, values, shared
    if not seen:
        raise TextError("holds no items: write one row for each item and language", path)


def _from_table(path: Path, columns: Columns) -> Iterator[Row]:
    rows = read_cells(path)
    _, header = next(rows, (1, [""]))
    known = columns.known(sum(map(columns.is_numbered, header)))
    for column in header:
        if column not in known:
            hint = _closest(column, known, header, columns)
            raise TextError(f"unknown column {quoted(column)}: {hint}", path, 1)
        if header.count(column) > 1:
            raise TextError(f"two columns are called {quoted(column)}: rename one", path, 1)
    if missing := [column for column in known if column not in header]:
        shown = [*columns.known(columns.least), "…"]
        raise TextError(f"the header lacks {', '.join(missing)}: the columns are {', '.join(shown)}", path, 1)
    for line, cells in full_rows(rows, len(header), path):
        row = Record(path, line, dict(zip(header, cells, strict=True)))
        yield row, _without_last([row.fields[column] for column in known[len(columns.fixed) :]])


def _without_last(values: Sequence[str]) -> tuple[str, ...]:
    """The values without the empty ones at the end."""
    return tuple(values[: max((i for i, value in enumerate(values, 1) if value), default=0)])


def _closest(column: str, known: Sequence[str], header: Sequence[str], columns: Columns) -> str:
    """Of the columns that are not there yet (or one choice more), if any is close; else of all."""
    free = {*known, f"{columns.numbered}{len(known) - len(columns.fixed) + 1}"} - {*header}
    hint = did_you_mean(column, free)
    return hint if hint.startswith("did") else did_you_mean(column, known)


def _from_json(path: Path, columns: Columns) -> Iterator[Row]:
    listed = f"{columns.numbered}s"
    for row in read_objects(path):
        check_width([*row.fields], path, row.line or 0)
        values = _values(row, columns)
        for key, value in row.fields.items():
            if key == listed or columns.is_numbered(key):
                continue
            if key not in columns.fixed:
                raise row.error(f"unknown field {quoted(key)}: {did_you_mean(key, [*columns.fixed, listed])}")
            if value is not None and (not isinstance(value, str | int) or isinstance(value, bool)):
                raise row.error(f"{key!r} is {quoted(value)}, not a text or a number")
        if missing := [key for key in columns.fixed if key not in row.fields and key != "group"]:
            raise row.error(f"lacks {', '.join(missing)}: write them or leave the item out")
        given = {key: row.fields.get(key) for key in columns.fixed}
        yield replace(row, fields={k: "" if v is None else str(v) for k, v in given.items()}), values


def _values(row: Record, columns: Columns) -> tuple[str, ...]:
    """The list (`choices`), or the numbered fields up to the last that is not empty."""
    listed, prefix = f"{columns.numbered}s", len(columns.numbered)
    numbered = sorted(filter(columns.is_numbered, row.fields), key=lambda key: int(key[prefix:]))
    if (listed in row.fields) == bool(numbered):
        raise row.error(f"write either {listed!r}, a list, or {columns.numbered}1 and so on")
    if numbered and numbered != [f"{columns.numbered}{i}" for i in range(1, len(numbered) + 1)]:
        raise row.error(f"{', '.join(numbered)} leave out a number: count from 1")
    values = row.fields[listed] if not numbered else [row.fields[key] or "" for key in numbered]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise row.error(f"{listed!r} is no list of texts: {quoted(values)}")
    return _without_last(values) if numbered else tuple(values)


# Choice tasks as a table, one row for each item and language: tab-separated, or JSON lines with these fields.
#
#     id  split  group  language  prompt  answer  choice1  choice2  …
#
# `answer` is the number of the right choice, counted from 0. An item with fewer choices than the table has
# columns leaves the last ones empty; JSON lines may have a list `choices`, and no `group`. Quotes are text,
# and spaces are kept, since `prompt + choice` is the exact text that a model reads.


_SHARED = ("id", "split", "group", "language", "prompt")
_CHOICES = Columns((*_SHARED, "answer"), "choice", least=2)
_FORBIDDEN = re.compile("[\t\r\n\ud800-\udfff]")  # a lone surrogate cannot be written as UTF-8


def read_choices(path: str | Path, name: str | None = None) -> ChoiceTask:
    """Read a table of choices, `.tsv` or `.jsonl`, packed or not; unless named, it is called as the file."""
    path = user_path(path)
    examples = []
    for row, choices, shared in read_rows(path, _CHOICES):
        answer = row.fields["answer"]
        if not re.fullmatch(r"\d{1,9}", answer, re.ASCII):
            raise row.error(
                f"answer {quoted(answer)} is no number: write that of the right choice, the first being 0"
            )
        with faults_in(row, "fix the row"):
            examples.append(Example(choices=choices, answer=int(answer), **shared))
    return ChoiceTask(Path(plain_name(path)).stem if name is None else name, tuple(examples))


def write_choices(path: str | Path, task: ChoiceTask) -> None:
    """Write a task as `read_choices` reads it, packed if called `.tsv.gz`; equal tasks give equal bytes."""
    if not task.all:
        raise InputError(f"task {task.name!r} has no items: there is nothing to write to {path}")
    width = max(len(example.choices) for example in task.all)
    write_rows(path, [_CHOICES.known(width), *(_row(example, width) for example in task.all)])


def write_rows(path: str | Path, rows: Iterable[Sequence[str]]) -> None:
    """Write tab-separated cells, whole or not at all; the name says whether they are packed."""
    path = user_path(path)
    if not path.name.endswith((".tsv", ".tsv.gz")):
        raise InputError(f"{path} must be called .tsv or .tsv.gz: it holds tab-separated values")
    rows = list(rows)
    if bad := next((cell for row in rows for cell in row if _FORBIDDEN.search(cell)), None):
        raise InputError(
            f"{path} cannot hold {quoted(bad)}: take out its tabs, line ends and halves of characters"
        )
    data = "".join("\t".join(row) + "\n" for row in rows).encode()
    # Without the time, the same text is the same file.
    write_bytes(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def _row(example: Example, width: int) -> list[str]:
    if not example.id.strip() or not example.prompt.strip() or example.group == "":
        raise InputError(
            f"item {example.id!r} in {example.language!r} has an empty id, prompt or group: name it "
            "(a group may be None)"
        )
    blanks = [""] * (width - len(example.choices))
    language = canonical(example.language)  # refused here, for nothing could read it back
    cells = [example.id, example.split, example.group or "", language, example.prompt, str(example.answer)]
    return [*cells, *example.choices, *blanks]


# Tasks of generated answers as such a table: answer1, answer2 … or a list `answers`, each of them right.


_ANSWERS = Columns(_SHARED, "answer", least=1)


def read_answers(path: str | Path, name: str | None = None, scorer: str = "exact") -> AnswerTask:
    """Read a table of answers; they are scored by one of `SCORERS` (exact, number, f1, chrf or bleu)."""
    path = user_path(path)
    check_scorer(scorer)
    examples = []
    for row, values, shared in read_rows(path, _ANSWERS):
        with faults_in(row, "fix the row"):
            examples.append(AnswerExample(answers=values, **shared))
    return AnswerTask(Path(plain_name(path)).stem if name is None else name, tuple(examples), scorer)


# The items of the starter set that comes with the project: for first steps, not for publication.


_CAUTION = "for first steps only, checked by nobody but its authors: no result on it is to be published"


def read_starter(
    path: str | Path | None = None,
    seed: int = 0,
    template: Template = COPA_TEMPLATE,
    choice: Template = COPA_CHOICE,
    connectors: Connectors | None = None,
) -> ChoiceTask:
    """Read the 100 cause-or-effect items in eight languages; the seed cuts them into dev and test."""
    path = bundled("starter/choices.tsv") if path is None else user_path(path)
    columns = ("id", "question", "label", "language", "premise", "choice1", "choice2")
    sides = by_language_and_name(
        (record.text("id"), copa_item(record, int(record.one_of("label", ("0", "1")))))
        for record in read_table(path, columns, "the starter set")
    )
    split_of = halves({name: name for side in sides.values() for name in side}, seed)
    notes = (_CAUTION, f"cut into a dev and a test half with seed {seed}")
    return copa_task("starter", sides, split_of, template, choice, connectors, notes)
