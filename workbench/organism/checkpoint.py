"""Where training stands: weights and optimiser state as safetensors, the step as JSON, nothing pickled.

The tensors are written under a name of their own step before the JSON points at them, so that a
checkpoint is either the one before or the one after, never half of each.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from workbench.errors import InputError, StoreError
from workbench.store import digest_file, read_json, write_bytes, write_json

_CARD = "checkpoint.json"
_STATES = ("exp_avg", "exp_avg_sq", "step")


def save_checkpoint(
    folder: Path, digest: str, step: int, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write where training stands, and drop what was written before."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        tensors[f"weight/{name}"] = parameter.detach().contiguous()
        for state in _STATES:
            tensors[f"{state}/{name}"] = optimizer.state[parameter][state].contiguous()
    path = folder / f"step-{step}.safetensors"
    write_bytes(path, save(tensors))
    card = {"config": digest, "step": step, "file": path.name, "sha256": digest_file(path)}
    write_json(folder / _CARD, card)
    for old in folder.glob("step-*.safetensors"):
        if old != path:
            old.unlink()


def load_checkpoint(
    folder: Path, digest: str, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> int:
    """Put model and optimiser where training stands, and return the steps done: 0 without a checkpoint."""
    if not (folder / _CARD).exists():
        return 0
    card = read_json(folder / _CARD)
    if card.get("config") != digest:
        raise InputError(f"{folder} is a checkpoint of other dials: delete it, or train to another folder")
    path = folder / str(card.get("file"))
    if not path.is_file() or digest_file(path) != card.get("sha256"):
        raise StoreError(f"{path} is damaged or missing: delete {folder} and train anew")
    try:
        tensors = load(path.read_bytes())
        _restore(tensors, model, optimizer)
    except (SafetensorError, KeyError) as error:
        raise StoreError(f"{path} is no checkpoint of this model: delete {folder} and train anew") from error
    return int(card["step"])


def _restore(tensors: dict[str, Tensor], model: Any, optimizer: torch.optim.Optimizer) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[f"weight/{name}"])
            optimizer.state[parameter] = {state: tensors[f"{state}/{name}"] for state in _STATES}
