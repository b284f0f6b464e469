"""File storage: atomic writes, digests of content, detection of damage.

Tensors are safetensors, everything else is JSON; nothing is ever unpickled.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import math
import os
import shutil
import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from workbench.core.errors import StoreError

if TYPE_CHECKING:
    from torch import Tensor, dtype

log = logging.getLogger(__name__)

LOCK = ".lock"
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


def is_inside(name: str) -> bool:
    """Whether a relative path leads to no place outside its folder.

    >>> is_inside("sw-en/xcopa"), is_inside("sw-en/../../x"), is_inside("/x")
    (True, False, False)
    """
    return not Path(name).is_absolute() and ".." not in Path(name).parts


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


_held: set[tuple[int, int, Path]] = set()
"""Process, thread and folder of each lock that is held: no child that was forked holds one of its parent."""


@contextlib.contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[None]:
    """Keep other processes and threads from writing into a folder; the same thread may lock it again.

    Another one is refused, or with `wait` waits. The lock is the kernel's: it ends with its process,
    however that ends. The file that says who holds it is removed with the folders made for it, if empty.
    """
    holder = (os.getpid(), threading.get_ident(), folder.resolve())
    if holder in _held:
        yield
        return
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    file = _lock(folder, wait)
    _held.add(holder)
    try:
        with contextlib.suppress(OSError):
            _remove_parts(folder)
        yield
    finally:
        _held.discard(holder)
        with contextlib.suppress(OSError):
            (folder / LOCK).unlink()
            for place in made:
                place.rmdir()
        file.close()


def _lock(folder: Path, wait: bool) -> FileIO:
    path = folder / LOCK
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                file = open(path, "a+b", buffering=0)  # noqa: SIM115
            except FileNotFoundError:
                continue  # whoever had the lock before removed the folder
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            who = file.read().decode(errors="replace") or "another process"
            if not wait:
                file.close()
                raise StoreError(
                    f"{folder} is in use by {who}: wait until that ends, or give another folder"
                ) from error
            log.warning("%s is in use by %s: waiting until that ends", folder, who)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            log.warning("%s cannot be locked (%s): start no second process in it", folder, error.strerror)
            return file
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(path), os.fstat(file.fileno())):
                break
        file.close()  # whoever had the lock before removed the file
    with contextlib.suppress(OSError):  # a full disk
        file.truncate(0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {since}".encode())
    return file


def _remove_parts(folder: Path) -> None:
    """Remove what processes that were killed have left half written, but not in folders with own locks."""
    for part in sorted(folder.rglob(".*.part")):
        number, inside = part.stem.rpartition(".")[2], part.relative_to(folder).parents
        others = any((folder / place / LOCK).exists() for place in list(inside)[:-1])
        if number.isdecimal() and not others and not _is_alive(int(number)):
            shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True
