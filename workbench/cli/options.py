"""Options that several commands share, and how they are parsed."""

import argparse
import errno
import math
import os
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import InputError
from workbench.core.settings import Settings

if TYPE_CHECKING:
    from workbench.models import LanguageModel
    from workbench.text import ParallelText


_LARGEST = 2**63 - 1
_WHOLE = {
    **dict.fromkeys(("batch_size", "batch_tokens", "configurations", "dev", "draws", "items"), (1, _LARGEST)),
    **dict.fromkeys(("prompts", "seeds", "test", "tokens"), (1, _LARGEST)),
    **dict.fromkeys(("blocks", "null", "refits", "shots"), (0, _LARGEST)),
    "dpi": (1, 2400),
    "port": (1, 65535),
    "seed": (0, 2**32 - 1),
    "threads": (1, 1024),
}
"""The least and the largest value of each option that is a whole number, in all commands."""
_PATHS = (
    *("model", "text", "task", "study", "runs", "run_folder", "folder", "files", "against", "config", "out"),
    *("store", "to", "notebooks", "translations", "templates", "resources", "distances", "prompts"),
)
"""The options that name, or may name, a place on disk."""


def check_options(options: argparse.Namespace) -> None:
    """Refuse numbers and places that no command can work with, before any work is done."""
    for name, value in vars(options).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            _check_number(name, value)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str | Path):
                _check_text(name, str(one))
    if isinstance(strengths := getattr(options, "strengths", None), str):
        numbers(strengths, "--strengths")
    out = getattr(options, "out", None)
    if isinstance(out, Path):
        # `report` writes one file, all others a folder.
        _check_place(out.parent if getattr(options, "command", None) == "report" else out, out)


def _check_number(name: str, value: float) -> None:
    from workbench.core.errors import InputError

    option = f"--{name.replace('_', '-')}"
    if name in _WHOLE:
        least, most = _WHOLE[name]
        if not least <= value <= most:
            bound = f"from {least} to {most}" if most < _LARGEST or value > most else f"of at least {least}"
            raise InputError(f"{option} is {value}: give a whole number {bound}")
        if name == "blocks" and value == 1:
            raise InputError(f"{option} is 1: give at least 2, or 0 for none")
    elif name == "held_out" and not 0 < value < 1:
        raise InputError(f"{option} is {value}: give a share between 0 and 1")
    elif name == "delta" and not 0 < value < float("inf"):
        raise InputError(f"{option} is {value}: give a number above 0")


def _check_text(name: str, value: str) -> None:
    from workbench.core.errors import InputError

    if "\0" in value:
        raise InputError(f"--{name.replace('_', '-')} {value!r}: it holds a NUL character")
    if name in _PATHS:
        for part in re.split("[,:]", value):
            try:
                Path(part).expanduser()
            except RuntimeError:
                raise InputError(f"no path {part!r}: no home directory of that user is known") from None


def _check_place(folder: Path, out: Path) -> None:
    """Refuse a folder that cannot be made; one that could be is not made yet."""
    from workbench.core.errors import InputError

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


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Which model, and how it is loaded."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        default="organism",
        help="Hugging Face name or local directory (default: organism, the bundled model)",
    )
    group = parser.add_argument_group("model")
    group.add_argument("--backend", default="bridge", help="bridge (default) or hooked")
    group.add_argument("--device", help="cpu, cuda, cuda:1 … (default: a GPU if available)")
    group.add_argument("--model-dtype", metavar="DTYPE", help="float32, bfloat16 or float16")
    group.add_argument("--attn", help="attention kernel: sdpa (default) or eager")
    group.add_argument("--revision", help="commit, tag or branch on the hub")
    group.add_argument("--device-map", help='device map of Hugging Face, such as "auto"')
    group.add_argument(
        "--trust-remote-code", action="store_true", help="allow code that is part of the model repository"
    )


def add_text_options(parser: argparse.ArgumentParser) -> None:
    """Which sentences."""
    group = parser.add_argument_group("text")
    group.add_argument(
        "--text",
        metavar="PATH|NAME",
        help="parallel text: file, folder, data set, or starter (comes with the project); with the organism "
        "as model its own",
    )
    group.add_argument("--languages", metavar="A,B", help="languages to use, such as sw,en")
    group.add_argument("--format", help="text format, if not recognised by name")
    group.add_argument("--text-revision", metavar="REV", help="for a data set on the hub")
    group.add_argument("--text-config", metavar="NAME", help="for a data set on the hub")
    group.add_argument("--text-split", metavar="NAME", help="split of the text, such as dev or test")
    group.add_argument("--drop-missing", action="store_true", help="drop rows with a missing side")
    group.add_argument("--drop-long", action="store_true", help="drop rows longer than the model's context")


def add_capture_options(parser: argparse.ArgumentParser) -> None:
    """What is kept of each sentence."""
    group = parser.add_argument_group("capture")
    group.add_argument(
        "--sites",
        default="resid_post",
        help="components or sites, such as resid_post (default) or embed,resid_post.3",
    )
    group.add_argument("--pool", default="last", help="last (default), mean, weighted_mean or all")
    group.add_argument("--template", help='prompt around each sentence, such as "Q: {text} A:"')
    group.add_argument(
        "--batch-tokens", type=int, help="tokens per batch (default: 1024 on a CPU, 8192 on a GPU)"
    )


def add_pair_options(parser: argparse.ArgumentParser) -> None:
    """Which language onto which."""
    group = parser.add_argument_group("pairs")
    group.add_argument(
        "--pairs",
        "--pair",
        metavar="A-B,…",
        help="source-target pairs, such as sw-en,de-en (default: all to --target)",
    )
    group.add_argument(
        "--target", metavar="LANG", help="common target language (default: the text's last, or x-main)"
    )
    add_settings(group, ("held_out", "seed"))


def read_pairs(options: argparse.Namespace, languages: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs the options name, among the languages of a text."""
    from workbench.core.errors import InputError
    from workbench.core.languages import canonical, read_pair

    if options.pairs is None:
        target = canonical(options.target) if options.target else languages[-1]
        if options.target is None and "x-main" in languages:
            target = "x-main"
        if target not in languages:
            raise InputError(f"--target {target} is not among the languages: {', '.join(languages)}")
        return [(language, target) for language in languages if language != target]
    return [read_pair(name, languages) for name in names(options.pairs) or []]


def names(value: str | None) -> list[str] | None:
    """`a,b` → [a, b]."""
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


def load(options: argparse.Namespace) -> "LanguageModel":
    """The model the options name."""
    from workbench.models import load_model

    return load_model(
        options.model,
        backend=options.backend,
        device=options.device,
        dtype=options.model_dtype,
        attn=options.attn,
        revision=options.revision,
        device_map=options.device_map,
        trust_remote_code=options.trust_remote_code,
    )


def read_text(options: argparse.Namespace) -> "ParallelText":
    """The parallel text the options name."""
    from workbench.core.bundled import MODELS, TEXTS
    from workbench.core.errors import InputError
    from workbench.text import read

    # Text of invented languages tells another model nothing, so only the organism has it by default.
    name = options.text or (options.model if options.model in MODELS and options.model in TEXTS else None)
    if name is None:
        raise InputError(
            f"which sentences? give --text, a file, folder or data set ({', '.join(TEXTS)} are here)"
        )
    return read(
        name,
        languages=names(options.languages),
        format=options.format,
        drop_missing=options.drop_missing,
        revision=options.text_revision,
        config=options.text_config,
        split=options.text_split,
    )


def with_room(
    options: argparse.Namespace, model: "LanguageModel", text: "ParallelText", template: str | None = None
) -> "ParallelText":
    """With --drop-long, the rows that the model has room for; else the text, which may then be refused."""
    from workbench.states import fitting

    return fitting(model, text, template) if options.drop_long else text


def numbers(value: str, option: str) -> list[float]:
    """`0.5,1` → [0.5, 1.0]."""
    from workbench.core.errors import InputError

    try:
        found = [float(part) for part in names(value) or []]
    except ValueError:
        raise InputError(f"{option} takes numbers, such as 0.5,1; {value!r} given") from None
    if not all(map(math.isfinite, found)):
        raise InputError(f"{option} takes finite numbers, such as 0.5,1; {value!r} given")
    return found


def whole_numbers(value: str, option: str) -> tuple[int, ...]:
    """`1,2` → (1, 2), each at least 1."""
    from workbench.core.errors import InputError

    try:
        found = [int(part) for part in names(value) or []]
    except ValueError:
        found = []
    if not found or not all(1 <= n <= _LARGEST for n in found):
        raise InputError(f"{option} {value}: give whole numbers from 1 up, such as 1,2")
    return tuple(found)


def site_names(options: argparse.Namespace) -> Any:
    """The sites the options name."""
    return names(options.sites)


# The options of a study, generated from the fields of `Settings`.


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
