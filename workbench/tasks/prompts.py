"""Prompt templates, and the halves into which a benchmark with a single published set is cut."""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from workbench.core.errors import InputError, TextError, did_you_mean, quoted
from workbench.core.languages import canonical
from workbench.core.reading import canonical_in, read_lines, user_path
from workbench.tasks.base import SplitName

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
        options[option] = {
            canonical_in(path, code): tuple(value) if isinstance(value, list) else value
            for code, value in table.items()
        }
        for code, value in options[option].items():
            parts = value if isinstance(value, tuple) else (value,)
            if not all(isinstance(part, str) for part in parts):
                raise TextError(f"{option}.{code} is {quoted(value)}: write a text or a list of texts", path)
    return options


def parts_or_halves(
    units: Mapping[str, str], part_of: Mapping[str, str], splits: Mapping[str, SplitName], seed: int
) -> tuple[dict[str, SplitName], tuple[str, ...]]:
    """The split of each item as published; where dev or test is not at hand, the other cut into halves.

    `units` gives the unit of each item, `part_of` its published part, `splits` what a part is here. With the
    splits comes a note where something was cut.
    """
    known = {splits[part] for part in part_of.values()}
    if {"dev", "test"} <= known:
        return {item: splits[part_of[item]] for item in units}, ()
    cut = halves({item: unit for item, unit in units.items() if splits[part_of[item]] != "fit"}, seed)
    names = " ".join(dict.fromkeys(part_of[item] for item in cut))
    note = (f"{names} cut into a dev and a test half with seed {seed}",) if cut else ()
    return {item: cut.get(item, "fit") for item in units}, note


def halves(units: Mapping[str, str], seed: int) -> dict[str, SplitName]:
    """Deal items into dev and test, about half each, without cutting a unit in two.

    `units` gives the unit of each item (itself, its paragraph, its document). The outcome depends on the
    names and the seed alone: not on the order, the languages read or the version of any library.
    """
    sizes: dict[str, int] = {}
    for unit in units.values():
        sizes[unit] = sizes.get(unit, 0) + 1
    split_of: dict[str, SplitName] = {}
    dealt = 0
    for unit in shuffled(sizes, seed):
        split_of[unit] = "dev" if 2 * dealt < len(units) else "test"
        dealt += sizes[unit]
    return {item: split_of[unit] for item, unit in units.items()}


def shuffled(names: Mapping[str, object] | set[str], seed: int) -> list[str]:
    """Names in an order that the seed alone decides."""
    return sorted(names, key=lambda name: (hashlib.sha256(f"{seed}:{name}".encode()).digest(), name))
