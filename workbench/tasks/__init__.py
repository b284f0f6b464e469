"""Tasks: what a model is asked, in which language and split, and what would be right."""

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from workbench.errors import InputError, did_you_mean
from workbench.reading import plain_name
from workbench.tasks.answers import read_answers
from workbench.tasks.base import AnswerExample, AnswerTask, ChoiceTask, Example, SplitName, Task, same_items
from workbench.tasks.belebele import read_belebele
from workbench.tasks.mgsm import read_mgsm
from workbench.tasks.scoring import SCORERS
from workbench.tasks.shots import with_shots
from workbench.tasks.starter import read_starter
from workbench.tasks.table import read_choices, write_choices
from workbench.tasks.xcopa import read_xcopa
from workbench.tasks.xnli import read_xnli
from workbench.tasks.xquad import read_xquad

Reader = Callable[..., ChoiceTask | AnswerTask]
"""`path → task`, with options of its own, all of them with a default."""

TASKS: dict[str, Reader] = {
    "starter": read_starter,
    "xcopa": read_xcopa,
    "mgsm": read_mgsm,
    "xquad": read_xquad,
    "xnli": read_xnli,
    "belebele": read_belebele,
    "choices": read_choices,
    "answers": read_answers,
}
"""Tasks, by the name in `name` or `name:PATH`."""


def read_task(
    spec: str | Path,
    languages: Iterable[str] | None = None,
    splits: Iterable[str] | None = None,
    **options: Any,
) -> ChoiceTask | AnswerTask:
    """Read a task by `name`, `name:PATH` or the path of a table of choices.

    `languages` (any spelling) and `splits` choose from it; `options` are those of its reader, such as `seed`
    and `template`.
    """
    name, colon, path = str(spec).partition(":")
    if name not in TASKS and _is_table(Path(spec).expanduser()):
        name, path = "choices", str(spec)
    if name not in TASKS:
        raise InputError(
            f"unknown task {name!r}: {did_you_mean(name, TASKS)}; or name a .tsv or .jsonl table"
        )
    if colon and not path:
        raise InputError(f"{spec!r} names no path: write {name}:PATH or {name}")
    reader = TASKS[name]
    known = inspect.signature(reader).parameters
    for option in options:
        if option not in known or option == "path":
            hint = did_you_mean(option, [one for one in known if one != "path"])
            raise InputError(f"task {name!r} has no option {option!r}: {hint}")
    if not path and known["path"].default is inspect.Parameter.empty:
        raise InputError(f"task {name!r} needs a file: write {name}:PATH")
    task = reader(path, **options) if path else reader(**options)
    return task.only(languages, splits)


def _is_table(path: Path) -> bool:
    return plain_name(path).lower().endswith((".tsv", ".jsonl"))


__all__ = [
    "SCORERS",
    "TASKS",
    "AnswerExample",
    "AnswerTask",
    "ChoiceTask",
    "Example",
    "Reader",
    "SplitName",
    "Task",
    "read_answers",
    "read_choices",
    "read_task",
    "same_items",
    "with_shots",
    "write_choices",
]
