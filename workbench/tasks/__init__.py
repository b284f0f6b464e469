"""Tasks: items with prompts and correct answers, by language and split."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from workbench.core.bundled import Registry
from workbench.core.errors import InputError, did_you_mean, quoted
from workbench.core.languages import canonical
from workbench.core.reading import plain_name
from workbench.tasks.base import AnswerExample, AnswerTask, ChoiceTask, Example, SplitName, Task, same_items
from workbench.tasks.hub import HUB, read_hub
from workbench.tasks.labels import read_pawsx, read_sib200, read_xnli
from workbench.tasks.lm_eval import find_scorer, read_lm_eval
from workbench.tasks.prompts import NATIVE, read_prompts, with_chat, with_shots
from workbench.tasks.questions import (
    read_belebele,
    read_mgsm,
    read_mkqa,
    read_msvamp,
    read_mzsre,
    read_xcsqa,
    read_xquad,
)
from workbench.tasks.scoring import GREEDY, SCORERS, Prototypes, prototypes
from workbench.tasks.stories import read_xcopa, read_xstorycloze, read_xwinograd
from workbench.tasks.tables import read_answers, read_choices, read_starter, write_choices
from workbench.tasks.translation import read_flores, read_translation

Reader = Callable[..., ChoiceTask | AnswerTask]
"""`path → task`, with options of its own, all of them with a default."""

TASKS: Registry[Reader] = Registry(
    "tasks",
    {
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
        "lm_eval": read_lm_eval,
        "choices": read_choices,
        "answers": read_answers,
    },
)
"""Tasks, by the name in `name` or `name:PATH`."""
_WORDED = ("template", "choice", "words", "connectors")
"""The options that a file of prompts may hold."""
ASKED_IN: dict[str, dict[str, Any]] = {"xcopa": {"connectors": "item"}}
"""Options of the tasks that are asked in the item's language by default."""


def read_task(
    spec: str | Path,
    languages: Iterable[str] | None = None,
    splits: Iterable[str] | None = None,
    prompts: str | Path | None = None,
    **options: Any,
) -> ChoiceTask | AnswerTask:
    """Read a task by `name`, `name:PATH`, `hub:name` or the path of a table of choices.

    `languages` (any spelling) and `splits` choose from it; `prompts` is in which language it is asked: "en",
    "item" (the item's own) or a TOML file of templates; by default "item" for XCOPA and "en" for others.
    `options` are those of its reader, such as `seed` and `template`, and overrule the prompts. A task asked
    in the item's language is called so: `xcopa-item`.
    """
    if isinstance(languages, str):
        raise InputError("languages and splits are lists: write ['sw', 'en']")
    languages = None if languages is None else list(languages)
    name, colon, path = str(spec).partition(":")
    at_hub, revision = name == "hub", ""
    if at_hub:
        name, _, path = path.partition(":")
        name, _, revision = name.partition("@")
    elif name not in TASKS and plain_name(Path(spec)).lower().endswith((".tsv", ".jsonl")):
        name, path = "choices", str(spec)
    known = HUB if at_hub else TASKS
    if name not in known:
        more = "at the hub" if at_hub else "or name a .tsv or .jsonl table"
        raise InputError(f"unknown task {quoted(name)}: {did_you_mean(name, known)}; {more}")
    if colon and not path and not at_hub:
        raise InputError(f"{quoted(spec)} names no path: write {name}:PATH or {name}")
    given, options = options, _options(name, prompts, options)
    reader = partial(TASKS[name], **options)
    parameters = inspect.signature(TASKS[name]).parameters
    if at_hub:
        task = read_hub(name, reader, path or None, revision or None, languages)
    elif not path and parameters["path"].default is inspect.Parameter.empty:
        raise InputError(f"task {name!r} needs a file: write {name}:PATH")
    else:
        chosen = {} if languages is None or "languages" not in parameters else {"languages": languages}
        task = reader(path, **chosen) if path else reader(**chosen)
    own = _in_items_language(name, prompts, given, options)
    if own:
        task = replace(task, name=f"{task.name}-item")
    asked_in = prompts or ("item" if own else None)
    if asked_in not in (None, "en") or (asked_in and name in ASKED_IN):
        task = replace(task, notes=(*task.notes, f"prompts: {asked_in}"))
    if languages is not None and "to" in parameters:  # no item is asked in the language translated into
        to = canonical(options.get("to", parameters["to"].default))
        languages = [code for code in languages if canonical(code) != to] or languages
    if languages is not None and name == "lm_eval":  # a task's note says which languages the harness lacks
        languages = [code for code in languages if canonical(code) in task.languages]
    return task.only(languages, splits)


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


def _in_items_language(
    name: str, prompts: str | Path | None, given: dict[str, Any], options: dict[str, Any]
) -> bool:
    """Whether prompts in the item's language are used: asked for, or the default, and not overruled."""
    if "connectors" in options and "{connector}" not in str(options.get("template", "{connector}")):
        return False  # a template of one's own without a connector
    if prompts == "item":
        return any(option not in given for option in NATIVE[name])
    return options.get("connectors") == "item"


def _options(name: str, prompts: str | Path | None, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a task's reader, with those that its prompts come to."""
    known = [
        option for option in inspect.signature(TASKS[name]).parameters if option not in ("path", "languages")
    ]
    if prompts == "item" and name not in NATIVE:
        raise InputError(
            f"task {name!r} has no prompts in the item's language ({', '.join(NATIVE)} have): "
            "write a file of templates and give prompts=FILE"
        )
    asked = {}
    if prompts == "item":
        asked = NATIVE[name]
    elif prompts not in (None, "en"):
        asked = read_prompts(prompts)
    default = {} if prompts == "en" else ASKED_IN.get(name, {})
    worded = [option for option in known if option in _WORDED]
    for option, among in (*((option, worded) for option in asked), *((option, known) for option in options)):
        if option not in among:
            raise InputError(f"task {name!r} has no option {quoted(option)}: {did_you_mean(option, among)}")
    return {**default, **asked, **options}


__all__ = [
    "GREEDY",
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
    "find_scorer",
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
