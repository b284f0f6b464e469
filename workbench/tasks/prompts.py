"""Prompts: templates, solved items before each, chat templates, and prompts in the item's language."""

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TypeVar, cast

from workbench.core.errors import InputError, TextError, did_you_mean, quoted
from workbench.core.languages import canonical
from workbench.core.reading import canonical_in, read_lines, user_path
from workbench.tasks.base import AnswerExample, AnswerTask, ChoiceTask, Example, SplitName

# Prompt templates, and the halves into which a benchmark with a single published set is cut.


Template = str | Mapping[str, str]
"""A text with {placeholders}, or one for each language."""
Words = tuple[str, ...] | Mapping[str, tuple[str, ...]]
"""What stands for the labels, in their order; or such words for each language."""
T = TypeVar("T")
_PLACE = re.compile(r"\{(\w+)\}")


def fill(template: Template, language: str, values: Mapping[str, str]) -> str:
    """Put the values in; other braces are text.

    >>> fill("{premise} {connector}", "en", {"premise": "It rained", "connector": "so"})
    'It rained so'
    """
    if not isinstance(template, str):
        template = for_language(template, language, "template")
    if not isinstance(template, str):
        raise InputError(f"the template for {language!r} is {quoted(template)}: it must be a text")
    for name in _PLACE.findall(template):
        if name not in values:
            raise InputError(
                f"unknown placeholder {{{name}}} in {quoted(template)}: {did_you_mean(name, values)}"
            )
    return _PLACE.sub(lambda match: values[match[1]], template)


def clause(sentence: str) -> str:
    """A sentence without the mark at its end, so that it can go on.

    >>> clause("The man turned on the faucet.")
    'The man turned on the faucet'
    """
    return sentence.rstrip().rstrip(".。．!！?？।॥").rstrip() or sentence


def for_language(by_language: Mapping[str, T], language: str, what: str) -> T:
    """The entry of a language, whatever spelling its code has."""
    known = {canonical(code): value for code, value in by_language.items()}
    if language not in known:
        raise InputError(f"no {what} for {language!r}: there is one for {', '.join(known) or 'no language'}")
    return known[language]


def words_for(words: Words, language: str, labels: int) -> tuple[str, ...]:
    """The words that stand for so many labels in a language."""
    if isinstance(words, Mapping):
        words = for_language(words, language, "words")
    if isinstance(words, str) or len(words) != labels or len(set(words)) < labels:
        raise InputError(f"words are {labels} different ones, one for each label; {quoted(words)} given")
    return tuple(words)


def read_prompts(path: str | Path) -> dict[str, Any]:
    r"""Read templates for each language from TOML: a table for each option of a reader.

    [template]
    sw = "Swali: {question}\nJibu:"
    en = "Question: {question}\nAnswer:"
    """
    path = user_path(path)
    try:
        tables = tomllib.loads("\n".join(read_lines(path)))
    except (ValueError, RecursionError) as error:
        raise TextError(f"is not TOML ({error}): fix it", path) from error
    options: dict[str, Any] = {}
    for option, table in tables.items():
        if not isinstance(table, dict):
            raise TextError(f"{quoted(option)} is no table: write [{option}] and a line a language", path)
        options[option] = _tuples({canonical_in(path, code): value for code, value in table.items()})
        for code, value in options[option].items():
            parts = value if isinstance(value, tuple) else (value,)
            if not all(isinstance(part, str) for part in parts):
                raise TextError(f"{option}.{code} is {quoted(value)}: write a text or a list of texts", path)
    return options


def parts_or_halves(
    part_of: Mapping[str, str], splits: Mapping[str, SplitName], seed: int
) -> tuple[dict[str, SplitName], list[str]]:
    """The split of each item as published; where dev or test is not at hand, the other cut into halves.

    `part_of` gives the published part of each item, `splits` what a part is here. With the splits comes a
    note where something was cut.
    """
    split_of = {item: splits[part] for item, part in part_of.items()}
    if {"dev", "test"} <= {*split_of.values()}:
        return split_of, []
    cut = halves({item: item for item, split in split_of.items() if split != "fit"}, seed)
    names = " ".join(dict.fromkeys(part_of[item] for item in cut))
    return split_of | cut, [f"{names} cut into a dev and a test half with seed {seed}"] if cut else []


def halves(units: Mapping[str, str], seed: int) -> dict[str, SplitName]:
    """Deal items into dev and test, about half each, without cutting a unit in two.

    `units` gives the unit of each item (itself, its paragraph, its document). The outcome depends on the
    names and the seed alone: not on the order, the languages read or the version of any library.
    """
    sizes = Counter(units.values())
    split_of: dict[str, SplitName] = {}
    dealt = 0
    for unit in shuffled(sizes, seed):
        split_of[unit] = "dev" if 2 * dealt < len(units) else "test"
        dealt += sizes[unit]
    return {item: split_of[unit] for item, unit in units.items()}


def shuffled(names: Mapping[str, object] | set[str], seed: int) -> list[str]:
    """Names in an order that the seed alone decides."""
    return sorted(names, key=lambda name: (hashlib.sha256(f"{seed}:{name}".encode()).digest(), name))


# Few-shot prompts: solved examples before each item, in its language or in others.


AnyTask = TypeVar("AnyTask", bound=ChoiceTask | AnswerTask)


def with_shots(
    task: AnyTask, n: int, seed: int = 0, between: str = "\n\n", languages: Sequence[str | None] = (None,)
) -> AnyTask:
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
    if isinstance(languages, str) or not languages:
        raise InputError('languages of shots are a list: write ["en"]')
    shown_in = [None if language is None else canonical(language) for language in languages]
    if unknown := [code for code in shown_in if code not in (None, *task.languages)]:
        raise InputError(f"{task.name} has no {unknown[0]!r} to show: it has {', '.join(task.languages)}")
    items = cast(tuple[Example | AnswerExample, ...], task.all)
    pool_split = "fit" if any(e.split == "fit" for e in items) else "dev"
    pools = {
        language: {e.id: e for e in items if e.language == language and e.split == pool_split}
        for language in task.languages
    }
    order = shuffled(set.intersection(*map(set, pools.values())) if pools else set(), seed)
    out: list[Any] = []
    for item in items:
        own = pools[item.language]
        apart = (id for id in order if id != item.id and (item.group is None or own[id].group != item.group))
        chosen = list(islice(apart, n))
        if len(chosen) < n:
            raise InputError(
                f"{task.name} has {len(chosen)} items of {pool_split} to show before {item.id!r}, not {n}: "
                "take fewer shots"
            )
        sides = (pools[code or item.language] for code in islice(cycle(shown_in), n))
        shown = [_solved(side[id]) for side, id in zip(sides, chosen, strict=True)]
        out.append(replace(item, prompt=between.join([*shown, item.prompt])))
    name = f"{task.name}-{n}shot" + (f"-seed{seed}" if seed else "")
    note = f"{n} solved items of {pool_split} before each, seed {seed}"
    if any(shown_in):
        name += "-" + "+".join(language or "own" for language in shown_in)
        note += f", in {' and '.join(language or 'its own language' for language in shown_in)}"
    return _changed(task, name, out, note)


def _changed(task: AnyTask, name: str, examples: list[Any], note: str) -> AnyTask:
    changed: Any = task  # one call for both kinds of task
    return cast(AnyTask, replace(changed, name=name, all=tuple(examples), notes=(*task.notes, note)))


def _solved(shot: Example | AnswerExample) -> str:
    return shot.prompt + (shot.choices[shot.answer] if isinstance(shot, Example) else f" {shot.answers[0]}")


# Chat templates: what a task asks, as a turn of a conversation.


def with_chat(task: AnyTask, chat: Callable[[str], str]) -> AnyTask:
    """The task with each prompt set into a chat by `chat`: a user's words → the text that a model reads.

    For shots in the prompt, `with_shots` comes first.

    Choices lose the space before them, since a chat ends where a new text begins. A prompt that a choice goes
    on from in mid-sentence makes no sense in a chat: give the task a template that asks a question.
    """
    items = cast(tuple[Example | AnswerExample, ...], task.all)
    chats: dict[str, str] = {}
    out: list[Any] = []
    for item in items:
        prompt = chats.setdefault(item.prompt, chat(item.prompt))
        if not isinstance(prompt, str) or item.prompt.strip() not in prompt:
            raise InputError(
                f"the chat template loses the prompt of item {quoted(item.id)}: {quoted(prompt)}"
            )
        choices: dict[str, Any] = {}
        if isinstance(item, Example):
            choices["choices"] = tuple(choice.lstrip() for choice in item.choices)
        out.append(replace(item, prompt=prompt, **choices))
    return _changed(task, f"{task.name}-chat", out, "set into a chat")


# Prompts in the item's own language.


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    """The values by language, as readers take them: lists are tuples."""
    return {code: tuple(value) if isinstance(value, list) else value for code, value in table.items()}


NATIVE = {
    task: {option: _tuples(table) for option, table in tables.items()}
    for task, tables in tomllib.loads((Path(__file__).parent / "native.toml").read_text("utf-8")).items()
}
"""Tasks that can be asked in the item's language, and the options of their readers that do it."""
