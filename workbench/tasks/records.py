"""What readers of benchmarks share: their files, records that name file and line in errors, and items."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os.path import isfile
from pathlib import Path
from typing import Any, TypeVar

from workbench.core.errors import InputError, TextError, quoted
from workbench.core.languages import canonical
from workbench.core.reading import (
    canonical_in,
    files_in,
    full_rows,
    json_lines,
    parse_json,
    plain_name,
    quoted_rows,
    read_cells,
    read_lines,
    user_path,
)
from workbench.tasks.base import AnswerExample, AnswerTask, ChoiceTask, Example, SplitName
from workbench.tasks.prompts import Template, Words, fill, halves, words_for

ODD_CODES = {"jap": "ja", "jp": "ja", "cz": "cs", "du": "nl"}
"""Languages as only some benchmarks call them."""

# Files, and rows in place of files.


@dataclass(frozen=True)
class RowsFile:
    """Rows of a data set at the hub, which readers take in place of one of the makers' files."""

    place: str
    """The data set or folder that the rows were read from."""
    path: str
    """What the makers call the file, such as `sw/dev.tsv`."""
    rows: list[Any] = field(compare=False)
    """Its JSON objects or rows of a table, or the one value of a JSON file."""

    @property
    def name(self) -> str:
        """The name without its folder."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> Path:
        """The folder, as messages name it."""
        return Path(str(self)).parent

    def __str__(self) -> str:
        return f"{self.place}/{self.path}"


File = Path | RowsFile
Source = str | Path | Sequence[RowsFile]
"""Where a benchmark is read from: a file, a folder, the beginning of names, or rows."""
Named = tuple[File, re.Match[str]]
"""A file, and how its name matches the pattern of a benchmark."""


def find_files(path: Source | None, pattern: str, what: str, deep: bool = False) -> list[Named]:
    """The files whose name (without .gz or .xz) fits the pattern.

    `path` is one file, a folder, or the beginning of file names, such as `xcopa/val`. Files lie in the folder
    or the folders in it, or (`deep`) at any depth, each in the folder of its language: `sw/dev.tsv`.
    """
    if path is None:
        raise InputError(f"{what} does not come with the project: name its folder, as {what}:PATH")
    if isinstance(path, str | Path):
        path = user_path(path)
        place = str(path)
        files: Sequence[File] = [path]
        if path.is_dir() and deep:
            files = [file for file in files_in(path, deep=True) if isfile(file)]
        elif path.is_dir():
            files = [*files_in(path), *path.glob("*/*")]
        elif not path.exists():
            beside = files_in(path.parent) if path.parent.is_dir() else []
            files = [file for file in beside if file.name.startswith(path.name)]
    else:
        place, files = path[0].place, path
    out = [
        (file, match)
        for file in sorted(files, key=str)
        if (match := re.fullmatch(pattern, plain_name(file) if isinstance(file, Path) else file.name))
    ]
    if not out:
        # The pattern as a person would write it: `val.<language>.jsonl`.
        readable = re.sub(r"\(\?P<(\w+)>(?:\[[^]]*\]|[^()\[\]])*\)", r"<\1>", pattern)
        readable = re.sub(r"\\(.)", r"\1", readable).replace("|", " or ")
        folder = "<language>/" if deep else ""
        raise InputError(f"{place} holds no file of {what}: they are called {folder}{readable}")
    return out


def by_language(
    files: Iterable[Named], languages: Iterable[str] | None = None, codes: Mapping[str, str] = ODD_CODES
) -> dict[str, File]:
    """The file of each language, which the group `language` of the match names, or else the folder.

    Of `languages` only, where they are given; two files of one are one too many.
    """
    out: dict[str, File] = {}
    for file, match in files:
        if "language" in match.re.groupindex:
            code = match["language"]
        else:
            code = (file.resolve() if isinstance(file, Path) else file).parent.name
        language = canonical_in(file, codes.get(code, code))
        if other := out.get(language):
            raise InputError(f"{other} and {file} are both {language!r}: name the folder of one of them")
        out[language] = file
    wanted = list(out) if languages is None else [canonical(language) for language in languages]
    for language in wanted:
        if language not in out:
            folder = next(iter(out.values())).parent
            raise InputError(f"there is no file in {language!r} among {', '.join(sorted(out))} in {folder}")
    return {language: out[language] for language in wanted}


def by_part(files: Iterable[Named], languages: Iterable[str] | None = None) -> dict[str, dict[str, File]]:
    """For each part (the group `split` of the match), the file of each language."""
    parts: dict[str, list[Named]] = {}
    for file, match in files:
        parts.setdefault(match["split"], []).append((file, match))
    return {part: by_language(named, languages) for part, named in parts.items()}


def same_languages(parts: dict[str, dict[str, File]]) -> dict[str, dict[str, File]]:
    """The files of all parts, once every part has the same languages."""
    every = dict.fromkeys(language for files in parts.values() for language in files)
    for part, files in parts.items():
        if lost := [language for language in every if language not in files]:
            folder = next(iter(files.values())).parent.parent
            raise InputError(f"{folder} has no {part} in {lost[0]!r}: fetch it, or choose other languages")
    return parts


# Records: a JSON object or the row of a table, and where it stands.


@dataclass(frozen=True)
class Record:
    """The fields of an item as its file holds them; what is wrong with them is said with file and line."""

    path: File
    line: int | None
    fields: Mapping[str, Any]

    def error(self, message: object) -> TextError:
        """What is wrong, with file and line."""
        return TextError(str(message), self.path, self.line)

    def text(self, field: str) -> str:
        """A field that holds a text which is not blank, as it stands."""
        value = self.fields.get(field)
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"{self._said(field, ', not a text')}: fetch the file again or mend the item")
        return value

    def number(self, field: str, below: int) -> int:
        """A field that holds one of the numbers 0 … below − 1."""
        value = self.fields.get(field)
        if type(value) is not int or not 0 <= value < below:
            raise self.error(f"{self._said(field)}: it must be one of 0 … {below - 1}")
        return value

    def one_of(self, field: str, known: tuple[str, ...]) -> str:
        """A field that holds one of a few words."""
        if (value := self.text(field)) not in known:
            raise self.error(f"{self._said(field)}: it must be {' or '.join(known)}")
        return value

    def _said(self, field: str, fault: str = "") -> str:
        value = f"{quoted(self.fields[field])}{fault}" if field in self.fields else "missing"
        return f"{field!r} is {value}"


@contextmanager
def faults_in(record: Record, mend: str) -> Iterator[None]:
    """Name file and line in what an example refuses."""
    try:
        yield
    except InputError as error:
        raise record.error(f"{error}: {mend}") from error


def read_objects(path: File) -> list[Record]:
    """Read JSON lines."""
    objects = json_lines(path) if isinstance(path, Path) else enumerate(path.rows, 1)
    return _some([Record(path, line, fields) for line, fields in objects], path)


def read_table(path: File, needed: Sequence[str], what: str, quoted_cells: bool = False) -> list[Record]:
    """Read tab-separated cells under a header, each row with the number of its (last) line.

    `quoted_cells` is for files that spreadsheet programs wrote: a cell in quotes may hold tabs and line ends.
    """
    if quoted_cells and isinstance(path, Path):
        rows = quoted_rows(path, "\t", "quotes do not match ({}): fetch the file again", last=True)
    else:
        rows = cells_in(path)
    _, header = next(rows, (1, []))
    if missing := [column for column in needed if column not in header]:
        raise TextError(f"the header lacks {', '.join(missing)}: it is not {what}", path, 1)
    if twice := next((column for column in needed if header.count(column) > 1), None):
        raise TextError(f"two columns are called {twice!r}: fetch the file again", path, 1)
    whole = full_rows(rows, len(header), path, "fetch the file again")
    return _some([Record(path, line, dict(zip(header, row, strict=True))) for line, row in whole], path)


def _some(records: list[Record], path: File) -> list[Record]:
    if not records:
        raise TextError("holds no items: fetch the file again", path)
    return records


def cells_in(path: File, header: bool = True) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line of a table, with its number; of rows the header is made from their fields."""
    if isinstance(path, Path):
        yield from read_cells(path)
        return
    if header:
        yield 1, list(path.rows[0]) if path.rows else []
    for number, row in enumerate(path.rows, 1 + header):
        yield number, [" ".join(str(value).split()) for value in row.values()]


def read_json(path: File) -> Any:
    """Read a file that is one JSON value."""
    return path.rows[0] if isinstance(path, RowsFile) else parse_json("\n".join(read_lines(path)), path)


# Items: what the templates of a task may use, in each language.


@dataclass(frozen=True)
class Item:
    """One item in one language."""

    record: Record
    values: dict[str, str]
    """What templates can name."""
    right: Any = None
    """The number of the right choice, or all right answers."""
    group: str | None = None


Side = dict[str, Item]
"""The items of a language by their names."""
Name = TypeVar("Name", str, int)
Sides = dict[str, Side]
"""A side for each language."""


def by_name(items: Iterable[tuple[Name, Item]]) -> dict[Name, Item]:
    """The items by their names, none of them twice."""
    side: dict[Name, Item] = {}
    for name, item in items:
        if name in side:
            raise item.record.error(f"item {quoted(name)} occurs twice: keep one")
        side[name] = item
    return side


def by_place(items: Iterable[Item]) -> Side:
    """The items by their places in the file, counted from 1."""
    return {str(number): item for number, item in enumerate(items, 1)}


def by_language_and_name(items: Iterable[tuple[str, Item]]) -> Sides:
    """The items of a table that holds all languages, which all have the same items."""
    sides: Sides = {}
    for name, item in items:
        record = item.record
        language = canonical_in(record.path, record.fields["language"], record.line)
        if name in sides.setdefault(language, {}):
            raise record.error(f"item {quoted(name)} occurs twice in {language!r}: keep one")
        sides[language][name] = item
    every = dict.fromkeys(name for side in sides.values() for name in side)
    for language, side in sides.items():
        if lost := next((name for name in every if name not in side), None):
            raise TextError(
                f"item {quoted(lost)} is not there in {language!r}: fetch the file again or write the item",
                file_of(side),
            )
    return {language: {name: side[name] for name in every} for language, side in sides.items()}


def same_ids(sides: Sides) -> Sides:
    """The sides in the order of the first, once all of them hold the same items (in the same groups)."""
    first = next(iter(sides.values()))
    groups = {(name, item.group) for name, item in first.items()}
    for side in sides.values():
        if odd := sorted(groups ^ {(name, item.group) for name, item in side.items()}):
            raise TextError(
                f"has other items than {file_of(first)}, such as {odd[0][0]}: fetch both again", file_of(side)
            )
    return {language: {name: side[name] for name in first} for language, side in sides.items()}


def same_lengths(sides: Sides, first_line: int = 1) -> None:
    """Refuse a language with more or fewer items than the first: line n of all says the same."""
    first = next(iter(sides.values()))
    for side in sides.values():
        if len(side) != len(first):
            raise TextError(
                f"has {len(side)} items but {file_of(first)} has {len(first)}: "
                "they must align; fetch both again",
                file_of(side),
                min(len(side), len(first)) + first_line,
            )


def file_of(side: Side) -> File:
    """The file that a side was read from."""
    return next(iter(side.values())).record.path


def joined(parts: Mapping[str, Mapping[str, Mapping[Name, Item]]]) -> tuple[Sides, dict[str, str]]:
    """The sides with the items of all parts, called `part-name`, and the part of each item."""
    sides: Sides = {}
    part_of: dict[str, str] = {}
    for part, read in parts.items():
        for language, side in read.items():
            named = {f"{part}-{name}": item for name, item in side.items()}
            sides.setdefault(language, {}).update(named)
            part_of |= dict.fromkeys(named, part)
    return sides, part_of


# Tasks of items.


def one_set(
    sides: Sides, seed: int, by: str = "", unit: Callable[[Item], str | None] = lambda item: item.group
) -> tuple[dict[str, SplitName], str]:
    """The split of each item of a benchmark with a single published set, and the note that tells of it.

    Items of one `unit` (which is called `by` in the note) are in one half.
    """
    units = {name: unit(item) or name for side in sides.values() for name, item in side.items()}
    note = f"the one published set cut into a dev and a test half{by and f' by {by}'} with seed {seed}"
    return halves(units, seed), note


Options = Callable[[str, Mapping[str, str]], Iterable[Mapping[str, str]]]
"""`(language, values of an item) → further values of each choice`."""


def by_label(words: Words, labels: int, placeholder: str = "word") -> Options:
    """Choices that differ by the word of a label."""
    return lambda language, _: [{placeholder: word} for word in words_for(words, language, labels)]


def by_field(placeholder: str, fields: Sequence[str]) -> Options:
    """Choices that differ by a value of the item."""
    return lambda _, values: [{placeholder: values[field]} for field in fields]


def by_letter(letters: Sequence[str]) -> Options:
    """Choices that are a letter, or the answer under it."""
    return lambda _, values: [{"letter": letter, "answer": values[letter]} for letter in letters]


def choice_task(
    name: str,
    sides: Sides,
    split_of: Mapping[str, SplitName],
    template: Template,
    choice: Template,
    options: Options,
    notes: Iterable[str] = (),
    mend: str = "fix the item",
) -> ChoiceTask:
    """A task whose prompts and choices are templates filled with the values of items."""
    examples = []
    for language, side in sides.items():
        for id, item in side.items():
            prompt = fill(template, language, item.values)
            choices = tuple(
                fill(choice, language, {**item.values, **more}) for more in options(language, item.values)
            )
            with faults_in(item.record, mend):
                examples.append(Example(id, prompt, choices, item.right, language, split_of[id], item.group))
    return ChoiceTask(name, tuple(examples), tuple(notes))


def answer_task(
    name: str,
    sides: Sides,
    split_of: Mapping[str, SplitName],
    template: Template,
    scorer: str,
    notes: Iterable[str] = (),
) -> AnswerTask:
    """A task of generated answers whose prompts are a template filled with the values of items."""
    examples = [
        AnswerExample(
            id, fill(template, language, item.values), item.right, language, split_of[id], item.group
        )
        for language, side in sides.items()
        for id, item in side.items()
    ]
    return AnswerTask(name, tuple(examples), scorer, tuple(notes))
