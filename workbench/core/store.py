"""File storage: atomic writes, digests of content, detection of damage.

Tensors are safetensors, everything else is JSON; nothing is ever unpickled.
"""

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from workbench.core.errors import StoreError

if TYPE_CHECKING:
    from torch import Tensor, dtype

_CHUNK = 1 << 22


def digest_bytes(chunks: Iterable[bytes | memoryview]) -> str:
    """SHA-256 of the chunks joined, as 64 hex digits."""
    h = hashlib.sha256()
    for chunk in chunks:
        h.update(chunk)
    return h.hexdigest()


def digest_json(value: Any) -> str:
    """SHA-256 of a JSON value, independent of the order of its keys."""
    return digest_bytes([canonical_json(value).encode(errors="surrogatepass")])


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return digest_bytes(iter(lambda: file.read(_CHUNK), b""))


def digest_files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder, by its path inside."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): digest_file(path) for path in files}


def check_files(folder: Path, digests: Mapping[str, str], again: str) -> None:
    """Refuse files that are not as `digest_files` found them; `again` says what makes them."""
    for name, digest in digests.items():
        if not (folder / name).is_file() or digest_file(folder / name) != digest:
            raise StoreError(f"{folder / name} is damaged or missing: delete {folder} and {again} again")


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file under another name; it gets its own once it is on disk, if the block ends without an error."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # what was written through a memory map, too
        os.replace(part, path)
    finally:
        with contextlib.suppress(OSError, ValueError):
            part.unlink()


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder under another name; it gets its own, in place of what is there, as `new_file` does."""
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        yield part
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that it is whole under its name or not there at all."""
    try:
        with new_file(path) as file:
            file.write(data)
    except (OSError, ValueError) as error:  # a name may hold what no file system takes
        raise StoreError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error


def read_bytes(path: Path) -> bytes:
    """A file's bytes."""
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def json_bytes(value: Any) -> bytes:
    """Indented JSON, as files hold it."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def write_json(path: Path, value: Mapping[str, Any]) -> str:
    """Write a JSON object, whole or not at all, with the digest of its content as `digest`; returns that."""
    assert "digest" not in value, "the key is that of the file's own digest"
    content = json.loads(json_bytes(value))  # as it is read: keys are strings, tuples are lists
    digest = digest_json(content)
    write_bytes(path, json_bytes(content | {"digest": digest}))
    return digest


def read_json(
    path: Path, digest: Literal["required", "optional", "unchecked"] = "required"
) -> dict[str, Any]:
    """Read what `write_json` wrote, without its digest; a damaged file is a `StoreError` that names it.

    "optional" also reads files without a digest (of version 0.1 or other programs); with "unchecked" the key
    has another meaning, and stays.
    """
    data = read_bytes(path)
    try:
        value = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is damaged (not JSON): delete it and run again") from error
    if not isinstance(value, dict):
        raise StoreError(f"{path} is damaged (not a JSON object): delete it and run again")
    if digest == "unchecked" or (digest == "optional" and "digest" not in value):
        return value
    if value.pop("digest", None) != digest_json(value):
        raise StoreError(f"{path} is damaged (its digest is wrong): delete it and run again")
    return value


@contextlib.contextmanager
def mapped_tensors(
    path: Path, shapes: Mapping[str, tuple[int, ...]], kind: "dtype"
) -> "Iterator[dict[str, Tensor]]":
    """Tensors of a new safetensors file, to be filled through a memory map, as in `new_file`."""
    import torch

    types = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
    header: dict[str, Any] = {}
    end = 0
    for name, shape in sorted(shapes.items()):
        start, end = end, end + math.prod(shape) * kind.itemsize
        header[name] = {"dtype": types[kind], "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # data begins on a multiple of eight bytes
    head = struct.pack("<Q", len(text)) + text
    size = len(head) + end
    try:
        with new_file(path) as file:
            _allocate(file, size)
            file.write(head)
            file.flush()
            data = torch.from_file(file.name, shared=True, size=size, dtype=torch.uint8)[len(head) :]
            yield {
                name: data[slice(*about["data_offsets"])].view(kind).view(about["shape"])
                for name, about in header.items()
            }
    except OSError as error:
        why = error.strerror or error
        raise StoreError(f"cannot write {path}, which needs {size:,} bytes: {why}") from error


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
