"""Few-shot prompts: solved examples before each item, in its language or in others."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar, cast

from workbench.core.errors import InputError
from workbench.core.languages import canonical
from workbench.tasks.base import AnswerExample, AnswerTask, ChoiceTask, Example
from workbench.tasks.prompts import shuffled

T = TypeVar("T", bound=ChoiceTask | AnswerTask)


def with_shots(
    task: T, n: int, seed: int = 0, between: str = "\n\n", languages: Sequence[str | None] = (None,)
) -> T:
    """The task with `n` solved examples before each item: in its own language, or in `languages` in turn.

    They come from the fit split, or from dev where there is none, and are the first of an order that
    the seed decides, the same items in every language. Never the item itself or one of its group: then the
    next in order takes its place. An answer follows its prompt after a space, a choice as it is. Of
    `languages` None is the item's own: ("en",) shows English examples, ("en", None) mixes the two.
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
    shown_in = _shown_in(task, languages)
    shared = set.intersection(*(set(pool) for pool in pools.values())) if pools else set()
    order = shuffled(shared, seed)
    out: list[Any] = []
    for item in items:
        own = pools[item.language]
        chosen = list(islice((name for name in order if not _together(own[name], item)), n))
        if len(chosen) < n:
            raise InputError(
                f"{task.name} has {len(chosen)} items of {pool_split} to show before {item.id!r}, not {n}: "
                "take fewer shots"
            )
        sides = [shown_in[k % len(shown_in)] or item.language for k in range(n)]
        shown = [_solved(pools[side][name]) for side, name in zip(sides, chosen, strict=True)]
        out.append(replace(item, prompt=between.join([*shown, item.prompt])))
    others = [language for language in shown_in if language is not None]
    name = f"{task.name}-{n}shot" + (f"-seed{seed}" if seed else "")
    name += "-" + "+".join(language or "own" for language in shown_in) if others else ""
    note = f"{n} solved items of {pool_split} before each, seed {seed}"
    note += f", in {' and '.join(language or 'its own language' for language in shown_in)}" if others else ""
    changed: Any = task  # one call for both kinds of task
    return cast(T, replace(changed, name=name, all=tuple(out), notes=(*task.notes, note)))


def _shown_in(task: ChoiceTask | AnswerTask, languages: Sequence[str | None]) -> list[str | None]:
    if isinstance(languages, str) or not languages:
        raise InputError('languages of shots are a list: write ["en"]')
    codes = [None if language is None else canonical(language) for language in languages]
    for code in codes:
        if code is not None and code not in task.languages:
            raise InputError(f"{task.name} has no {code!r} to show: it has {', '.join(task.languages)}")
    return codes


def _together(one: Example | AnswerExample, other: Example | AnswerExample) -> bool:
    return one.id == other.id or (one.group is not None and one.group == other.group)


def _solved(shot: Example | AnswerExample) -> str:
    return shot.prompt + (shot.choices[shot.answer] if isinstance(shot, Example) else f" {shot.answers[0]}")
