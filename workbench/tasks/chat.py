"""Chat templates: what a task asks, as a turn of a conversation."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from workbench.core.errors import InputError, quoted
from workbench.tasks.base import AnswerExample, AnswerTask, ChoiceTask, Example

T = TypeVar("T", ChoiceTask, AnswerTask)
Chat = Callable[[str], str]
"""A user's words → the text that a model reads, up to where its answer begins."""


def with_chat(task: T, chat: Chat) -> T:
    """The task with each prompt set into a chat; for shots in the prompt, `with_shots` comes first.

    Choices lose the space before them, since a chat ends where a new text begins. A prompt that a choice goes
    on from in mid-sentence makes no sense in a chat: give the task a template that asks a question.
    """
    items = cast(tuple[Example | AnswerExample, ...], task.all)
    made: dict[str, str] = {}
    out: list[Any] = []
    for item in items:
        prompt = made.setdefault(item.prompt, chat(item.prompt))
        if not isinstance(prompt, str) or item.prompt.strip() not in prompt:
            raise InputError(
                f"the chat template loses the prompt of item {quoted(item.id)}: {quoted(prompt)}"
            )
        if isinstance(item, Example):
            choices = tuple(choice.lstrip() for choice in item.choices)
            out.append(replace(item, prompt=prompt, choices=choices))
        else:
            out.append(replace(item, prompt=prompt))
    return replace(task, name=f"{task.name}-chat", all=tuple(out), notes=(*task.notes, "set into a chat"))
