"""The options of a study, generated from the fields of `Settings`."""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from workbench.core.errors import InputError
from workbench.core.settings import Settings


def add_settings(group: Any, names: Sequence[str]) -> None:
    """One option for each of these fields; `group` is a parser or a group of its options."""
    known = {field.name: field for field in fields(Settings)}
    for name in names:
        default, text = known[name].default, known[name].metadata["help"]
        flag, shown = f"--{name.replace('_', '-')}", _shown(default)
        text = text if "(default" in text or isinstance(default, bool) else f"{text} (default: {shown})"
        if isinstance(default, bool):
            group.add_argument(flag, action="store_true", help=text)
        elif isinstance(default, int | float):
            group.add_argument(flag, type=type(default), default=default, help=text)
        elif isinstance(default, tuple):
            group.add_argument(flag, metavar="A,B", default=shown if default else None, help=text)
        else:
            group.add_argument(flag, default=default, help=text)


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings that the options name; what is no option keeps its default."""
    given: dict[str, Any] = {}
    for field in fields(Settings):
        if not hasattr(options, field.name):
            continue
        value = getattr(options, field.name)
        if isinstance(field.default, tuple):
            value = _listed(field.name, value, field.default)
        given[field.name] = value.replace("-", "_") if isinstance(value, str) else value
    return Settings(**given)


def _listed(name: str, value: str | None, default: tuple[Any, ...]) -> tuple[Any, ...]:
    parts = [part.strip() for part in (value or "").split(",") if part.strip()]
    if not (default and isinstance(default[0], float)):
        return tuple(parts)
    try:
        return tuple(float(part) for part in parts)
    except ValueError:
        option = f"--{name.replace('_', '-')}"
        raise InputError(f"{option} takes numbers, such as 0.5,1; {value!r} given") from None


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(_shown(one) for one in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
