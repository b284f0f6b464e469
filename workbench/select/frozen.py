"""Choices on disk before any test item is scored, so that what is reported was fixed beforehand."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workbench.errors import InputError, StoreError
from workbench.select.choice import Choice
from workbench.store import digest_json, read_json, write_json


def freeze(choices: Mapping[str, Choice], path: Path, about: Mapping[str, Any]) -> str:
    """Write the choices with what they were made from; returns the digest of all of it."""
    record = {"about": dict(about), "choices": {name: asdict(choice) for name, choice in choices.items()}}
    digest = digest_json(record)
    write_json(path, record | {"digest": digest})
    return digest


def thaw(path: Path) -> dict[str, Choice]:
    """Read frozen choices; refused where they are not what was frozen."""
    try:
        record = read_json(path)
    except StoreError as error:
        raise InputError(f"no frozen choices at {path}: {error}") from error
    digest = record.pop("digest", None)
    if digest != digest_json(record):
        raise InputError(f"{path} was changed after it was frozen: choose anew on dev")
    return {name: Choice(**values) for name, values in record["choices"].items()}
