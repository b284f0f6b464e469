"""Few-shot prompts: solved examples in the item's language before each item."""

from dataclasses import replace
from typing import Any, TypeVar, cast

from workbench.errors import InputError
from workbench.tasks.base import AnswerExample, AnswerTask, ChoiceTask, Example
from workbench.tasks.prompts import shuffled

T = TypeVar("T", ChoiceTask, AnswerTask)


def with_shots(task: T, n: int, seed: int = 0, between: str = "\n\n") -> T:
    """The task with `n` solved examples before each item, in its language.

    They come from the fit split, or from dev where there is none, and are the first of an order that
    the seed decides, the same items in every language. Never the item itself or one of its group: then the
    next in order takes its place. An answer follows its prompt after a space, a choice as it is.
    """
    if n < 0:
        raise InputError(f"{n} shots: give 0 or more")
    if n == 0:
        return task
    items = cast(tuple[Example | AnswerExample, ...], task.all)
    pool_split = "fit" if any(e.split == "fit" for e in items) else "dev"
    pools = {
        language: {e.id: e for e in items if e.language == language and e.split == pool_split}
        for language in task.languages
    }
    shared = set.intersection(*(set(pool) for pool in pools.values())) if pools else set()
    order = shuffled(shared, seed)
    out: list[Any] = []
    for item in items:
        pool = pools[item.language]
        chosen = [pool[name] for name in order if not _together(pool[name], item)][:n]
        if len(chosen) < n:
            raise InputError(
                f"{task.name} has {len(chosen)} items of {pool_split} to show before {item.id!r}, not {n}: "
                "take fewer shots"
            )
        shown = between.join(map(_solved, chosen))
        out.append(replace(item, prompt=shown + between + item.prompt))
    name = f"{task.name}-{n}shot" + (f"-seed{seed}" if seed else "")
    note = f"{n} solved items of {pool_split} before each, seed {seed}"
    return replace(task, name=name, all=tuple(out), notes=(*task.notes, note))


def _together(one: Example | AnswerExample, other: Example | AnswerExample) -> bool:
    return one.id == other.id or (one.group is not None and one.group == other.group)


def _solved(shot: Example | AnswerExample) -> str:
    return shot.prompt + (shot.choices[shot.answer] if isinstance(shot, Example) else f" {shot.answers[0]}")
