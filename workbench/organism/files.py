"""The organism's files: what lies beside a model, the organism that ships, checkpoints of training.

parallel.tsv.gz        the same sentences in every language, one column each, for `workbench.text.read`
tasks/<name>.tsv.gz    every task in every language, for `workbench.tasks.read_choices`
truth.json             the ground truth, with the correct map of words
organism.json          all settings, and what training took
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from workbench.core.bundled import MODELS, bundled
from workbench.core.errors import InputError, StoreError, did_you_mean
from workbench.core.store import digest_file, digest_json, read_json, write_bytes, write_json
from workbench.organism.config import WorldConfig
from workbench.organism.texts import TASKS, Items
from workbench.tasks import ChoiceTask, read_choices, write_choices
from workbench.tasks.tables import write_rows
from workbench.text import ParallelText, read

TEXT = "parallel.tsv.gz"
TRUTH = "truth.json"
CARD = "organism.json"
ABOUT = (
    "languages.<code>.main_word maps each form of each word of a language to the plain form of the main "
    "language's word for the same: the correct map of words, and the only one there is. No correct linear "
    "map of hidden states is planted in the model, so none can be looked up here."
)


def task_file(name: str) -> str:
    """Where a task lies in the folder."""
    return f"tasks/{name}.tsv.gz"


def write_files(config: WorldConfig, folder: Path) -> None:
    """Write text, tasks and truth of a world into the folder of its model; the model is left alone."""
    items = Items(config)
    text = items.parallel_text()
    rows = zip(*(text[code] for code in text.languages), strict=True)
    write_rows(folder / TEXT, [text.languages, *rows])
    for name in TASKS:
        write_choices(folder / task_file(name), items.task(name))
    write_json(folder / TRUTH, items.truth() | {"about": ABOUT})


def read_card(path: Path) -> dict[str, Any]:
    """The card of a trained model: all settings, and what training took."""
    card = read_json(path, digest="unchecked")
    # The bundled card is of version 0.1, where `digest` is that of the settings alone.
    old = "config" in card and card.get("digest") == digest_json(card["config"])
    return card if old else read_json(path, digest="optional")


_REMEDY = "train it again (workbench organism train), or install or clone the project anew"


@dataclass(frozen=True)
class Shipped:
    """A trained organism on disk, and what lies beside it."""

    folder: Path
    """Of the model, in Hugging Face format."""
    config: WorldConfig
    """All settings it was made with."""

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
        return _read(self.folder / TRUTH, partial(read_json, digest="optional"))  # the bundled one has none


def shipped(folder: Path | None = None) -> Shipped:
    """The organism that comes with the project, or the one that a training run left in a folder."""
    folder = bundled(MODELS["organism"]) if folder is None else Path(folder).expanduser()
    if not folder.is_dir():
        raise InputError(f"no folder {folder}: give that of a trained organism, or none for the shipped one")
    for name in (CARD, TEXT, TRUTH, *map(task_file, TASKS)):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name} is missing: {_REMEDY}")
    settings = _read(folder / CARD, read_card).get("config")
    if not isinstance(settings, Mapping):
        raise InputError(f"{folder / CARD} holds no settings under 'config': {_REMEDY}")
    try:
        return Shipped(folder, WorldConfig.from_json(settings))
    except InputError as error:
        raise InputError(f"{folder / CARD}: {error}") from error


def _read(path: Path, reader: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    try:
        return reader(path)
    except StoreError as error:
        raise InputError(f"{path} is damaged or cannot be read: {_REMEDY}") from error


# Checkpoints: weights and optimiser state as safetensors, the step as JSON, nothing pickled. The tensors are
# written before the JSON points at them, so that a checkpoint is never half of one step and half of another.

_CHECKPOINT = "checkpoint.json"
_STATES = ("exp_avg", "exp_avg_sq", "step")


def save_checkpoint(
    folder: Path, digest: str, step: int, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write where training stands, and drop what was written before."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        states = {"weight": parameter.detach()} | {kind: optimizer.state[parameter][kind] for kind in _STATES}
        tensors |= {f"{kind}/{name}": state.contiguous() for kind, state in states.items()}
    path = folder / f"step-{step}.safetensors"
    write_bytes(path, save(tensors))
    card = {"config": digest, "step": step, "file": path.name, "sha256": digest_file(path)}
    write_json(folder / _CHECKPOINT, card)
    for old in folder.glob("step-*.safetensors"):
        if old != path:
            old.unlink()


def load_checkpoint(
    folder: Path, digest: str, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> int:
    """Put model and optimiser where training stands, and return the steps done: 0 without a checkpoint."""
    if not (folder / _CHECKPOINT).exists():
        return 0
    card = read_json(folder / _CHECKPOINT)
    if card.get("config") != digest:
        raise InputError(
            f"{folder} is a checkpoint with other settings: delete it, or train to another folder"
        )
    path = folder / str(card.get("file"))
    if not path.is_file() or digest_file(path) != card.get("sha256"):
        raise StoreError(f"{path} is damaged or missing: delete {folder} and train again")
    try:
        tensors = load(path.read_bytes())
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(tensors[f"weight/{name}"])
                optimizer.state[parameter] = {state: tensors[f"{state}/{name}"] for state in _STATES}
    except (SafetensorError, KeyError) as error:
        raise StoreError(f"{path} is no checkpoint of this model: delete {folder} and train again") from error
    return int(card["step"])
