"""Files that are either whole or absent: atomic writes, digests of content, damage noticed.

Tensors are safetensors, everything else is JSON; nothing is ever unpickled.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from workbench.errors import StoreError

_CHUNK = 1 << 22


def digest_bytes(chunks: Iterable[bytes | memoryview]) -> str:
    """SHA-256 of the chunks joined, as 64 hex digits."""
    h = hashlib.sha256()
    for chunk in chunks:
        h.update(chunk)
    return h.hexdigest()


def digest_json(value: Any) -> str:
    """SHA-256 of a JSON value, independent of the order of its keys."""
    return digest_bytes([canonical_json(value).encode()])


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return digest_bytes(iter(lambda: file.read(_CHUNK), b""))


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that it is whole under its name or not there at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON for people and machines, atomically."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; a damaged file is a `StoreError` that names it."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise StoreError(f"{path} is damaged (not JSON): delete it and run again") from error
    if not isinstance(value, dict):
        raise StoreError(f"{path} is damaged (not a JSON object): delete it and run again")
    return value
