"""Rows of the generic tables, tab-separated or JSON lines, checked as far as all kinds of task share."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from workbench.core.errors import InputError, TextError, did_you_mean, quoted
from workbench.core.reading import canonical_in, check_width, full_rows, plain_name, read_cells
from workbench.tasks.base import SplitName
from workbench.tasks.records import Record, read_objects

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
