r"""Choice tasks as a table: tab-separated, one row for each item and language.

    id  split  group  language  prompt  answer  choice1  choice2  …

`split` is fit, dev or test, `answer` the number of the right choice, counted from 0, and `language` any
usual spelling of a code. An empty `group` is none, and an item with fewer choices than the table has
columns leaves the last ones empty. Only tabs and line ends have a meaning: quotes are text, and spaces
are kept, since `prompt + choice` is the exact text that a model reads (so most choices start with one).

The same as JSON lines: one object a line with these fields, the choices as a list `choices` or as choice1,
choice2 and so on; `group` may be left out or null.
"""

import gzip
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from workbench.core.errors import InputError, quoted
from workbench.core.languages import canonical
from workbench.core.reading import plain_name, user_path
from workbench.core.store import write_bytes
from workbench.tasks.base import ChoiceTask, Example
from workbench.tasks.cells import Columns, read_rows

_COLUMNS = Columns(("id", "split", "group", "language", "prompt", "answer"), "choice", least=2)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_FORBIDDEN = re.compile("[\t\r\n\ud800-\udfff]")  # a lone surrogate cannot be written as UTF-8


def read_choices(path: str | Path, name: str | None = None) -> ChoiceTask:
    """Read a table of choices, `.tsv` or `.jsonl`, packed or not; unless named, it is called as the file."""
    path = user_path(path)
    examples = []
    for row in read_rows(path, _COLUMNS):
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
    write_rows(path, [_COLUMNS.known(width), *(_row(example, width) for example in task.all)])


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
