"""Tables of items, tab-separated or JSON lines: choices, generated answers, and the starter set."""

import gzip
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from workbench.core.bundled import bundled
from workbench.core.errors import InputError, TextError, did_you_mean, quoted
from workbench.core.languages import canonical
from workbench.core.reading import (
    canonical_in,
    check_width,
    full_rows,
    plain_name,
    read_cells,
    read_lines,
    user_path,
)
from workbench.core.store import write_bytes
from workbench.tasks.base import AnswerExample, AnswerTask, ChoiceTask, Example, SplitName
from workbench.tasks.prompts import Template, halves
from workbench.tasks.records import Record, one_of, read_objects, text_in
from workbench.tasks.scoring import SCORERS
from workbench.tasks.stories import Connectors, CopaItem, Wording

# Rows of the generic tables, tab-separated or JSON lines, checked as far as all kinds of task share.


_OPTIONAL = ("group",)
"""What a JSON object may leave out."""


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


@dataclass(frozen=True)
class Row:
    """One item in one language: `values` are the numbered cells without the empty last ones."""

    path: Path
    line: int
    cells: dict[str, str]
    values: tuple[str, ...]
    language: str
    split: SplitName

    @property
    def group(self) -> str | None:
        """Its group, if it has one."""
        return self.cells["group"] or None

    def error(self, message: str) -> TextError:
        """What is wrong, with file and line."""
        return TextError(message, self.path, self.line)


def read_rows(path: Path, columns: Columns) -> Iterator[Row]:
    """Read `.tsv` or `.jsonl` (packed or not): no item twice in a language, none in two splits."""
    name = plain_name(path).lower()
    if not name.endswith((".tsv", ".jsonl")):
        raise InputError(
            f"{path} is not called .tsv, .tsv.gz, .jsonl or .jsonl.gz: "
            "a task is a tab-separated table or JSON lines"
        )
    seen: set[tuple[str, str]] = set()
    split_of: dict[str, str] = {}
    for line, cells, values in (_from_table if name.endswith(".tsv") else _from_json)(path, columns):
        row = _checked(path, line, cells, values)
        item = cells["id"]
        if (item, row.language) in seen:
            raise row.error(f"item {quoted(item)} occurs twice in {row.language!r}: keep one")
        if (split := split_of.setdefault(item, row.split)) != row.split:
            raise row.error(
                f"item {quoted(item)} is in {row.split} here and in {split} above: "
                "an item is in one split, the same in every language"
            )
        seen.add((item, row.language))
        yield row
    if not seen:
        raise TextError("holds no items: write one row for each item and language", path)


Cells = tuple[int, dict[str, str], list[str]]


def _from_table(path: Path, columns: Columns) -> Iterator[Cells]:
    rows = read_cells(path)
    _, header = next(rows, (1, [""]))
    numbered = _check_header(path, header, columns)
    for number, row in full_rows(rows, len(header), path):
        cells = dict(zip(header, row, strict=True))
        values = [cells[column] for column in numbered]
        while values and not values[-1]:
            values.pop()
        yield number, cells, values


def _check_header(path: Path, header: list[str], columns: Columns) -> list[str]:
    """The numbered columns that the table has, in order."""
    width = sum(map(columns.is_numbered, header))
    known = columns.known(width)
    for column in header:
        if column not in known:
            raise TextError(
                f"unknown column {quoted(column)}: {_closest(column, known, header, columns)}", path, 1
            )
        if header.count(column) > 1:
            raise TextError(f"two columns are called {quoted(column)}: rename one", path, 1)
    if missing := [column for column in known if column not in header]:
        shown = [*columns.known(columns.least), "…"]
        raise TextError(f"the header lacks {', '.join(missing)}: the columns are {', '.join(shown)}", path, 1)
    return known[len(columns.fixed) :]


def _closest(column: str, known: Sequence[str], header: Sequence[str], columns: Columns) -> str:
    """Of the columns that are not there yet (or one choice more), if any is close; else of all."""
    free = {*known, f"{columns.numbered}{len(known) - len(columns.fixed) + 1}"} - {*header}
    hint = did_you_mean(column, free)
    return hint if hint.startswith("did") else did_you_mean(column, known)


def _from_json(path: Path, columns: Columns) -> Iterator[Cells]:
    for line, record in read_objects(path):
        check_width([*record], path, line)
        values = _values(record, columns, path, line)
        fields = {key for key in record if not columns.is_numbered(key)} - {f"{columns.numbered}s"}
        for key in fields - {*columns.fixed}:
            known = [*columns.fixed, f"{columns.numbered}s"]
            raise TextError(f"unknown field {quoted(key)}: {did_you_mean(key, known)}", path, line)
        if missing := [key for key in columns.fixed if key not in record and key not in _OPTIONAL]:
            raise TextError(f"lacks {', '.join(missing)}: write them or leave the item out", path, line)
        cells = {key: "" if record.get(key) is None else _cell(record[key]) for key in columns.fixed}
        if wrong := [key for key in fields if record[key] is not None and _cell(record[key]) is None]:
            raise TextError(f"{wrong[0]!r} is {quoted(record[wrong[0]])}, not a text or a number", path, line)
        yield line, {key: value or "" for key, value in cells.items()}, values


def _values(record: Record, columns: Columns, path: Path, line: int) -> list[str]:
    """The list (`choices`), or the numbered fields up to the last that is not empty."""
    field = f"{columns.numbered}s"
    numbered = sorted(filter(columns.is_numbered, record), key=lambda key: int(key[len(columns.numbered) :]))
    if (field in record) == bool(numbered):
        raise TextError(f"write either {field!r}, a list, or {columns.numbered}1 and so on", path, line)
    if numbered and numbered != [f"{columns.numbered}{i}" for i in range(1, len(numbered) + 1)]:
        raise TextError(f"{', '.join(numbered)} leave out a number: count from 1", path, line)
    values = (
        record[field] if field in record else ["" if record[key] is None else record[key] for key in numbered]
    )
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TextError(f"{field!r} is no list of texts: {quoted(values)}", path, line)
    while numbered and values and not values[-1]:
        values.pop()
    return values


def _cell(value: Any) -> str | None:
    """A text or a whole number as a cell; None for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _checked(path: Path, line: int, cells: dict[str, str], values: Sequence[str]) -> Row:
    splits = get_args(SplitName)
    if cells["split"] not in splits:
        hint = did_you_mean(cells["split"], splits)
        raise TextError(f"unknown split {quoted(cells['split'])}: {hint}", path, line)
    if empty := next((column for column in ("id", "prompt") if not cells[column].strip()), None):
        raise TextError(f"the {empty} is empty: write one or leave the row out", path, line)
    language = canonical_in(path, cells["language"], line)
    return Row(path, line, cells, tuple(values), language, cast(SplitName, cells["split"]))


# Choice tasks as a table: tab-separated, one row for each item and language.
#
#     id  split  group  language  prompt  answer  choice1  choice2  …
#
# `split` is fit, dev or test, `answer` the number of the right choice, counted from 0, and `language` any
# usual spelling of a code. An empty `group` is none, and an item with fewer choices than the table has
# columns leaves the last ones empty. Only tabs and line ends have a meaning: quotes are text, and spaces
# are kept, since `prompt + choice` is the exact text that a model reads (so most choices start with one).
#
# The same as JSON lines: one object a line with these fields, the choices as a list `choices` or as choice1,
# choice2 and so on; `group` may be left out or null.


_COLUMNS_TABLE = Columns(("id", "split", "group", "language", "prompt", "answer"), "choice", least=2)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_FORBIDDEN = re.compile("[\t\r\n\ud800-\udfff]")  # a lone surrogate cannot be written as UTF-8


def read_choices(path: str | Path, name: str | None = None) -> ChoiceTask:
    """Read a table of choices, `.tsv` or `.jsonl`, packed or not; unless named, it is called as the file."""
    path = user_path(path)
    examples = []
    for row in read_rows(path, _COLUMNS_TABLE):
        answer = row.cells["answer"]
        if not _NUMBER.fullmatch(answer):
            raise row.error(
                f"answer {quoted(answer)} is no number: write that of the right choice, the first being 0"
            )
        try:
            example = Example(
                row.cells["id"],
                row.cells["prompt"],
                row.values,
                int(answer),
                row.language,
                row.split,
                row.group,
            )
        except InputError as error:
            raise row.error(f"{error}: fix the row") from error
        examples.append(example)
    return ChoiceTask(Path(plain_name(path)).stem if name is None else name, tuple(examples))


def write_choices(path: str | Path, task: ChoiceTask) -> None:
    """Write a task as `read_choices` reads it, packed if called `.tsv.gz`; equal tasks give equal bytes."""
    if not task.all:
        raise InputError(f"task {task.name!r} has no items: there is nothing to write to {path}")
    width = max(len(example.choices) for example in task.all)
    write_rows(path, [_COLUMNS_TABLE.known(width), *(_row(example, width) for example in task.all)])


def write_rows(path: str | Path, rows: Iterable[Sequence[str]]) -> None:
    """Write tab-separated cells, whole or not at all; the name says whether they are packed."""
    path = user_path(path)
    if not path.name.endswith((".tsv", ".tsv.gz")):
        raise InputError(f"{path} must be called .tsv or .tsv.gz: it holds tab-separated values")
    lines = []
    for row in rows:
        for cell in row:
            if _FORBIDDEN.search(cell):
                raise InputError(
                    f"{path} cannot hold {quoted(cell)}: "
                    "take out its tabs, line ends and halves of characters"
                )
        lines.append("\t".join(row) + "\n")
    data = "".join(lines).encode()
    write_bytes(path, _packed(data) if path.suffix == ".gz" else data)


def _packed(data: bytes) -> bytes:
    """The bytes as gzip, without time and name, so that the same text is the same file."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
        file.write(data)
    return buffer.getvalue()


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


# Tasks of generated answers as a table, tab-separated or JSON lines, one row for each item and language.
#
#     id  split  group  language  prompt  answer1  answer2  …
#
# Every answer counts as right, and an item with fewer of them leaves the last cells empty; in JSON lines they
# are a list `answers`. Everything else is as in tables of choices.


_COLUMNS_ANSWERS = Columns(("id", "split", "group", "language", "prompt"), "answer", least=1)


def read_answers(path: str | Path, name: str | None = None, scorer: str = "exact") -> AnswerTask:
    """Read a table of answers; they are scored by one of `SCORERS` (exact, number, f1, chrf or bleu)."""
    path = user_path(path)
    if scorer not in SCORERS:
        raise InputError(f"unknown scorer {quoted(scorer)}: {did_you_mean(scorer, SCORERS)}")
    examples = []
    for row in read_rows(path, _COLUMNS_ANSWERS):
        item, prompt = row.cells["id"], row.cells["prompt"]
        try:
            example = AnswerExample(item, prompt, row.values, row.language, row.split, row.group)
        except InputError as error:
            raise row.error(f"{error}: fix the row") from error
        examples.append(example)
    return AnswerTask(Path(plain_name(path)).stem if name is None else name, tuple(examples), scorer)


# The items of the starter set that comes with the project: for first steps, not for publication.


_CAUTION = "for first steps only, checked by nobody but its authors: no result on it is to be published"
_COLUMNS_STARTER = ["id", "question", "label", "language", "premise", "choice1", "choice2"]


def read_starter(
    path: str | Path | None = None,
    seed: int = 0,
    template: Template = Wording.template,
    choice: Template = Wording.choice,
    connectors: Connectors | None = None,
) -> ChoiceTask:
    """Read the 100 cause-or-effect items in eight languages; the seed cuts them into dev and test."""
    path = bundled("starter/choices.tsv") if path is None else user_path(path)
    lines = read_lines(path)
    if lines[:1] != ["\t".join(_COLUMNS_STARTER)]:
        raise TextError(
            f"is no table of the starter set: its columns are {', '.join(_COLUMNS_STARTER)}", path, 1
        )
    sides: dict[str, dict[str, CopaItem]] = {}
    for number, line in enumerate(lines[1:], 2):
        item = _item(path, number, line)
        if item.id in sides.setdefault(item.language, {}):
            raise TextError(
                f"item {quoted(item.id)} occurs twice in {item.language!r}: keep one", path, number
            )
        sides[item.language][item.id] = item
    every = {name: name for side in sides.values() for name in side}
    for language, side in sides.items():
        if lost := [name for name in every if name not in side]:
            raise TextError(f"item {quoted(lost[0])} is not there in {language!r}: write it", path)
    if not every:
        raise TextError("holds no items: clone the project anew", path)
    split_of = halves(every, seed)
    wording = Wording(template, choice, connectors)
    examples = [side[name].example(wording, split_of[name]) for side in sides.values() for name in every]
    return ChoiceTask(
        "starter", tuple(examples), (_CAUTION, f"cut into a dev and a test half with seed {seed}")
    )


def _item(path: Path, number: int, line: str) -> CopaItem:
    cells = line.split("\t")
    if len(cells) != len(_COLUMNS_STARTER):
        raise TextError(
            f"has {len(cells)} cells but the header has {len(_COLUMNS_STARTER)}: fix the row", path, number
        )
    row = dict(zip(_COLUMNS_STARTER, cells, strict=True))
    name, premise, one, two = (text_in(row, c, path, number) for c in ("id", "premise", "choice1", "choice2"))
    if one == two:
        raise TextError("both choices are the same: fix the row", path, number)
    question = one_of(row, "question", ("cause", "effect"), path, number)
    label = int(one_of(row, "label", ("0", "1"), path, number))
    language = canonical_in(path, row["language"], number)
    return CopaItem(name, language, premise, (one, two), label, question)
