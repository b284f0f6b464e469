"""Data sets of the Hugging Face hub, or of a local folder, by way of the library `datasets`."""

import re
from pathlib import Path
from typing import Any

from workbench.core.errors import InputError, did_you_mean, quoted
from workbench.core.reading import from_datasets, language_of, open_bytes
from workbench.text.formats.table import is_group, make_raw, text_cells
from workbench.text.raw import Raw, Request

_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_TABLES = (".parquet", ".jsonl", ".csv", ".json", ".arrow")


def is_hub(path: Path) -> bool:
    """Whether the path is a folder of tables, or looks like `owner/name` and not like a file."""
    if path.is_dir():
        return bool(_tables(path))
    # Where the first half is a folder here, a file in it is missing: nothing to ask the network about.
    return not path.exists() and not path.parent.is_dir() and bool(_NAME.fullmatch(path.as_posix()))


def _tables(folder: Path) -> list[Path]:
    return [file for file in (*folder.glob("*"), *folder.glob("*/*")) if file.suffix in _TABLES]


def read_hub(path: Path, request: Request) -> Raw:
    """Read a column for each language (`sw`, `sentence_swh_Latn`), or all of them under `translation`."""
    name = path.as_posix()
    for file in _tables(path):
        open_bytes(file).close()  # the library would wait for the other end of a pipe
    table = _choose_split(name, _load(name, request), request)
    if request.languages and "translation" not in table.column_names:
        table = table.select_columns([c for c in table.column_names if _may_matter(c, request)])
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


def _load(name: str, request: Request) -> Any:
    how = {"split": request.split, "revision": request.revision}
    return from_datasets(
        lambda library: library.load_dataset(name, request.config, **how), lambda error: _explain(name, error)
    )


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


def _may_matter(column: str, request: Request) -> bool:
    language = language_of(column)
    return is_group(column) or (language is not None and request.wants(language))
