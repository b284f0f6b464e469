"""Prompt templates, and the halves into which a benchmark with a single published set is cut."""

import hashlib
import re
from collections.abc import Mapping
from typing import TypeVar

from workbench.errors import InputError, did_you_mean
from workbench.languages import canonical
from workbench.tasks.base import SplitName

Template = str | Mapping[str, str]
"""A text with {placeholders}, or one for each language."""
T = TypeVar("T")
_PLACE = re.compile(r"\{(\w+)\}")


def fill(template: Template, language: str, values: Mapping[str, str]) -> str:
    """Put the values in; other braces are text.

    >>> fill("{premise} {connector}", "en", {"premise": "It rained", "connector": "so"})
    'It rained so'
    """
    if not isinstance(template, str):
        template = for_language(template, language, "template")
    for name in _PLACE.findall(template):
        if name not in values:
            raise InputError(f"unknown placeholder {{{name}}} in {template!r}: {did_you_mean(name, values)}")
    return _PLACE.sub(lambda match: values[match[1]], template)


def for_language(by_language: Mapping[str, T], language: str, what: str) -> T:
    """The entry of a language, whatever spelling its code has."""
    known = {canonical(code): value for code, value in by_language.items()}
    if language not in known:
        raise InputError(f"no {what} for {language!r}: there is one for {', '.join(known) or 'no language'}")
    return known[language]


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
