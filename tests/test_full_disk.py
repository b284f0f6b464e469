"""A full disk or a place that cannot be written to is one line, and leaves no part of a file."""

import errno
import os
import subprocess
from pathlib import Path

import pytest
import torch
from tiny_models import sentences, tiny

from workbench.core.errors import StoreError
from workbench.core.store import read_bytes, write_bytes, write_json
from workbench.states import capture
from workbench.text import ParallelText

TEXT = ParallelText({"en": sentences(100)})


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 KiB; the test is skipped where none can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"no small disk can be mounted: {error}")
    if done.returncode:
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("where", ["/proc/x/y.json", "/dev/null/x/y.json", "/dev/null/y.json"])
def test_an_unwritable_place_is_one_line(where):
    for write in (lambda path: write_bytes(path, b"x"), lambda path: write_json(path, {})):
        with pytest.raises(StoreError, match=f"cannot write {where}: "):
            write(Path(where))


@pytest.mark.parametrize("name", ["x" * 5000, "nul\0"])
def test_a_name_that_cannot_be_is_one_line(name, tmp_path):
    with pytest.raises(StoreError, match="cannot write"):
        write_bytes(tmp_path / name, b"x")
    with pytest.raises(StoreError, match="cannot read"):
        read_bytes(tmp_path / name)


def test_a_full_disk_stops_a_file(small_disk):
    with pytest.raises(StoreError, match="No space left"):
        write_bytes(small_disk / "big.bin", bytes(1 << 20))
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("fallocate", [True, False], ids=["fallocate", "zeros"])
def test_a_full_disk_stops_the_file_of_states(small_disk, monkeypatch, fallocate):
    if not fallocate:
        monkeypatch.setattr(os, "posix_fallocate", _not_supported)
    # The shards fit (4 layers of 100 rows of 32 numbers are 51,200 bytes); the joined file does not.
    (small_disk / "ballast").write_bytes(bytes((256 - 100) << 10))
    with pytest.raises(StoreError, match=r"states\.safetensors, which needs 51,\d+ bytes: No space left"):
        capture(tiny("llama"), TEXT, store=small_disk, batch_tokens=100)
    assert {path.suffix for path in small_disk.rglob("*") if path.is_file()} <= {"", ".json", ".safetensors"}
    (small_disk / "ballast").unlink()
    again = capture(tiny("llama"), TEXT, store=small_disk, batch_tokens=100)
    assert torch.equal(again["en"], capture(tiny("llama"), TEXT, store=None, batch_tokens=100)["en"])


def test_without_fallocate_the_file_is_the_same(tmp_path, monkeypatch):
    files = []
    for place in ("with", "without"):
        capture(tiny("llama"), TEXT, store=tmp_path / place)
        files.append(next((tmp_path / place).rglob("states.safetensors")).read_bytes())
        monkeypatch.setattr(os, "posix_fallocate", _not_supported)
    assert files[0] == files[1]


def _not_supported(*_):
    raise OSError(errno.EOPNOTSUPP, "Operation not supported")
