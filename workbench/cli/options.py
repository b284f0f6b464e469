"""Options: how commands declare them, those that several share, what is allowed, and their TOML file."""

import argparse
import errno
import json
import math
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from os.path import isfile
from pathlib import Path
from typing import Any

from workbench.core.errors import InputError, did_you_mean
from workbench.core.reading import language_in
from workbench.core.settings import Settings

Options = Mapping[str, Any]
"""Usage → help, (help, default), or the arguments of `add_argument`; see `add_options`."""
Groups = Mapping[str, Options]
"""Title in the help → options."""


@dataclass(frozen=True)
class Outcome:
    """What a command found, for `--json`, and its exit code."""

    facts: Any = None
    """Numbers, texts, paths and tables (data frames), in lists and dicts."""
    code: int = 0


@dataclass(frozen=True)
class Command:
    """A command, or an action of one."""

    run: str
    """Module and name of the function of the parsed options; it returns an `Outcome`, or None."""
    about: str
    """The description in the help."""
    help: str = ""
    """In the list of commands; by default as the description."""
    example: str = ""
    options: Options = field(default_factory=dict)
    groups: Groups = field(default_factory=dict)
    actions: Mapping[str, "Command"] = field(default_factory=dict)
    configurable: bool = False
    """Whether `--config FILE` may hold the options."""


_TYPES = {"N": int, "FILE": Path, "FOLDER": Path}


def add_options(parser: argparse.ArgumentParser, command: Command) -> None:
    """Add the options of a command to its parser.

    A usage such as `--seeds N` or `folder FOLDER?` has the names, then the metavar, with `?`, `*` or `+` if
    it is optional or repeated. N is a whole number, FILE and FOLDER are paths, all else is of the type of the
    default. Without metavar and default, the option is a switch.
    """
    groups = {title: parser.add_argument_group(title) for title in command.groups}
    for title, options in {"": command.options, **command.groups}.items():
        for usage, about in options.items():
            names = [word for word in usage.split() if word.startswith("-") or word.islower()]
            groups.get(title, parser).add_argument(*names, **_arguments(usage.split()[len(names) :], about))


def _arguments(value: list[str], about: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if value:
        arguments["metavar"] = value[0].rstrip("?*+")
        arguments["type"] = _TYPES.get(arguments["metavar"], str)
        if arguments["metavar"] != value[0]:
            arguments["nargs"] = value[0][-1]
    if isinstance(about, str):
        return {"help": about} | (arguments or {"action": "store_true"})
    if isinstance(about, Mapping):
        return arguments | dict(about)
    text, default = about
    if default is not None:
        arguments["type"] = type(default)
        text = text if "default" in text else f"{text} (default: {_text_of(default)})"
    return arguments | {"help": text, "default": default}


def _text_of(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


OVERWRITE = {"--overwrite": "overwrite another run or other files in the output folder"}
BACKEND = {"--backend": ("bridge (default) or hooked", "bridge")}
LANGUAGES = {"--languages A,B": "languages to use, such as sw,en"}
FORMAT = {"--format FORMAT": "text format, if not recognised by name"}
TEXT_SPLIT = {"--text-split NAME": "split of the text, such as dev or test"}

MODEL = {
    "model MODEL?": (
        "Hugging Face name, local directory or GGUF file (default: organism, bundled)",
        "organism",
    )
}
LOADING: Groups = {
    "model": {
        **BACKEND,
        "--device DEVICE": "cpu, cuda, cuda:1 … (default: a GPU if available)",
        "--model-dtype DTYPE": "float32, bfloat16 or float16",
        "--quantise BITS": "8bit or 4bit: weights of linear layers through bitsandbytes",
        "--attn ATTN": "attention kernel: sdpa (default) or eager",
        "--revision REVISION": "commit, tag or branch on the hub",
        "--title NAME": "what tables and figures call the model (default: its own name)",
        "--device-map MAP": 'device map of Hugging Face, such as "auto"',
        "--trust-remote-code": "allow code that is part of the model repository",
        "--bos WHEN": (
            "start of each text: tokenizer (default, what the tokenizer puts there), always (a BOS) or never",
            "tokenizer",
        ),
    }
}
TEXT: Groups = {
    "text": {
        "--text PATH|NAME": "parallel text: file, folder, data set, or starter (comes with the project), or "
        "files of one language each, such as a.sw b.en or a.sw,b.en; default with the organism: its own "
        "sentences",
        **LANGUAGES,
        **FORMAT,
        "--text-revision REV": "for a data set on the hub",
        "--text-config NAME": "for a data set on the hub",
        **TEXT_SPLIT,
        "--drop-missing": "drop rows with a missing side",
        "--drop-long": "drop rows longer than the model's context",
    }
}
STATES: Groups = {
    "capture": {
        "--sites SITES": (
            "components or sites, such as resid_post (default) or embed,resid_post.3",
            "resid_post",
        ),
        "--pool POOL": ("last (default), mean, weighted_mean or all", "last"),
        "--template TEMPLATE": 'prompt around each sentence, such as "Q: {text} A:"',
        "--batch-tokens N": "tokens per batch (default: 1024 on a CPU, 8192 on a GPU)",
    }
}


def settings_options(*names: str) -> Options:
    """The options of these fields of `Settings`."""
    known = {setting.name: setting for setting in fields(Settings)}
    options: dict[str, Any] = {}
    for name in names:
        flag, default, text = f"--{name.replace('_', '-')}", known[name].default, known[name].metadata["help"]
        if isinstance(default, bool):
            options[flag] = text
        elif isinstance(default, tuple):
            values = list(map(_text_of, default))
            text = f"{text} (default: {', '.join(values) or 'none'})"
            options[f"{flag} A,B"] = (text, ",".join(values) or None)
        else:
            value = {int: "N", float: "X"}.get(type(default), "NAME")
            options[f"{flag} {value}"] = (text, default)
    return options


PAIRS: Groups = {
    "pairs": {
        "--pairs --pair A-B,…": "source-target pairs, such as sw-en,de-en (default: each to --target)",
        "--target LANG": "common target language (default: the last language of the text, or x-main)",
        **settings_options("held_out", "seed"),
    }
}
INPUTS = {**LOADING, **TEXT, **PAIRS}


WORKERS: Options = {
    "--jobs N": ("processes that compute captures and sweeps, each with its own copy of the weights", 1),
    "--cluster ADDRESS": "Ray cluster that computes them: auto, HOST:PORT or ray://HOST:PORT",
}


def study_options(out: str) -> Options:
    """The model, and where and how results are computed."""
    return {
        **MODEL,
        "--out FOLDER": ("folder", Path(out)),
        "--threads N": "CPU threads (default: one for a small model, else the fastest number, measured)",
        **WORKERS,
        **OVERWRITE,
    }


def run_options(out: str) -> Options:
    """The run that a command is about, which of its pairs, and where the results go."""
    return {
        "study RUN?": ("folder of a run", "organism"),
        "--pairs A-B,…": "pairs of the run to use (default: all)",
        "--out FOLDER": f"default: the run's folder; organism: {out}",
        "--threads N": "CPU threads (default: as in the run)",
        **WORKERS,
        **OVERWRITE,
    }


# What options may be, checked before any work is done.

_LARGEST = 2**63 - 1
# The least and the largest value of each option that is a whole number, in all commands.
_WHOLE = {
    **dict.fromkeys("batch_size batch_tokens configurations dev draws items".split(), (1, _LARGEST)),
    **dict.fromkeys("prompts seeds test tokens".split(), (1, _LARGEST)),
    **dict.fromkeys("blocks null refits shots".split(), (0, _LARGEST)),
    "dpi": (1, 2400),
    "jobs": (1, 1024),
    "port": (1, 65535),
    "seed": (0, 2**32 - 1),
    "threads": (1, 1024),
}
# Options that may name a place on disk.
_PATHS = (
    *("model", "text", "task", "study", "runs", "run_folder", "folder", "files", "against", "config", "out"),
    *("store", "to", "notebooks", "translations", "templates", "resources", "distances", "prompts"),
)


def check_options(options: argparse.Namespace) -> None:
    """Refuse numbers and places that no command can work with, before any work is done."""
    for name, value in vars(options).items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, int | float) and not isinstance(value, bool):
            _check_number(name, option, value)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, str | Path):
                _check_text(name, option, str(part))
    out = getattr(options, "out", None)
    if isinstance(out, Path):
        # `report` writes one file, all others a folder.
        _check_place(out.parent if getattr(options, "command", None) == "report" else out, out)


def _check_number(name: str, option: str, value: float) -> None:
    if name in _WHOLE:
        least, most = _WHOLE[name]
        if not least <= value <= most:
            bound = f"from {least} to {most}" if most < _LARGEST or value > most else f"of at least {least}"
            raise InputError(f"{option} is {value}: give a whole number {bound}")
        if name == "blocks" and value == 1:
            raise InputError(f"{option} is 1: give at least 2, or 0 for none")
    elif name == "held_out" and not 0 < value < 1:
        raise InputError(f"{option} is {value}: give a share between 0 and 1")
    elif name in ("delta", "delta_gap") and not 0 < value < math.inf:
        raise InputError(f"{option} is {value}: give a number above 0")


def _check_text(name: str, option: str, value: str) -> None:
    if "\0" in value:
        raise InputError(f"{option} {value!r}: it holds a NUL character")
    if name in _PATHS:
        for part in re.split("[,:]", value):
            try:
                Path(part).expanduser()
            except RuntimeError:
                raise InputError(f"no path {part!r}: no home directory of that user is known") from None


def _check_place(folder: Path, out: Path) -> None:
    """Refuse a folder that cannot be made; one that could be is not made yet."""
    missing, here = None, folder.absolute()
    try:
        while not here.exists():
            missing, here = here, here.parent
        if missing is not None:
            missing.mkdir()
            missing.rmdir()
        elif not here.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        elif not os.access(here, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise InputError(f"cannot write to --out ({error.strerror}): {out}") from error


def chosen(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """These options, as keyword arguments of a function that has the same names."""
    return {name: getattr(options, name) for name in names}


def names(value: str | None) -> list[str] | None:
    """`a,b` → [a, b]."""
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


def with_texts_joined(arguments: Sequence[str]) -> list[str]:
    """`--text a.sw b.en` → `--text a.sw,b.en`: files of one language each.

    What follows and is no file is left as it is: it may be the model.

    >>> with_texts_joined(["fit", "--text", "a.sw", "b.en", "gpt2", "--quick"])
    ['fit', '--text', 'a.sw,b.en', 'gpt2', '--quick']
    """
    joined: list[str] = []
    for argument in arguments:
        last = joined[-1].removeprefix("--text=") if joined else ""
        follows = joined[-2:-1] == ["--text"] or joined[-1:] != [last]
        if follows and all(map(_is_text, (last.split(",")[-1], argument))):
            joined[-1] += f",{argument}"
        else:
            joined.append(argument)
    return joined


def _is_text(name: str) -> bool:
    """Whether a name is that of a text rather than a model: a file, or called as one of one language."""
    if name.startswith("-") or name.lower().endswith(".gguf"):
        return False
    return isfile(name) or ("." in Path(name).name and language_in(Path(name)) is not None)


def numbers(value: str, option: str) -> list[float]:
    """`0.5,1` → [0.5, 1.0]."""
    try:
        parts = [float(part) for part in names(value) or []]
    except ValueError:
        raise InputError(f"{option} takes numbers, such as 0.5,1; {value!r} given") from None
    if not all(map(math.isfinite, parts)):
        raise InputError(f"{option} takes finite numbers, such as 0.5,1; {value!r} given")
    return parts


def whole_numbers(value: str, option: str) -> tuple[int, ...]:
    """`1,2` → (1, 2), each at least 1."""
    try:
        parts = tuple(int(part) for part in names(value) or [])
    except ValueError:
        parts = ()
    if not parts or not all(1 <= n <= _LARGEST for n in parts):
        raise InputError(f"{option} {value}: give whole numbers from 1 up, such as 1,2")
    return parts


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings that the options name; what is no option keeps its default."""
    given: dict[str, Any] = {}
    for setting in (setting for setting in fields(Settings) if hasattr(options, setting.name)):
        value = getattr(options, setting.name)
        if setting.name == "strengths":
            value = tuple(numbers(value or "", "--strengths"))
        elif isinstance(setting.default, tuple):
            value = tuple(names(value) or ())
        given[setting.name] = value.replace("-", "_") if isinstance(value, str) else value
    return Settings(**given)


# Options from a TOML file, by their long names.

_NOT_IN_FILES = ("help", "debug", "config", "overwrite", "json", "quiet")


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
    """The options of the command line, else of the file, else the defaults; `given` names the former two."""
    given = vars(options).copy()
    own, defaults = given.pop("_own"), given.pop("_defaults")
    given = given if given["config"] is None else _read(given["config"], own) | given
    options = argparse.Namespace(**{**defaults, **given}, given=set(given), asked=list(own))
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
        parsed = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the config {path}: {error}") from error
    except (ValueError, RecursionError) as error:  # ValueError: of numbers with thousands of digits, too
        raise InputError(f"{path} is not TOML: {error}") from error
    values = {}
    for key, value in parsed.items():
        name, where = key.replace("-", "_"), f"{path}:{_line(text, key)}"
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
        if isinstance(value, list | str) or (kind is int and not isinstance(value, int)):
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
