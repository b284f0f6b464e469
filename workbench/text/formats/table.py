"""Tables with a column for each language: TSV, CSV and JSON lines."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.core.errors import TextError, quoted
from workbench.core.reading import check_width, json_lines, language_of, plain_name, read_cells, read_lines
from workbench.text.columns import make_raw, text_cells
from workbench.text.raw import Raw, Request

Numbered = Iterator[tuple[int, list[str]]]


def is_tsv(path: Path) -> bool:
    """Whether the path is named as a table of tab-separated values."""
    return plain_name(path).lower().endswith(".tsv")


def is_csv(path: Path) -> bool:
    """Whether the path is named as a table of comma-separated values."""
    return plain_name(path).lower().endswith(".csv")


def is_jsonl(path: Path) -> bool:
    """Whether the path is named as JSON lines."""
    return plain_name(path).lower().endswith((".jsonl", ".ndjson"))


def read_tsv(path: Path, request: Request) -> Raw:
    """Read a header, then a row a line; only tabs and line ends have a meaning, quotes are text."""
    return _from_rows(path, read_cells(path), request)


def read_csv(path: Path, request: Request) -> Raw:
    """Read a header, then rows whose cells may be quoted and then hold commas and line ends."""
    return _from_rows(path, _csv_rows(path), request)


def read_jsonl(path: Path, request: Request) -> Raw:
    """One object a line, with a key for each language, or all of them under `translation`."""
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    keys: dict[str, None] = {}
    for number, record in json_lines(path):
        translation = record.pop("translation", None)
        records.append(record | translation if isinstance(translation, dict) else record)
        lines.append(number)
        keys |= dict.fromkeys(records[-1])
        check_width([*keys], path, number)
    columns = {
        key: text_cells(str(path), key, [record.get(key) for record in records], lines) for key in keys
    }
    return make_raw(str(path), columns, lines, request)


def _csv_rows(path: Path) -> Numbered:
    reader = csv.reader((line + "\n" for line in read_lines(path)), strict=True)
    start = 1
    try:
        for row in reader:
            yield start, check_width(row, path, start)
            start = reader.line_num + 1  # a quoted cell may run over several lines
    except csv.Error as error:
        raise TextError(f"is not CSV ({error}): check the quotes", path, start) from error


def _from_rows(path: Path, rows: Numbered, request: Request) -> Raw:
    _, header = next(rows, (1, []))
    if not any(language_of(column) for column in header):
        raise TextError(
            "the first line names no language: write a header such as sw and en, one column for each",
            path,
            1,
        )
    if len(set(header)) < len(header):
        twice = next(column for column in header if header.count(column) > 1)
        raise TextError(f"two columns are called {quoted(twice)}: rename one", path, 1)
    cells: list[list[str]] = [[] for _ in header]
    lines: list[int] = []
    for number, row in rows:
        if row == [] or (row == [""] and len(header) > 1):
            continue  # a blank line holds no row
        if len(row) != len(header):
            raise TextError(
                f"has {len(row)} cells but the header has {len(header)}: fix the row", path, number
            )
        for column, cell in zip(cells, row, strict=True):
            column.append(cell)
        lines.append(number)
    return make_raw(str(path), dict(zip(header, cells, strict=True)), lines, request)
