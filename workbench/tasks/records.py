"""What readers of benchmarks share: finding their files, and fields that name file and line when wrong."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os.path import isfile
from pathlib import Path
from typing import Any

from workbench.core.errors import InputError, TextError, quoted
from workbench.core.languages import canonical
from workbench.core.reading import (
    canonical_in,
    check_width,
    files_in,
    json_lines,
    parse_json,
    plain_name,
    read_cells,
    read_lines,
    user_path,
)

Record = dict[str, Any]
Sides = Mapping[str, Mapping[str, Any]]
"""For each language, its items by their names."""


def find_files(path: str | Path | None, pattern: str, what: str) -> list[tuple[Path, re.Match[str]]]:
    """The files whose name (without .gz or .xz) fits the pattern.

    `path` is one file, a folder (and the folders in it), or the beginning of file names, such as `xcopa/val`.
    """
    if path is None:
        raise InputError(f"{what} is not bundled: name its folder, as {what}:PATH")
    path = user_path(path)
    beginning = ""
    if path.is_dir():
        found = [*files_in(path), *path.glob("*/*")]
    elif path.exists():
        found = [path]
    else:
        beginning = path.name
        found = files_in(path.parent) if path.parent.is_dir() else []
    named = ((file, re.fullmatch(pattern, plain_name(file))) for file in sorted(found))
    fitting = [(file, match) for file, match in named if match and file.name.startswith(beginning)]
    if not fitting:
        raise InputError(f"{path} holds no file of {what}: they are called {_example_of(pattern)}")
    return fitting


def by_language(
    files: Iterable[tuple[Path, re.Match[str]]],
    languages: Iterable[str] | None = None,
    odd: Mapping[str, str] | None = None,
) -> dict[str, Path]:
    """The file of each language, which the group `language` of the match names; two are one too many.

    Of `languages` only, where they are given; `odd` translates the codes that only this benchmark uses.
    """
    named = [(file, (odd or {}).get(match["language"], match["language"])) for file, match in files]
    return _chosen([(file, canonical_in(file, code)) for file, code in named], languages)


def by_folder(
    path: str | Path | None,
    pattern: str,
    what: str,
    languages: Iterable[str] | None = None,
    odd: Mapping[str, str] | None = None,
) -> dict[str, dict[str, Path]]:
    """For each part (the group `split` of the pattern), the file of each language: `sw/dev.tsv`.

    `path` is the folder of a language or any folder above it.
    """
    if path is None:
        raise InputError(f"{what} is not bundled: name its folder, as {what}:PATH")
    path = user_path(path)
    found = files_in(path, deep=True) if path.is_dir() else [path]
    named = ((file, re.fullmatch(pattern, plain_name(file))) for file in found if isfile(file))
    parts: dict[str, list[tuple[Path, str]]] = {}
    for file, match in named:
        if match is not None:
            code = file.resolve().parent.name
            language = canonical_in(file, (odd or {}).get(code, code))
            parts.setdefault(match["split"], []).append((file, language))
    if not parts:
        raise InputError(f"{path} holds no file of {what}: they are called <language>/{_example_of(pattern)}")
    out = {part: _chosen(files, languages) for part, files in parts.items()}
    every = dict.fromkeys(language for files in out.values() for language in files)
    for part, files in out.items():
        if lost := [language for language in every if language not in files]:
            raise InputError(f"{path} has no {part} in {lost[0]!r}: fetch it, or choose other languages")
    return out


def _chosen(files: Sequence[tuple[Path, str]], languages: Iterable[str] | None) -> dict[str, Path]:
    wanted = None if languages is None else [canonical(language) for language in languages]
    out: dict[str, Path] = {}
    for file, language in files:
        if other := out.get(language):
            raise InputError(f"{other} and {file} are both {language!r}: name the folder of one of them")
        out[language] = file
    for language in wanted or ():
        if language not in out:
            raise InputError(
                f"there is no file in {language!r} among {', '.join(sorted(out))} in {files[0][0].parent}"
            )
    return out if wanted is None else {language: out[language] for language in wanted}


def same_ids(sides: Sides, files: Mapping[str, Path]) -> list[str]:
    """The names of the items, in the order of the first language, once all languages have the same."""
    first = next(iter(sides))
    for language, side in sides.items():
        if odd := sorted(side.keys() ^ sides[first].keys()):
            raise TextError(
                f"has other items than {files[first]}, such as {odd[0]}: fetch both again", files[language]
            )
    return list(sides[first])


def _example_of(pattern: str) -> str:
    """The pattern as a person would write it: `val.<language>.jsonl`."""
    readable = re.sub(r"\(\?P<(\w+)>(?:\[[^]]*\]|[^()\[\]])*\)", r"<\1>", pattern)
    return re.sub(r"\\(.)", r"\1", readable).replace("|", " or ")


def read_objects(path: Path) -> list[tuple[int, Record]]:
    """Read JSON lines: each object with the number of its line."""
    out = list(json_lines(path))
    if not out:
        raise TextError("holds no items: fetch the file again", path)
    return out


def read_table(
    path: Path, needed: Sequence[str], what: str, quoted_cells: bool = False
) -> list[tuple[int, dict[str, str]]]:
    """Read tab-separated cells under a header: each row with the number of its (last) line.

    `quoted_cells` is for files that spreadsheet programs wrote: a cell in quotes may hold tabs and line ends.
    """
    rows = _quoted_cells(path) if quoted_cells else read_cells(path)
    _, header = next(rows, (1, []))
    if missing := [column for column in needed if column not in header]:
        raise TextError(f"the header lacks {', '.join(missing)}: it is not {what}", path, 1)
    if twice := next((column for column in needed if header.count(column) > 1), None):
        raise TextError(f"two columns are called {twice!r}: fetch the file again", path, 1)
    out = []
    for number, row in rows:
        if row in ([], [""]):
            continue
        if len(row) != len(header):
            raise TextError(
                f"has {len(row)} cells but the header has {len(header)}: fetch the file again", path, number
            )
        out.append((number, dict(zip(header, row, strict=True))))
    if not out:
        raise TextError("holds no items: fetch the file again", path)
    return out


def _quoted_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((line + "\n" for line in read_lines(path)), delimiter="\t", strict=True)
    try:
        for row in reader:
            yield reader.line_num, check_width(row, path, reader.line_num)
    except csv.Error as error:
        raise TextError(
            f"quotes do not match ({error}): fetch the file again", path, reader.line_num
        ) from error


def read_json(path: Path) -> Any:
    """Read a file that is one JSON value."""
    return parse_json("\n".join(read_lines(path)), path)


def text_in(record: Mapping[str, Any], field: str, path: Path, line: int | None = None) -> str:
    """A field that holds a text which is not blank, as it stands."""
    value = record.get(field)
    if not isinstance(value, str) or not value.strip():
        said = f"{field!r} is {quoted(value)}, not a text" if field in record else f"{field!r} is missing"
        raise TextError(f"{said}: fetch the file again or mend the item", path, line)
    return value


def number_in(record: Mapping[str, Any], field: str, below: int, path: Path, line: int | None = None) -> int:
    """A field that holds one of the numbers 0 … below − 1."""
    value = record.get(field)
    if type(value) is not int or not 0 <= value < below:
        said = f"{field!r} is {quoted(value)}" if field in record else f"{field!r} is missing"
        raise TextError(f"{said}: it must be one of 0 … {below - 1}", path, line)
    return value


def one_of(record: Mapping[str, Any], field: str, known: tuple[str, ...], path: Path, line: int) -> str:
    """A field that holds one of a few words."""
    value = text_in(record, field, path, line)
    if value not in known:
        raise TextError(f"{field!r} is {quoted(value)}: it must be {' or '.join(known)}", path, line)
    return value
