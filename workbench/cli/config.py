"""Options from a TOML file: every long option is a key, and a key that is no option is an error."""

import argparse
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from workbench.cli.options import check_options
from workbench.core.errors import InputError, did_you_mean

_NOT_IN_FILES = ("help", "debug", "config", "overwrite")


def configurable(parser: argparse.ArgumentParser) -> None:
    """Let `--config FILE` stand for the options; those on the command line go before it."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file with options, by their long names"
    )
    own = {action.dest: action for action in parser._actions if action.dest not in _NOT_IN_FILES}
    defaults = {name: action.default for name, action in own.items()}
    for action in own.values():
        action.default = argparse.SUPPRESS  # so that what was given can be told from what was not
    parser.set_defaults(_own=own, _defaults=defaults)


def configured(options: argparse.Namespace) -> argparse.Namespace:
    """What was given on the command line, else in the file, else the defaults; `given` names the former."""
    given = vars(options).copy()
    own, defaults = given.pop("_own"), given.pop("_defaults")
    in_file = {} if given["config"] is None else _read(given["config"], own)
    merged = {**defaults, **in_file, **given}
    options = argparse.Namespace(**merged, given={*in_file, *given}, asked=list(own))
    check_options(options)
    return options


def as_toml(options: argparse.Namespace) -> str:
    """What `configured` gave, as a file that `--config` reads."""
    lines = ["# workbench diagnose --config study.toml"]
    for name in options.asked:
        if (value := getattr(options, name)) is not None:
            # JSON's numbers, booleans and strings are TOML's.
            lines.append(f"{name.replace('_', '-')} = {json.dumps(value, ensure_ascii=False, default=str)}")
    return "\n".join(lines) + "\n"


def _read(path: Path, own: dict[str, argparse.Action]) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the config {path}: {error}") from error
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: of numbers with thousands of digits, too
        raise InputError(f"{path} is not TOML: {error}") from error
    values = {}
    for key, value in found.items():
        name = key.replace("-", "_")
        where = f"{path}:{_line(text, key)}"
        if name not in own:
            known = [dest.replace("_", "-") for dest in own]
            raise InputError(f"{where}: unknown key {key!r}: {did_you_mean(key, known)}")
        values[name] = _value(where, key, value, own[name])
    return values


def _value(where: str, key: str, value: Any, action: argparse.Action) -> Any:
    """The value as the command line would have made it."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise InputError(f"{where}: {key} is true or false, not {value!r}")
        return value
    listed = value if isinstance(value, list) else [value]
    if not listed or any(isinstance(one, bool) or not isinstance(one, str | int | float) for one in listed):
        raise InputError(f"{where}: {key} is a string or a number, or a list of them, not {value!r}")
    kind = action.type if callable(action.type) else str
    if kind in (int, float):
        wrong = len(listed) > 1 or isinstance(value, str) or (kind is int and not isinstance(value, int))
        if isinstance(value, list) or wrong:
            raise InputError(f"{where}: {key} is a {'whole ' if kind is int else ''}number, not {value!r}")
        return kind(value)
    joined = ",".join(f"{one:g}" if isinstance(one, float) else str(one) for one in listed)
    if action.choices is not None and joined not in action.choices:
        raise InputError(f"{where}: {key}: {did_you_mean(joined, list(action.choices))}")
    return kind(joined)


def _line(text: str, key: str) -> int:
    """Where a key stands; tomllib does not say."""
    pattern = re.compile(rf"^\s*\[*\s*[\"']?{re.escape(key)}\b")
    return next((n for n, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)
