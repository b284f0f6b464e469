"""Tables with a column for each language and perhaps the document: files and Hugging Face data sets."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.core.errors import InputError, TextError, did_you_mean, quoted
from workbench.core.reading import (
    check_width,
    from_datasets,
    full_rows,
    json_lines,
    language_of,
    open_bytes,
    quoted_rows,
    read_cells,
)
from workbench.text.raw import Raw, Request, Side

_GROUPS = ("group", "groups", "doc", "document", "doc_id", "docid", "document_id", "url")
_ROW_NAMES = ("", "row", "index", "line", "line_number", "sent_id", "sentence_id", "guid")
# Names that are also languages (Indonesian, Norwegian): they count as one if their cells are sentences.
_ROW_NAMES_OR_LANGUAGES = ("id", "no")

_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_TABLES = (".parquet", ".jsonl", ".csv", ".json", ".arrow")

Cells = Sequence[str | None]
Numbered = Iterator[tuple[int, list[str]]]


def read_tsv(path: Path, request: Request) -> Raw:
    """Read a header, then a row a line; only tabs and line ends have a meaning, quotes are text."""
    return _from_rows(path, read_cells(path), request)


def read_csv(path: Path, request: Request) -> Raw:
    """Read a header, then rows whose cells may be quoted and then hold commas and line ends."""
    return _from_rows(path, quoted_rows(path, ",", "is not CSV ({}): check the quotes"), request)


def read_jsonl(path: Path, request: Request) -> Raw:
    """One object a line, with a key for each language, or all of them under `translation`."""
    records: dict[int, dict[str, Any]] = {}
    keys: dict[str, None] = {}
    for number, record in json_lines(path):
        translation = record.pop("translation", None)
        records[number] = record | translation if isinstance(translation, dict) else record
        keys |= dict.fromkeys(records[number])
        check_width([*keys], path, number)
    lines = list(records)
    columns = {
        key: text_cells(str(path), key, [record.get(key) for record in records.values()], lines)
        for key in keys
    }
    return make_raw(str(path), columns, lines, request)


def _from_rows(path: Path, rows: Numbered, request: Request) -> Raw:
    _, header = next(rows, (1, []))
    if not any(language_of(column) for column in header):
        raise TextError(
            "the first line names no language: write a header such as sw and en, one column for each", path, 1
        )
    if twice := next((column for column in header if header.count(column) > 1), None):
        raise TextError(f"two columns are called {quoted(twice)}: rename one", path, 1)
    whole = list(full_rows(rows, len(header), path))
    columns = {column: [row[i] for _, row in whole] for i, column in enumerate(header)}
    return make_raw(str(path), columns, [number for number, _ in whole], request)


# Data sets of the Hugging Face hub, or of a local folder, by way of the library `datasets`.


def is_hub(path: Path) -> bool:
    """Whether the path is a folder of tables, or looks like `owner/name` and not like a file."""
    if path.is_dir():
        return bool(_tables(path))
    # Where the first half is a folder here, a file in it is missing: nothing to ask the network about.
    return not path.exists() and not path.parent.is_dir() and bool(_HUB_NAME.fullmatch(path.as_posix()))


def _tables(folder: Path) -> list[Path]:
    return [file for file in (*folder.glob("*"), *folder.glob("*/*")) if file.suffix in _TABLES]


def read_hub(path: Path, request: Request) -> Raw:
    """Read a column for each language (`sw`, `sentence_swh_Latn`), or all of them under `translation`."""
    name = path.as_posix()
    for file in _tables(path):
        open_bytes(file).close()  # the library would wait for the other end of a pipe
    how = {"split": request.split, "revision": request.revision}
    loaded = from_datasets(
        lambda library: library.load_dataset(name, request.config, **how), lambda error: _explain(name, error)
    )
    table = _choose_split(name, loaded, request)
    if request.languages and "translation" not in table.column_names:
        wanted = {c for c in table.column_names if (code := language_of(c)) and request.wants(code)}
        table = table.select_columns([c for c in table.column_names if c in wanted or is_group(c)])
    columns: dict[str, list[Any]] = {}
    for column in table.column_names:
        values = list(table[column])
        if column == "translation" and all(isinstance(value, dict) for value in values):
            for language in dict.fromkeys(key for value in values for key in value):
                columns[language] = [value.get(language) for value in values]
        else:
            columns[column] = values
    source = " ".join([name, *(part for part in (request.config, request.split, request.revision) if part)])
    cells = {column: text_cells(source, column, values, None) for column, values in columns.items()}
    return make_raw(source, cells, None, request)


def _explain(name: str, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    reason = reason if len(reason) < 200 else reason[:200] + " …"
    if "script" in reason and ("no longer supported" in reason or ".py" in reason):
        return (
            f"data set {quoted(name)} is a loading script, which `datasets` no longer runs: "
            "give a revision that holds tables, such as revision='refs/convert/parquet'"
        )
    if isinstance(error, FileNotFoundError | ConnectionError):
        remedy = (
            "check the name and the revision, sign in if the data set asks for it, "
            "and, without a network, read it once where there is one and keep its cache"
        )
        return f"no file, folder or reachable data set is called {quoted(name)} ({reason}): {remedy}"
    return f"data set {quoted(name)} cannot be loaded ({reason}): check config=…, split=… and revision=…"


def _choose_split(name: str, loaded: Any, request: Request) -> Any:
    """Pick the one table; `datasets` gives a table where a split was named, else a dict of them."""
    if not isinstance(loaded, dict):
        return loaded
    if request.split is None and len(loaded) == 1:
        return next(iter(loaded.values()))
    hint = did_you_mean(request.split or "", loaded)
    raise InputError(f"data set {quoted(name)} has {len(loaded)} splits: choose one with split=…; {hint}")


# Which column is a language.


def is_group(column: str) -> bool:
    """Whether a column names the document of each row, judged by its name."""
    return column.strip().lower() in _GROUPS


def make_raw(source: str, columns: Mapping[str, Cells], lines: Sequence[int] | None, request: Request) -> Raw:
    """Sort columns into languages and documents; an unknown column is refused unless languages are named."""
    sides: dict[str, Side] = {}
    groups: list[str] | None = None
    for column, cells in columns.items():
        language = language_of(column)
        if language is not None and _is_row_name(column, cells, request):
            continue
        if language is not None and request.wants(language):
            if language in sides:
                raise InputError(
                    f"{source}: two columns are {language!r} ({quoted(column)} is one): keep one"
                )
            sides[language] = Side(source, [cell or "" for cell in cells], lines)
        elif is_group(column):
            groups = groups or [cell or "" for cell in cells]
        elif language is None and column.strip().lower() not in _ROW_NAMES and request.languages is None:
            raise InputError(
                f"{source}: column {quoted(column)} is neither a language nor a document: "
                "choose the columns with languages=[…], or rename it (x-… for an invented language)"
            )
    return Raw(sides, groups)


def text_cells(source: str, column: str, values: Sequence[Any], lines: Sequence[int] | None) -> Cells:
    """Take the values of a column as text; in the column of a language anything else is refused."""
    is_text = language_of(column) is not None and column.strip() not in _ROW_NAMES_OR_LANGUAGES
    cells: list[str | None] = []
    for row, value in enumerate(values):
        if is_text and not isinstance(value, str | None):
            line = row + 1 if lines is None else lines[row]
            kind = type(value).__name__
            raise TextError(f"{quoted(column)} is not text but {kind}: write a string", source, line)
        cells.append(value if isinstance(value, str | None) else str(value))
    return cells


def _is_row_name(column: str, cells: Cells, request: Request) -> bool:
    if column.strip() not in _ROW_NAMES_OR_LANGUAGES or request.languages is not None:
        return False
    # No sentence has a space, so these are identifiers, unless somebody asks for the language by name.
    return not any(" " in cell.strip() for cell in cells if cell)
