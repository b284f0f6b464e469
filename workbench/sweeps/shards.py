"""A part of a sweep, and the folder that keeps the finished ones.

A folder holds one folder for each plan, called by the plan's digest: the same sweep finds its shards
again, and another one (another model, other examples, configurations or settings) never meets them.
"""

import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd
import torch
from torch import Tensor

from workbench.align import export
from workbench.core.errors import InputError, StoreError
from workbench.core.store import digest_bytes, digest_json, read_bytes, read_json, write_bytes, write_json
from workbench.models import LanguageModel
from workbench.models.memory import halved
from workbench.sweeps.plan import Configuration, Plan
from workbench.sweeps.slots import block_size
from workbench.tasks import AnswerExample, Example

log = logging.getLogger(__name__)

FORMAT = 3
"""Raised whenever the same plan would give other rows, or the rows would lie in other files."""


@dataclass(frozen=True)
class Shard:
    """Some examples under some configurations, run in one go. Configuration 0 is the clean run."""

    way: str
    rows: tuple[int, ...]
    configurations: tuple[int, ...]
    slots: int | None = None
    """Tokens of configurations in one row where memory ran out; None where those of the plan's limits fit."""

    def size(self, plan: Plan) -> int:
        """About as many tokens as are held at once."""
        tokens = max(len(plan.items[i].prompt) for i in self.rows)
        return len(self.rows) * (tokens + (self._tokens_behind(plan) if self.way == "slots" else 0))

    def smaller(self, plan: Plan) -> list[Self]:
        """Smaller parts of it, which hold less: fewer rows first, then fewer slots and configurations."""
        if len(self.rows) > 1:
            return [replace(self, rows=tuple(rows)) for rows in halved(self.rows)]
        if self.way == "slots" and self._tokens_behind(plan) > block_size(plan.items[self.rows[0]]):
            return [replace(self, slots=self._tokens_behind(plan) // 2)]
        if self.way in ("slots", "suffix"):
            return [replace(self, configurations=tuple(some)) for some in halved(self.configurations)]
        return []  # the others run one configuration after the other

    def _tokens_behind(self, plan: Plan) -> int:
        """Tokens of configurations in one row."""
        block = max(block_size(plan.items[i]) for i in self.rows)
        return max(min(self.slots or plan.limits.slots, block * len(self.configurations)), block)


class Shelf:
    """Finished shards of one plan on disk, each whole or absent.

    A shard's name holds its number and the digest of its bytes, which is checked when it is read. What is
    damaged is removed, and computed again by the caller as if it had never been there.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]):
        self.plan = digest_json(facts)
        self.folder = folder / self.plan[:16]
        self._plan = self.folder / "plan.json"

    def ways(self) -> list[str] | None:
        """The ways that were checked and settled when this sweep was begun."""
        if not self._plan.exists():
            return None
        try:
            plan = read_json(self._plan)
            if plan.get("plan") == self.plan:
                return list(plan["ways"])
        except StoreError:
            pass
        log.warning("%s is damaged: computed again", self._plan)
        return None

    def begin(self, ways: Sequence[str]) -> None:
        """Settle the ways."""
        for paths in self._kept.values():
            for stale in paths:
                stale.unlink()  # shards whose ways are not known fit no other
        self._kept.clear()
        write_json(self._plan, {"plan": self.plan, "ways": list(ways)})

    def get(self, number: int) -> pd.DataFrame | None:
        """A finished shard; None where it is missing or damaged."""
        paths = self._kept.get(number, [])
        if len(paths) == 1:
            data = read_bytes(paths[0])
            if paths[0].stem == _stem(number, data):
                return pd.read_parquet(io.BytesIO(data))
        for path in paths:
            log.warning("%s is damaged: computed again", path)
            path.unlink()
        return None

    def put(self, number: int, table: pd.DataFrame) -> None:
        """Keep a shard."""
        data = table.to_parquet(index=False)
        write_bytes(self.folder / f"{_stem(number, data)}.parquet", data)

    @cached_property
    def _kept(self) -> dict[int, list[Path]]:
        """The files of each number, as this process found them; more than one is damage."""
        found: dict[int, list[Path]] = {}
        for path in sorted(self.folder.glob("*-*.parquet")):
            number = path.stem.partition("-")[0]
            if number.isdecimal():
                found.setdefault(int(number), []).append(path)
        return found


def _stem(number: int, data: bytes) -> str:
    """The name of a shard, which no other shard and no altered one can have."""
    return f"{number:06d}-{digest_bytes([data])[:16]}"


def plan_facts(
    model: LanguageModel,
    examples: Sequence[Example] | Sequence[AnswerExample],
    configurations: Sequence[Configuration],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """All that a sweep's rows depend on, in digests."""
    info = model.info.as_dict()
    del info["self_check"]  # measured anew at every load
    maps: dict[int, str] = {}  # many configurations share few maps
    for configuration in configurations:
        for _, map in configuration.parts:
            if id(map) not in maps:
                maps[id(map)] = map_digest(map, model.info.d_model)
    return {
        "format": FORMAT,
        "model": info | {"weights": model.weights_digest, "tokens": model.tokens.digest()},
        "examples": digest_json([asdict(example) for example in examples]),
        "configurations": digest_json(
            [
                configuration.columns | {"maps": [maps[id(map)] for _, map in configuration.parts]}
                for configuration in configurations
            ]
        ),
        "settings": dict(settings),
    }


def map_digest(map: Any, width: int) -> str:
    """Digest of a fitted map: of its numbers, or where it is none of ours of what it makes of some rows."""
    try:
        record, tensors = export(map)
    except InputError:
        probe = torch.randn(8, width, generator=torch.Generator().manual_seed(0))
        record, tensors = {"kind": type(map).__name__}, {"probe": map.transform(probe)}
    return digest_json(record | {"tensors": {name: _digest(value) for name, value in tensors.items()}})


def _digest(tensor: Tensor) -> list[Any]:
    flat = tensor.detach().to("cpu").contiguous()
    data = flat.reshape(-1).view(torch.uint8).numpy().data
    return [str(flat.dtype), list(flat.shape), digest_bytes([data])]
