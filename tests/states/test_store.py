"""States on disk: found again, told apart, noticed when damaged, finished when interrupted."""

import json
import logging
import random
from pathlib import Path

import forked
import numpy as np
import pytest
import torch
from counts import count
from safetensors.torch import load_file
from tiny_models import sentences, tiny, tiny_path

from workbench.models import load_model
from workbench.states import capture
from workbench.text import ParallelText

TEXT = ParallelText({"en": sentences(40, seed=1), "sw": sentences(40, seed=2)})


@pytest.fixture
def passes(monkeypatch):
    """Counts the batches that went through the model."""
    made = []
    real = type(tiny("llama")).batch
    monkeypatch.setattr(type(tiny("llama")), "batch", lambda *a, **k: made.append(1) or real(*a, **k))
    return made


def states_file(store: Path) -> Path:
    return next(store.rglob("states.safetensors"))


def test_disk_holds_what_memory_holds(tmp_path):
    for options in ({}, {"pool": "all", "sites": ["embed", "resid_post"]}, {"dtype": "bfloat16"}):
        kept = capture(tiny("llama"), TEXT, store=tmp_path, batch_tokens=60, **options)
        held = capture(tiny("llama"), TEXT, store=None, batch_tokens=60, **options)
        for language in TEXT.languages:
            for name in kept.components:
                assert torch.equal(kept.states(language, name), held.states(language, name))


def test_a_second_capture_reads_the_disk(tmp_path, passes):
    first = capture(tiny("llama"), TEXT, store=tmp_path)
    ran = len(passes)
    second = capture(tiny("llama"), TEXT, store=tmp_path, batch_tokens=17)
    assert len(passes) == ran > 0
    assert second.digest == first.digest
    assert torch.equal(second["sw"], first["sw"])


def test_a_language_captured_before_is_not_captured_again(tmp_path, passes):
    capture(tiny("llama"), TEXT, ["en"], store=tmp_path)
    before = len(passes)
    capture(tiny("llama"), TEXT, ["sw"], store=tmp_path)
    alone = len(passes) - before
    capture(tiny("llama"), TEXT, ["en", "sw"], store=tmp_path)
    assert len(passes) == before + alone


@pytest.mark.parametrize(
    "change",
    [
        {"pool": "mean"},
        {"positions": "content"},
        {"sites": "resid_pre"},
        {"template": "{text}."},
        {"dtype": "float16"},
    ],
    ids=str,
)
def test_another_question_gets_another_answer(tmp_path, passes, change):
    capture(tiny("llama"), TEXT, ["en"], store=tmp_path)
    ran = len(passes)
    capture(tiny("llama"), TEXT, ["en"], store=tmp_path, **change)
    assert len(passes) > ran


def test_other_weights_text_or_tokenizer_get_another_answer(tmp_path):
    first = capture(tiny("llama"), TEXT, ["en"], store=tmp_path)
    other = ParallelText({"en": ("other words", *TEXT["en"][1:])})
    model = load_model(tiny_path("llama"))
    with torch.no_grad():
        next(weight for _, weight in model.parameters()).view(-1)[0] += 1.0
    no_bos = load_model(tiny_path("llama", bos=False))
    digests = {first.digest}
    for m, text in ((tiny("llama"), other), (model, TEXT), (no_bos, TEXT)):
        digests.add(capture(m, text, ["en"], store=tmp_path).digest)
    assert len(digests) == 4
    assert len(list((tmp_path / "activations").iterdir())) == 4


def test_files_are_safetensors_and_json_that_others_can_read(tmp_path):
    acts = capture(tiny("llama"), TEXT, ["en"], store=tmp_path)
    tensors = load_file(states_file(tmp_path))
    assert torch.equal(tensors["resid_post"], acts["en"])
    manifest = json.loads(states_file(tmp_path).with_name("manifest.json").read_text())
    assert manifest["asked"]["pool"] == "last"
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".safetensors", ".json"}
    assert not list(tmp_path.rglob("shard-*"))


def test_states_are_mapped_not_loaded(tmp_path):
    acts = capture(tiny("llama"), TEXT, ["en"], store=tmp_path)
    address = acts["en"].data_ptr()
    maps = Path("/proc/self/maps").read_text().splitlines()
    spans = [line.split() for line in maps if "states.safetensors" in line]
    ranges = [[int(x, 16) for x in span[0].split("-")] for span in spans]
    assert any(low <= address < high for low, high in ranges)


@pytest.mark.parametrize("damage", ["truncate", "flip", "delete", "manifest"])
def test_a_damaged_file_is_named_and_captured_again(tmp_path, passes, damage, caplog):
    first = capture(tiny("llama"), TEXT, ["en"], store=tmp_path)
    expected, digest = first["en"].clone(), first.digest
    del first
    path = states_file(tmp_path)
    data = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flip":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif damage == "delete":
        path.unlink()
    else:
        path.with_name("manifest.json").write_text("{")
    ran = len(passes)
    with caplog.at_level(logging.WARNING):
        again = capture(tiny("llama"), TEXT, ["en"], store=tmp_path)
    assert len(passes) > ran
    assert path.parent.name in caplog.text and "again" in caplog.text
    assert torch.equal(again["en"], expected) and again.digest == digest


def test_a_damaged_shard_alone_is_captured_again(tmp_path, passes, caplog):
    expected = capture(tiny("llama"), TEXT, ["en"], store=None, batch_tokens=10).digest
    total = len(passes)
    interrupted(tmp_path, after=3)
    shards = sorted(tmp_path.rglob("shard-*"))
    assert len(shards) >= 2
    data = bytearray(shards[0].read_bytes())
    data[-1] ^= 1
    shards[0].write_bytes(data)
    ran = len(passes)
    with caplog.at_level(logging.WARNING):
        capture(tiny("llama"), TEXT, ["en"], store=tmp_path, batch_tokens=10)
    assert "shard-00000" in caplog.text
    assert 0 < len(passes) - ran < total
    held = capture(tiny("llama"), TEXT, ["en"], store=None, batch_tokens=10)
    assert held.digest == expected


def interrupted(store: Path, after: int) -> None:
    """A capture stopped by Ctrl-C once `after` shards were saved."""

    def stop(what, done, total):
        if len(list(store.rglob("shard-*"))) >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        capture(tiny("llama"), TEXT, ["en"], store=store, batch_tokens=10, progress=stop)


def test_an_interrupted_capture_goes_on_where_it_stopped(tmp_path, passes):
    whole = capture(tiny("llama"), TEXT, ["en"], store=tmp_path / "whole", batch_tokens=10)
    total = len(passes)
    interrupted(tmp_path / "parts", after=2)
    ran = len(passes)
    # Other batches are asked for now, but what was begun is finished as it was cut.
    rest = capture(tiny("llama"), TEXT, ["en"], store=tmp_path / "parts", batch_tokens=999)
    assert len(passes) - ran < total
    assert rest.digest == whole.digest


def capture_into(store: Path, folder: Path) -> None:
    """A capture that takes a while; its digest is left beside the store."""
    text = ParallelText({"en": sentences(300, 40, seed=5), "sw": sentences(300, 40, seed=6)})
    found = capture(load_model(folder), text, store=store, batch_tokens=128)
    store.with_suffix(".digest").write_text(found.digest)


def test_killed_at_any_point_a_capture_ends_in_the_same_result(tmp_path):
    model = tiny_path("llama")
    ended, took = forked.run(capture_into, tmp_path / "whole", model)
    digest = (tmp_path / "whole.digest").read_text()
    assert ended and len(digest) == 64
    rng = random.Random(7)
    killed = 0
    for number in range(count(4, 20)):
        store = tmp_path / f"killed-{number}"
        for _ in range(rng.randint(1, 3)):  # up to three times over, at ever new points
            killed += not forked.run(capture_into, store, model, kill_after=rng.uniform(0, took))[0]
        assert forked.run(capture_into, store, model)[0]
        assert store.with_suffix(".digest").read_text() == digest
    assert killed >= count(3, 15), "the kills came too late to mean anything"


def test_shards_hold_several_batches(tmp_path):
    interrupted(tmp_path, after=2)
    shard = load_file(sorted(tmp_path.rglob("shard-*"))[0])
    assert np.prod(shard["resid_post"].shape) > 0
    assert shard["resid_post"].shape[0] == 4
