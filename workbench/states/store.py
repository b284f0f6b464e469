"""One language's states on disk: finished shards while the work goes on, then one file."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from workbench.core.errors import StoreError
from workbench.core.store import digest_file, digest_json, mapped_tensors, read_json, write_bytes, write_json
from workbench.states.activations import Captured, digest_tensors

log = logging.getLogger(__name__)

# <store>/activations/<digest of the request>/
#     plan.json                 written first: how the work is cut into batches
#     shard-00003.safetensors   whole or absent; gone once the entry is complete
#     states.safetensors        one tensor [layer row width] per component
#     manifest.json             written last: facts, and the digest of states.safetensors


@dataclass(frozen=True)
class Entry:
    """The folder of one capture of one language; equal facts share an entry."""

    folder: Path
    facts: Mapping[str, Any]

    @property
    def _states(self) -> Path:
        return self.folder / "states.safetensors"

    @property
    def _manifest(self) -> Path:
        return self.folder / "manifest.json"

    def shard_path(self, number: int) -> Path:
        """Where a shard is kept."""
        return self.folder / f"shard-{number:05d}.safetensors"

    def read(self, offsets: Tensor) -> Captured | None:
        """The finished states, memory-mapped; None where there are none or they are damaged."""
        if not self._manifest.exists():
            return None
        try:
            manifest = read_json(self._manifest)
            digest = digest_file(self._states) if self._states.exists() else "missing"
        except StoreError as error:
            log.warning("%s; capturing again", error)
            return None
        if digest_json(manifest["asked"]) != digest_json(dict(self.facts)):
            log.warning("%s is of other states: capturing again", self._manifest)
        elif digest != manifest["states_digest"]:
            log.warning("%s is damaged (its digest is wrong): capturing again", self._states)
        else:
            return Captured(_load(self._states)[0], dict(self.facts), digest, offsets)
        return None

    def read_shard(self, number: int) -> dict[str, Tensor] | None:
        """A finished shard; None where it is missing or damaged."""
        path = self.shard_path(number)
        if not path.exists():
            return None
        try:
            tensors, digest = _load(path)
        except (SafetensorError, OSError):
            tensors, digest = {}, None
        if digest is None or digest != digest_tensors(tensors):
            log.warning("%s is damaged: capturing that part again", path)
            path.unlink()
            return None
        return tensors

    def begin(self, cut: dict[str, Any], model: dict[str, Any], versions: dict[str, str]) -> dict[str, Any]:
        """Write how the work is cut, with model and versions; return the cut of work begun before."""
        path = self.folder / "plan.json"
        if path.exists():
            try:
                return dict(read_json(path)["cut"])
            except StoreError:
                log.warning("%s is damaged: capturing again", path)
        for stale in self.folder.glob("shard-*.safetensors"):
            stale.unlink()  # shards whose plan is not known fit no other
        write_json(path, {"cut": cut, "made_with": {"model": model, "versions": versions}})
        return cut

    def write_shard(self, number: int, tensors: dict[str, Tensor]) -> None:
        """Save a finished shard."""
        write_bytes(self.shard_path(number), save(tensors, {"digest": digest_tensors(tensors)}))

    def finish(self, places: list[Tensor], offsets: Tensor) -> Captured:
        """Join the shards into one file in the order of the text; shard s fills rows `places[s]`."""
        first = next(self._shards(1))
        shapes = {name: (t.shape[0], int(offsets[-1]), t.shape[2]) for name, t in first.items()}
        with mapped_tensors(self._states, shapes, next(iter(first.values())).dtype) as states:
            fill(states, self._shards(len(places)), places)
        digest = digest_file(self._states)
        write_json(self._manifest, {"asked": dict(self.facts), "states_digest": digest})
        for number in range(len(places)):
            self.shard_path(number).unlink(missing_ok=True)
        return Captured(_load(self._states)[0], dict(self.facts), digest, offsets)

    def _shards(self, count: int) -> Iterator[dict[str, Tensor]]:
        for number in range(count):
            tensors = self.read_shard(number)
            if tensors is None:
                raise StoreError(f"{self.shard_path(number)} was lost while in use: run again")
            yield tensors


def _load(path: Path) -> tuple[dict[str, Tensor], str | None]:
    """Tensors of a safetensors file, as views of the mapped file, and the digest in its header."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, (file.metadata() or {}).get("digest")


def fill(states: Mapping[str, Tensor], parts: Iterable[Mapping[str, Tensor]], places: list[Tensor]) -> None:
    """Put the rows of each part at their places."""
    for part, rows in zip(parts, places, strict=True):
        for name, tensor in part.items():
            states[name][:, rows] = tensor
