"""One language's states on disk: finished shards while the work goes on, then one file.

<store>/activations/<digest of what was asked>/
    plan.json                 written first: how the work is cut into batches
    shard-00003.safetensors   whole or absent; gone once the entry is complete
    states.safetensors        one tensor [layer row width] per component
    manifest.json             written last: facts, and the digest of states.safetensors
"""

import contextlib
import errno
import json
import logging
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from workbench.core.errors import StoreError
from workbench.core.store import digest_file, digest_json, read_json, write_bytes, write_json
from workbench.states.activations import Captured, digest_tensors

log = logging.getLogger(__name__)

_NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


@dataclass(frozen=True)
class Entry:
    """The place of one capture of one language, under a name that says what was asked for."""

    folder: Path
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, store: Path, facts: Mapping[str, Any]) -> "Entry":
        """The entry for these facts; equal questions share an entry."""
        return cls(store / "activations" / digest_json(dict(facts))[:24], facts)

    # Reading ------------------------------------------------------------------------------------

    def read(self, offsets: Tensor) -> Captured | None:
        """The finished states, memory-mapped; None where there are none or they are damaged."""
        if not self._manifest.exists():
            return None
        try:
            manifest = read_json(self._manifest)
            found = digest_file(self._states) if self._states.exists() else "missing"
        except StoreError as error:
            log.warning("%s; capturing again", error)
            return None
        if digest_json(manifest["asked"]) != digest_json(dict(self.facts)):
            log.warning("%s is of other states: capturing again", self._manifest)
            return None
        if found != manifest["states_digest"]:
            log.warning("%s is damaged (its digest is wrong): capturing again", self._states)
            return None
        return self._open(str(manifest["states_digest"]), offsets)

    def _open(self, digest: str, offsets: Tensor) -> Captured:
        with safe_open(self._states, framework="pt") as file:
            # Tensors of a safe_open are views of the mapped file: pages are read when touched.
            states = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return Captured(states, dict(self.facts), digest, offsets)

    def read_shard(self, number: int) -> dict[str, Tensor] | None:
        """A finished shard; None where it is missing or damaged."""
        path = self.shard_path(number)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                noted = (file.metadata() or {}).get("digest")
        except (SafetensorError, OSError):
            noted, tensors = None, {}
        if noted is None or noted != digest_tensors(tensors):
            log.warning("%s is damaged: capturing that part again", path)
            path.unlink()
            return None
        return tensors

    # Writing ------------------------------------------------------------------------------------

    def begin(self, cut: dict[str, Any], made_with: dict[str, Any]) -> dict[str, Any]:
        """Note how the work is cut, and with what it is made; return the cut of work begun before."""
        path = self.folder / "plan.json"
        if path.exists():
            try:
                return dict(read_json(path)["cut"])
            except StoreError:
                log.warning("%s is damaged: capturing again", path)
        for stale in self.folder.glob("shard-*.safetensors"):
            stale.unlink()  # shards whose plan is not known fit no other
        write_json(path, {"cut": cut, "made_with": made_with})
        return cut

    def write_shard(self, number: int, tensors: dict[str, Tensor]) -> None:
        """Save a finished shard."""
        write_bytes(self.shard_path(number), save(tensors, {"digest": digest_tensors(tensors)}))

    def finish(self, rows: list[Tensor], offsets: Tensor) -> Captured:
        """Join the shards into one file in the order of the text; shard s fills rows `rows[s]`."""
        first = self._shard(0)
        n_rows = int(offsets[-1])
        shapes = {name: (t.shape[0], n_rows, t.shape[2]) for name, t in first.items()}
        kind = next(iter(first.values())).dtype
        with _safetensors_file(self._states, shapes, kind) as arrays:
            for number, places in enumerate(rows):
                for name, tensor in self._shard(number).items():
                    arrays[name][:, places.numpy()] = _as_bits(tensor)
        digest = digest_file(self._states)
        write_json(self._manifest, {"asked": dict(self.facts), "states_digest": digest})
        for number in range(len(rows)):
            self.shard_path(number).unlink(missing_ok=True)
        return self._open(digest, offsets)

    def _shard(self, number: int) -> dict[str, Tensor]:
        tensors = self.read_shard(number)
        if tensors is None:
            raise StoreError(f"{self.shard_path(number)} was lost while in use: run again")
        return tensors

    def shard_path(self, number: int) -> Path:
        """Where a shard is kept."""
        return self.folder / f"shard-{number:05d}.safetensors"

    @property
    def _states(self) -> Path:
        return self.folder / "states.safetensors"

    @property
    def _manifest(self) -> Path:
        return self.folder / "manifest.json"


def _as_bits(tensor: Tensor) -> np.ndarray:
    """A tensor's values as integers of the same width: numpy has no bfloat16."""
    bits = torch.int32 if tensor.element_size() == 4 else torch.int16
    return tensor.contiguous().view(bits).numpy()


@contextlib.contextmanager
def _safetensors_file(
    path: Path, shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype
) -> Iterator[dict[str, np.ndarray]]:
    """A safetensors file to be filled through memory maps, so that it never sits in memory whole."""
    bits = np.dtype("<i4" if dtype == torch.float32 else "<i2")
    header: dict[str, Any] = {}
    end = 0
    for name, shape in sorted(shapes.items()):
        start, end = end, end + int(np.prod(shape)) * bits.itemsize
        header[name] = {"dtype": _NAMES[dtype], "shape": list(shape), "data_offsets": [start, end]}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)  # data begins on a multiple of eight bytes
    size = 8 + len(head) + end
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            _allocate(file, size)
            file.write(struct.pack("<Q", len(head)) + head)
        arrays = {
            name: np.memmap(part, bits, "r+", 8 + len(head) + facts["data_offsets"][0], tuple(facts["shape"]))
            for name, facts in header.items()
        }
        yield arrays  # type: ignore[misc]
        for array in arrays.values():
            array.flush()
        os.replace(part, path)
    except OSError as error:
        why = error.strerror or error
        raise StoreError(f"cannot write {path}, which needs {size:,} bytes: {why}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _allocate(file: BinaryIO, size: int) -> None:
    """Take the room of a file beforehand: a write through a memory map to a full disk ends the process."""
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except (AttributeError, OSError) as error:  # not on this system, or not on this file system
        if isinstance(error, OSError) and error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
        zeros = bytes(1 << 20)
        for start in range(0, size, len(zeros)):
            file.write(zeros[: size - start])
        file.flush()
        file.seek(0)
