"""Fitted maps on disk: tensors as safetensors, all else as JSON that says what they belong to."""

from pathlib import Path
from typing import Any

from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

from workbench.align import LayerMaps, export, restore
from workbench.errors import InputError, StoreError
from workbench.store import digest_bytes, read_bytes, read_json, write_bytes, write_json


def save_maps(maps: LayerMaps, path: Path, card: dict[str, Any]) -> None:
    """Write `path`.safetensors and `path`.json; the card says which model, text and pair they are of."""
    records: list[dict[str, Any]] = []
    tensors: dict[str, Tensor] = {}
    for layer, aligner in enumerate(maps.aligners):
        record, learned = export(aligner)
        records.append(record)
        # Tensors may share memory (a factor that several maps use), which the format does not hold.
        tensors |= {f"{layer}/{name}": tensor.clone() for name, tensor in learned.items()}
    data = to_bytes(tensors)
    write_bytes(_tensors(path), data)
    write_json(_card(path), {"card": card, "layers": records, "tensors_digest": digest_bytes([data])})


def load_maps(path: Path) -> tuple[LayerMaps, dict[str, Any]]:
    """Maps and card as they were saved, to the bit; a damaged file is refused."""
    for file in (_card(path), _tensors(path)):
        if not file.exists():
            raise InputError(f"no saved maps at {path}: {file} is missing")
    written, data = read_json(_card(path)), read_bytes(_tensors(path))
    if digest_bytes([data]) != written["tensors_digest"]:
        raise StoreError(f"{_tensors(path)} is damaged (its digest is wrong): save the maps again")
    tensors = from_bytes(data)
    aligners = []
    for layer, record in enumerate(written["layers"]):
        own = {
            name.removeprefix(f"{layer}/"): tensor
            for name, tensor in tensors.items()
            if name.startswith(f"{layer}/")
        }
        aligners.append(restore(record, own))
    return LayerMaps(tuple(aligners)), written["card"]


def _tensors(path: Path) -> Path:
    return path.with_name(f"{path.name}.safetensors")


def _card(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
