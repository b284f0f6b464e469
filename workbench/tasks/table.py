r"""Choice tasks as a table: tab-separated, one row for each item and language.

    id  split  group  language  prompt  answer  choice1  choice2  …

`split` is fit, dev or test, `answer` the number of the right choice, counted from 0, and `language` any
usual spelling of a code. An empty `group` is none, and an item with fewer choices than the table has
columns leaves the last ones empty. Only tabs and line ends have a meaning: quotes are text, and spaces
are kept, since `prompt + choice` is the exact text that a model reads (so most choices start with one).
"""

import gzip
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast, get_args

from workbench.errors import InputError, TextError, did_you_mean
from workbench.store import write_bytes
from workbench.tasks.base import ChoiceTask, Example, SplitName
from workbench.text.languages import canonical
from workbench.text.raw import canonical_in, plain_name, read_lines

_FIXED = ("id", "split", "group", "language", "prompt", "answer")
_CHOICE = re.compile(r"choice[1-9]\d*", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_FORBIDDEN = re.compile("[\t\r\n\ud800-\udfff]")  # a lone surrogate cannot be written as UTF-8


def read_choices(path: str | Path, name: str | None = None) -> ChoiceTask:
    """Read a table of choices, `.tsv` or `.tsv.gz`; without a name, the task is called as the file."""
    path = Path(path).expanduser()
    if not plain_name(path).lower().endswith(".tsv"):
        raise InputError(f"{path} is not called .tsv or .tsv.gz: a task is a tab-separated table")
    rows = ((number, line.split("\t")) for number, line in enumerate(read_lines(path), 1))
    _, header = next(rows, (1, [""]))
    width = _check_header(path, header)
    examples: dict[tuple[str, str], Example] = {}
    split_of: dict[str, str] = {}
    for number, row in rows:
        if row == [""]:
            continue  # a blank line holds no row
        if len(row) != len(header):
            raise TextError(
                f"has {len(row)} cells but the header has {len(header)}: mend the row", path, number
            )
        example = _example(path, number, dict(zip(header, row, strict=True)), width)
        if (key := (example.id, example.language)) in examples:
            raise TextError(
                f"item {example.id!r} is there twice in {example.language!r}: keep one", path, number
            )
        if (split := split_of.setdefault(example.id, example.split)) != example.split:
            raise TextError(
                f"item {example.id!r} is in {example.split} here and in {split} above: "
                "an item is in one split, the same in every language",
                path,
                number,
            )
        examples[key] = example
    if not examples:
        raise TextError("holds no items: write one row for each item and language", path)
    return ChoiceTask(Path(plain_name(path)).stem if name is None else name, tuple(examples.values()))


def write_choices(path: str | Path, task: ChoiceTask) -> None:
    """Write a task as `read_choices` reads it, packed if called `.tsv.gz`; equal tasks give equal bytes."""
    if not task.all:
        raise InputError(f"task {task.name!r} has no items: there is nothing to write to {path}")
    width = max(len(example.choices) for example in task.all)
    header = [*_FIXED, *(f"choice{i}" for i in range(1, width + 1))]
    write_rows(path, [header, *(_row(example, width) for example in task.all)])


def write_rows(path: str | Path, rows: Iterable[Sequence[str]]) -> None:
    """Write tab-separated cells, whole or not at all; the name says whether they are packed."""
    path = Path(path).expanduser()
    if not path.name.endswith((".tsv", ".tsv.gz")):
        raise InputError(f"{path} must be called .tsv or .tsv.gz: it holds tab-separated values")
    lines = []
    for row in rows:
        for cell in row:
            if _FORBIDDEN.search(cell):
                raise InputError(
                    f"{path} cannot hold {cell!r}: take out its tabs, line ends and halves of characters"
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


def _check_header(path: Path, header: list[str]) -> int:
    """How many choices the table has columns for."""
    width = sum(_CHOICE.fullmatch(column) is not None for column in header)
    known = [*_FIXED, *(f"choice{i}" for i in range(1, max(width, 2) + 1))]
    for column in header:
        if column not in known:
            raise TextError(f"unknown column {column!r}: {_closest(column, known, header)}", path, 1)
        if header.count(column) > 1:
            raise TextError(f"two columns are called {column!r}: rename one", path, 1)
    if missing := [column for column in known if column not in header]:
        raise TextError(
            f"the header lacks {', '.join(missing)}: the columns are {', '.join(_FIXED)}, "
            "choice1, choice2, …",
            path,
            1,
        )
    return width


def _closest(column: str, known: Sequence[str], header: Sequence[str]) -> str:
    """Of the columns that are not there yet (or one choice more), if any is close; else of all."""
    free = {*known, f"choice{len(known) - len(_FIXED) + 1}"} - {*header}
    hint = did_you_mean(column, free)
    return hint if hint.startswith("did") else did_you_mean(column, known)


def _example(path: Path, number: int, row: dict[str, str], width: int) -> Example:
    choices = [row[f"choice{i}"] for i in range(1, width + 1)]
    while choices and not choices[-1]:
        choices.pop()
    if row["split"] not in get_args(SplitName):
        hint = did_you_mean(row["split"], get_args(SplitName))
        raise TextError(f"unknown split {row['split']!r}: {hint}", path, number)
    if not _NUMBER.fullmatch(row["answer"]):
        raise TextError(
            f"answer {row['answer']!r} is no number: write that of the right choice, the first being 0",
            path,
            number,
        )
    if empty := next((column for column in ("id", "prompt") if not row[column].strip()), None):
        raise TextError(f"the {empty} is empty: write one or leave the row out", path, number)
    language = canonical_in(path, row["language"], number)
    split, answer = cast(SplitName, row["split"]), int(row["answer"])
    try:
        return Example(
            row["id"], row["prompt"], tuple(choices), answer, language, split, row["group"] or None
        )
    except InputError as error:
        raise TextError(f"{error}: mend the row", path, number) from error


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
