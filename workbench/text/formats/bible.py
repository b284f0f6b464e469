"""Verse-aligned Bibles: line n is verse n of `vref.txt`, or each line names its verse."""

import re
from collections.abc import Sequence
from itertools import pairwise
from os.path import isfile
from pathlib import Path

from workbench.core.errors import InputError, TextError, quoted
from workbench.core.languages import is_language
from workbench.core.reading import files_in, plain_name, read_lines
from workbench.text.raw import Raw, Request, Side, by_language

_VERSE = re.compile(r"[0-9A-Z]{3} \d+:\d+[a-z]?")
_NAME = re.compile(r"(?P<code>x-[a-z0-9]{1,8}|[A-Za-z]{2,3}(?:_[A-Z][a-z]{3})?)(?:[-.][^/]*)?\.(?:txt|tsv)")
_JOINED = "<range>"

Verses = dict[str, tuple[str, int]]
"""Verse → its text and its line."""


def is_bibles(path: Path) -> bool:
    """Whether the path is a folder of Bibles: there is a `vref.txt`, or tables that begin with a verse."""
    if not path.is_dir():
        return False
    if any(plain_name(file) == "vref.txt" for file in files_in(path)):
        return True
    tables = (file for file in files_in(path) if plain_name(file).endswith(".tsv"))
    first = next(filter(_code, tables), None)
    return first is not None and bool(_VERSE.match(next(iter(read_lines(first)), "")))


def read_bibles(path: Path, request: Request) -> Raw:
    """Read a folder of `swh-swh1850.txt` (with `vref.txt`) and `vie.vie1934.tsv` files; group: chapter.

    A verse that only one of them numbers has no other side. A verse merged with the one before it
    (`<range>`) merges both verses in every language that is read, so that rows stay translations.
    """
    if not path.is_dir():
        raise InputError(f"{path} is not a folder: Bibles are a folder of one file for each language")
    files = by_language(((code, file) for file in files_in(path) if (code := _code(file))), request)
    references, vref = _references(path)
    verses: dict[str, Verses] = {
        language: _read_table(file)
        if plain_name(file).endswith(".tsv")
        else _read_plain(file, references, vref)
        for language, file in files.items()
    }
    order = list(dict.fromkeys([*references, *(verse for table in verses.values() for verse in table)]))
    sides = {}
    for language, file in files.items():
        rows = [verses[language].get(verse, ("", 0)) for verse in order]
        sides[language] = Side(str(file), [text for text, _ in rows], [line for _, line in rows])
    return _merge_ranges(sides, [verse.rpartition(":")[0] for verse in order])


def _code(file: Path) -> str | None:
    """The code of a Bible's language, by the name of its file."""
    match = _NAME.fullmatch(plain_name(file))
    return match["code"] if match and is_language(match["code"]) else None


def _references(path: Path) -> tuple[list[str], Path | None]:
    folders = (path, path.parent, path.parent / "metadata")
    names = ("vref.txt", "vref.txt.xz", "vref.txt.gz")
    vref = next((folder / name for folder in folders for name in names if isfile(folder / name)), None)
    references = [line.strip() for line in read_lines(vref)] if vref else []
    for number, reference in enumerate(references, 1):
        if not _VERSE.fullmatch(reference):
            raise TextError(f"{quoted(reference)} is not a verse such as GEN 1:1", vref, number)
    return references, vref


def _read_plain(file: Path, references: Sequence[str], vref: Path | None) -> Verses:
    if vref is None:
        raise TextError("needs vref.txt beside it, which names the verse of each line", file)
    if len(verses := read_lines(file)) != len(references):
        raise TextError(
            f"has {len(verses)} lines but {vref} has {len(references)}: line n must be verse n", file
        )
    return {verse: (verses[i], i + 1) for i, verse in enumerate(references)}


def _read_table(file: Path) -> Verses:
    verses: Verses = {}
    for number, line in enumerate(read_lines(file), 1):
        verse, tab, text = line.partition("\t")
        if not tab or not _VERSE.fullmatch(verse):
            raise TextError("is not a verse, a tab and a text, such as GEN 1:1<tab>In the …", file, number)
        if verse in verses:
            raise TextError(f"{verse} stands on line {verses[verse][1]} already: keep one", file, number)
        verses[verse] = text, number
    return verses


def _merge_ranges(sides: dict[str, Side], chapters: list[str]) -> Raw:
    """Join each row that some language has merged with the row before it, in all languages."""
    n = len(chapters)
    rows = zip(*([text.strip() for text in side.sentences] for side in sides.values()), strict=True)
    starts = [row for row, texts in enumerate(rows) if row == 0 or _JOINED not in texts]
    if len(starts) == n:
        return Raw(sides, chapters)
    merged = {}
    for language, side in sides.items():
        texts = [_join(side.sentences[a:b]) for a, b in pairwise([*starts, n])]
        merged[language] = Side(side.path, texts, [side.line(start) for start in starts])
    return Raw(merged, [chapters[start] for start in starts])


def _join(verses: Sequence[str]) -> str:
    parts = [verse.strip() for verse in verses if verse.strip() != _JOINED]
    # A side that lacks one of the verses would be a shorter translation than it looks: it is missing.
    return " ".join(parts) if all(parts) else ""
