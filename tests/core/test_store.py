"""Files that are whole under their name, or not there at all."""

import os

import pytest
import torch
from safetensors.torch import load_file

from workbench.core.store import mapped_tensors, write_bytes


@pytest.fixture
def calls(monkeypatch):
    """Calls that flush a file or give it its name, in order."""
    made = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, n=name, real=real: made.append(n) or real(*a))
    return made


def test_a_file_is_on_disk_before_it_gets_its_name(tmp_path, calls):
    write_bytes(tmp_path / "plain", b"whole")
    with mapped_tensors(tmp_path / "states", {"a": (2, 3)}, torch.float32) as tensors:
        tensors["a"][:] = 1
        assert not (tmp_path / "states").exists()
    assert calls == ["fsync", "replace"] * 2
    assert (tmp_path / "plain").read_bytes() == b"whole"
    assert load_file(tmp_path / "states")["a"].tolist() == [[1.0] * 3] * 2


def test_a_block_that_fails_leaves_no_file(tmp_path, calls):
    place = tmp_path / "states"
    with pytest.raises(ZeroDivisionError), mapped_tensors(place, {"a": (2,)}, torch.float32) as tensors:
        tensors["a"][:] = 1 / 0
    assert calls == [] and list(tmp_path.iterdir()) == []
