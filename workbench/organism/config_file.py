"""A world's config as a TOML file that explains every dial, for people to turn."""

import json
import tomllib
from dataclasses import fields
from pathlib import Path
from textwrap import wrap
from typing import Any

from workbench.core.errors import InputError
from workbench.core.store import write_bytes
from workbench.organism.config import LanguageConfig, TrainingConfig, WorldConfig, explain

_WIDTH = 100
_HEAD = """\
# A world, the languages that speak of it, and the model that reads them. The same file gives the same
# model:  workbench organism train THIS-FILE
# The gap is the accuracy a language lacks though it has the words. Settings left out are at their default.
"""


def read_config(path: Path) -> WorldConfig:
    """Read what `write_config` wrote, or a file like it; a dial that is not known is an error."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the config {path}: {error}") from error
    try:
        return WorldConfig.from_json(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def write_config(config: WorldConfig, path: Path) -> None:
    """Write all settings, each under the line that explains it."""
    write_bytes(path, to_toml(config).encode())


def to_toml(config: WorldConfig) -> str:
    """All settings as TOML, each under the line that explains it.

    >>> tomllib.loads(to_toml(WorldConfig(seed=3)))["seed"]
    3
    """
    parts = [_HEAD, _settings(config, explain(WorldConfig), leave_out=("languages", "training"))]
    parts.append("[training]\n" + _settings(config.training, explain(TrainingConfig)))
    told = "".join(_comment(f"{name}: {text}") for name, text in explain(LanguageConfig).items())
    parts.append("# The languages, the main one first.\n" + told.rstrip())
    parts += ["[[languages]]\n" + _settings(language, {}) for language in config.languages]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _settings(config: Any, told: dict[str, str], leave_out: tuple[str, ...] = ()) -> str:
    lines = []
    for dial in fields(config):
        if dial.name not in leave_out:
            lines.append(_comment(told[dial.name]) if dial.name in told else "")
            # JSON's numbers, booleans and plain strings are TOML's.
            lines.append(f"{dial.name} = {json.dumps(getattr(config, dial.name))}\n")
    return "".join(lines)


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in wrap(text, _WIDTH))
