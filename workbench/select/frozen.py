"""Choices on disk before any test item is scored, so that what is reported was fixed beforehand."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.select.choice import Choice
from workbench.store import read_json, write_json


def freeze(choices: Mapping[str, Choice], path: Path, about: Mapping[str, Any]) -> str:
    """Write the choices with what they were made from; returns the digest of all of it."""
    record = {"about": dict(about), "choices": {name: asdict(choice) for name, choice in choices.items()}}
    return write_json(path, record)


def thaw(path: Path) -> dict[str, Choice]:
    """Read frozen choices; refused where they are not what was frozen."""
    if not path.exists():
        raise InputError(f"no frozen choices at {path}: choose on dev first")
    return {name: Choice(**values) for name, values in read_json(path)["choices"].items()}
