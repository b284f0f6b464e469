"""Tasks: items with prompts and correct answers, by language and split."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from workbench.core.errors import InputError, did_you_mean, quoted
from workbench.core.languages import canonical
from workbench.core.reading import plain_name
from workbench.tasks.base import AnswerExample, AnswerTask, ChoiceTask, Example, SplitName, Task, same_items
from workbench.tasks.hub import HUB, read_hub
from workbench.tasks.labels import read_pawsx, read_sib200, read_xnli
from workbench.tasks.maths import read_mgsm, read_msvamp
from workbench.tasks.prompts import NATIVE, read_prompts, with_chat, with_shots
from workbench.tasks.questions import read_belebele, read_mkqa, read_mzsre, read_xcsqa, read_xquad
from workbench.tasks.scoring import SCORERS, Prototypes, prototypes
from workbench.tasks.stories import read_xcopa, read_xstorycloze, read_xwinograd
from workbench.tasks.tables import read_answers, read_choices, read_starter, write_choices
from workbench.tasks.translation import read_flores, read_translation

Reader = Callable[..., ChoiceTask | AnswerTask]
"""`path → task`, with options of its own, all of them with a default."""

TASKS: dict[str, Reader] = {
    "starter": read_starter,
    "xcopa": read_xcopa,
    "mgsm": read_mgsm,
    "xquad": read_xquad,
    "xnli": read_xnli,
    "belebele": read_belebele,
    "xstorycloze": read_xstorycloze,
    "xwinograd": read_xwinograd,
    "pawsx": read_pawsx,
    "msvamp": read_msvamp,
    "sib200": read_sib200,
    "mkqa": read_mkqa,
    "mzsre": read_mzsre,
    "xcsqa": read_xcsqa,
    "flores": read_flores,
    "translation": read_translation,
    "choices": read_choices,
    "answers": read_answers,
}
"""Tasks, by the name in `name` or `name:PATH`."""
_WORDED = ("template", "choice", "words", "connectors")
"""The options that a file of prompts may hold."""


def read_task(
    spec: str | Path,
    languages: Iterable[str] | None = None,
    splits: Iterable[str] | None = None,
    prompts: str | Path = "en",
    **options: Any,
) -> ChoiceTask | AnswerTask:
    """Read a task by `name`, `name:PATH`, `hub:name` or the path of a table of choices.

    `languages` (any spelling) and `splits` choose from it; `prompts` is in which language it is asked: "en",
    "item" (the item's own) or a TOML file of templates. `options` are those of its reader, such as `seed` and
    `template`, and overrule the prompts.
    """
    languages = None if languages is None else _listed(languages)
    name, colon, path = str(spec).partition(":")
    if name not in (*TASKS, "hub") and _is_table(Path(spec)):
        name, path = "choices", str(spec)
    if name == "hub":
        name, colon, path = path.partition(":")
        name, _, revision = name.partition("@")
        _check_name(name, HUB, "at the hub")
        asking = partial(TASKS[name], **_options(name, prompts, options))
        task = read_hub(name, asking, path or None, revision or None, languages)
        return _told(task, prompts).only(_asked_in(name, languages, options), splits)
    _check_name(name, TASKS, "or name a .tsv or .jsonl table")
    if colon and not path:
        raise InputError(f"{quoted(spec)} names no path: write {name}:PATH or {name}")
    reader = TASKS[name]
    known = inspect.signature(reader).parameters
    options = _options(name, prompts, options)
    if not path and known["path"].default is inspect.Parameter.empty:
        raise InputError(f"task {name!r} needs a file: write {name}:PATH")
    if languages is not None and "languages" in known:
        options["languages"] = languages
    task = reader(path, **options) if path else reader(**options)
    return _told(task, prompts).only(_asked_in(name, languages, options), splits)


def task_of(value: Any) -> Task | AnswerTask:
    """A task as it is, or what `read_task` makes of a spec such as `xcopa:data/xcopa`."""
    if isinstance(value, str | Path):
        return read_task(value)
    if not (hasattr(value, "examples") and hasattr(value, "name")):
        raise InputError(
            f"a {type(value).__name__} is no task: give what read_task returns, its spec (xcopa:FOLDER), "
            "or a ChoiceTask of your own"
        )
    task: Task | AnswerTask = value
    return task


def _asked_in(name: str, languages: list[str] | None, options: dict[str, Any]) -> list[str] | None:
    """The languages without the one that a translation goes into: no item is asked in it."""
    if languages is None:
        return None
    into = inspect.signature(TASKS[name]).parameters.get("to")
    to = None if into is None else canonical(options.get("to", into.default))
    return [code for code in languages if canonical(code) != to] or languages


def _told(task: ChoiceTask | AnswerTask, prompts: str | Path) -> ChoiceTask | AnswerTask:
    """The task with a note where it is not asked in English."""
    return task if prompts == "en" else replace(task, notes=(*task.notes, f"prompts: {prompts}"))


def _check_name(name: str, known: Iterable[str], more: str) -> None:
    known = list(known)
    if name not in known:
        raise InputError(f"unknown task {quoted(name)}: {did_you_mean(name, known)}; {more}")


def _listed(languages: Iterable[str]) -> list[str]:
    if isinstance(languages, str):
        raise InputError("languages and splits are lists: write ['sw', 'en']")
    return list(languages)


def _options(name: str, prompts: str | Path, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a task's reader, with those that its prompts come to."""
    known = [one for one in inspect.signature(TASKS[name]).parameters if one not in ("path", "languages")]
    if prompts == "item":
        if name not in NATIVE:
            raise InputError(
                f"task {name!r} has no prompts in the item's language ({', '.join(NATIVE)} have): "
                "write a file of templates and give prompts=FILE"
            )
        asked = NATIVE[name]
    else:
        asked = {} if prompts == "en" else read_prompts(prompts)
    worded = [one for one in known if one in _WORDED]
    for option in (*asked, *options):
        among = worded if option in asked else known
        if option not in among:
            raise InputError(f"task {name!r} has no option {quoted(option)}: {did_you_mean(option, among)}")
    return {**asked, **options}


def _is_table(path: Path) -> bool:
    return plain_name(path).lower().endswith((".tsv", ".jsonl"))


__all__ = [
    "HUB",
    "NATIVE",
    "SCORERS",
    "TASKS",
    "AnswerExample",
    "AnswerTask",
    "ChoiceTask",
    "Example",
    "Prototypes",
    "Reader",
    "SplitName",
    "Task",
    "prototypes",
    "read_answers",
    "read_choices",
    "read_prompts",
    "read_task",
    "same_items",
    "task_of",
    "with_chat",
    "with_shots",
    "write_choices",
]
