"""What readers of benchmarks share: finding their files, and fields that name file and line when wrong."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.errors import InputError, TextError
from workbench.reading import canonical_in, plain_name, read_lines

Record = dict[str, Any]


def find_files(path: str | Path | None, pattern: str, what: str) -> list[tuple[Path, re.Match[str]]]:
    """The files whose name (without .gz or .xz) fits the pattern.

    `path` is one file, a folder (and the folders in it), or the beginning of file names, such as `xcopa/val`.
    """
    if path is None:
        raise InputError(f"{what} does not come with the project: name its folder, as {what}:PATH")
    path = Path(path).expanduser()
    beginning = ""
    if path.is_dir():
        found = [*path.iterdir(), *path.glob("*/*")]
    elif path.exists():
        found = [path]
    else:
        beginning = path.name
        found = [*path.parent.iterdir()] if path.parent.is_dir() else []
    named = ((file, re.fullmatch(pattern, plain_name(file))) for file in sorted(found))
    fitting = [(file, match) for file, match in named if match and file.name.startswith(beginning)]
    if not fitting:
        raise InputError(f"{path} holds no file of {what}: they are called {_example_of(pattern)}")
    return fitting


def by_language(files: list[tuple[Path, re.Match[str]]]) -> dict[str, Path]:
    """The file of each language, which the group `language` of the match names; two are one too many."""
    out: dict[str, Path] = {}
    for file, match in files:
        language = canonical_in(file, match["language"])
        if other := out.get(language):
            raise InputError(f"{other} and {file} are both {language!r}: name the folder of one of them")
        out[language] = file
    return out


def _example_of(pattern: str) -> str:
    """The pattern as a person would write it: `val.<language>.jsonl`."""
    readable = re.sub(r"\(\?P<(\w+)>(?:\[[^]]*\]|[^()\[\]])*\)", r"<\1>", pattern)
    return re.sub(r"\\(.)", r"\1", readable)


def read_objects(path: Path) -> list[tuple[int, Record]]:
    """Read JSON lines: each object with the number of its line."""
    out = []
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise TextError(f"is not JSON ({error}): write one object a line", path, number) from error
        if not isinstance(record, dict):
            raise TextError("is not a JSON object: write one object a line", path, number)
        out.append((number, record))
    if not out:
        raise TextError("holds no items: fetch the file again", path)
    return out


def read_json(path: Path) -> Any:
    """Read a file that is one JSON value."""
    try:
        return json.loads("\n".join(read_lines(path)))
    except json.JSONDecodeError as error:
        raise TextError(f"is not JSON ({error}): fetch the file again", path, error.lineno) from error


def text_in(record: Mapping[str, Any], field: str, path: Path, line: int | None = None) -> str:
    """A field that holds a text which is not blank, as it stands."""
    value = record.get(field)
    if not isinstance(value, str) or not value.strip():
        said = f"{field!r} is {value!r}, not a text" if field in record else f"{field!r} is missing"
        raise TextError(f"{said}: fetch the file again or mend the item", path, line)
    return value


def number_in(record: Mapping[str, Any], field: str, below: int, path: Path, line: int | None = None) -> int:
    """A field that holds one of the numbers 0 … below − 1."""
    value = record.get(field)
    if type(value) is not int or not 0 <= value < below:
        said = f"{field!r} is {value!r}" if field in record else f"{field!r} is missing"
        raise TextError(f"{said}: it must be one of 0 … {below - 1}", path, line)
    return value


def one_of(record: Mapping[str, Any], field: str, known: tuple[str, ...], path: Path, line: int) -> str:
    """A field that holds one of a few words."""
    value = text_in(record, field, path, line)
    if value not in known:
        raise TextError(f"{field!r} is {value!r}: it must be {' or '.join(known)}", path, line)
    return value
