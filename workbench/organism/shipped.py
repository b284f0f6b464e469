"""The organism that comes with the project: found, read and never written to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from workbench.bundled import MODELS, bundled
from workbench.errors import InputError, StoreError, did_you_mean
from workbench.organism.config import WorldConfig
from workbench.organism.files import TEXT, TRUTH, read_card, task_file
from workbench.organism.items import TASKS
from workbench.store import read_json
from workbench.tasks import ChoiceTask, read_choices
from workbench.text import ParallelText, read

_CARD = "organism.json"
_REMEDY = "train it again (workbench organism train), or install or clone the project anew"


@dataclass(frozen=True)
class Shipped:
    """A trained organism on disk, and what lies beside it."""

    folder: Path
    """Of the model, in Hugging Face format."""
    config: WorldConfig
    """All dials it was made with."""

    def text(self) -> ParallelText:
        """The same sentences in every language, of facts that no task asks in dev or test."""
        return read(self.folder / TEXT)

    def task(self, name: str) -> ChoiceTask:
        """A task by its name, in every language and split."""
        if name not in TASKS:
            raise InputError(f"unknown task {name!r} of the organism: {did_you_mean(name, TASKS)}")
        return read_choices(self.folder / task_file(name), f"organism-{name}")

    def truth(self) -> dict[str, Any]:
        """The ground truth, with the correct map of words."""
        return _read(self.folder / TRUTH, partial(read_json, digest="optional"))  # the shipped one has none


def shipped(folder: Path | None = None) -> Shipped:
    """The organism that comes with the project, or the one that a training run left in a folder."""
    folder = bundled(MODELS["organism"]) if folder is None else Path(folder).expanduser()
    if not folder.is_dir():
        raise InputError(f"no folder {folder}: give that of a trained organism, or none for the shipped one")
    for name in (_CARD, TEXT, TRUTH, *map(task_file, TASKS)):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name} is missing: {_REMEDY}")
    return Shipped(folder, _read_config(folder / _CARD))


def _read_config(path: Path) -> WorldConfig:
    dials = _read(path, read_card).get("config")
    if not isinstance(dials, Mapping):
        raise InputError(f"{path} holds no dials under 'config': {_REMEDY}")
    try:
        return WorldConfig.from_json(dials)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _read(path: Path, reader: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    try:
        return reader(path)
    except StoreError as error:
        raise InputError(f"{path} is damaged or cannot be read: {_REMEDY}") from error
