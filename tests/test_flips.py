"""One flipped bit in any stored file: it is refused by name, or computed again to the same bytes."""

import io
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from counts import count
from sweep_grids import TASK, a_map, grid, items
from tiny_models import sentences, tiny, tiny_path

from workbench.align import Aligner, LayerMaps
from workbench.analyses.generate.texts import speak
from workbench.core.errors import WorkbenchError
from workbench.methods.baselines import lora
from workbench.organism.files import load_checkpoint, save_checkpoint
from workbench.select import Choice, freeze, thaw
from workbench.states import capture
from workbench.study import load_patch, save_patch
from workbench.study.patches import load_maps, save_maps
from workbench.sweeps import sweep
from workbench.tasks import AnswerExample
from workbench.text import ParallelText

FLIPS = count(200, 2000)
START = 600
"""Bytes at the start of a file, where headers lie, that are met by half of all flips."""


@dataclass
class Store:
    """A folder, and what is read from it or computed again."""

    folder: Path
    read: Callable[[], object]
    again: bool
    """Whether what is damaged can be computed again; else it is refused."""


def _sweep(folder):
    examples, configurations = items("single")[:2], grid(tiny("llama"), layers=[2])[:2]

    def read():
        buffer = io.BytesIO()
        sweep(tiny("llama"), examples, configurations, **TASK, batch_size=1, folder=folder).to_parquet(buffer)
        return buffer.getvalue(), _files(folder)

    return Store(folder, read, again=True)


def _generation(folder):
    asked = [AnswerExample(f"q{i}", text, ("a",), "sw", "dev") for i, text in enumerate(sentences(4))]

    def read():
        rows = speak(tiny("llama"), asked, None, 2, 2, folder)
        return rows.drop(columns="seconds").to_json()

    return Store(folder, read, again=True)


def _capture(folder):
    def read():
        found = capture(tiny("llama"), ParallelText({"en": sentences(6)}), store=folder, batch_tokens=20)
        return found.digest, found["en"].numpy().tobytes()

    return Store(folder, read, again=True)


def _unfinished_capture(folder):
    """The shards of a capture that was stopped; each reading finishes it anew from a copy of them."""
    text, place = ParallelText({"en": sentences(40)}), folder.with_name("finished")

    def stop(what, done, total):
        if len(list(folder.rglob("shard-*"))) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        capture(tiny("llama"), text, store=folder, batch_tokens=8, progress=stop)

    def read():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(folder, place)
        return capture(tiny("llama"), text, store=place, batch_tokens=8)["en"].numpy().tobytes()

    return Store(folder, read, again=True)


def _patch(folder):
    path, configuration = folder / "patch.safetensors", grid(tiny("llama"), layers=[1])[0]
    save_patch(configuration, path, {"model": "tiny", "test": {"gain": 0.25}})

    def read():
        saved = load_patch(path)
        rows = torch.ones(2, tiny("llama").info.d_model)
        return saved.card, [(p.site, p.strength, p.positions, p.map(rows).tolist()) for p in saved.patches]

    return Store(folder, read, again=False)


def _maps(folder):
    aligners: list[Aligner] = [a_map(8), a_map(8, seed=1)]
    save_maps(LayerMaps(tuple(aligners)), folder / "ridge", {"pair": "sw-en"})

    def read():
        maps, card = load_maps(folder / "ridge")
        return card, [maps.transform(layer, torch.ones(2, 8)).tolist() for layer in range(2)]

    return Store(folder, read, again=False)


def _choices(folder):
    choices = {"ridge": Choice("ridge", "replace", 3, 1.0, 0.5, 0.2)}
    freeze(choices, folder / "choices.json", {"pair": "sw-en"})
    return Store(folder, lambda: thaw(folder / "choices.json"), again=False)


def _fine_tuned(folder):
    examples = [AnswerExample(f"q{i}", text, ("a",), "sw", "fit") for i, text in enumerate(sentences(2))]
    settings = lora.LoraSettings(rank=2, epochs=1, batch_size=2)
    made = lora.fine_tune(tiny_path("llama"), examples, folder / "tuned", settings)
    return Store(folder, lambda: lora._finished(folder / "tuned", made.digest), again=False)


def _checkpoint(folder):
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    save_checkpoint(folder, "d" * 64, 5, model, optimizer)

    def read():
        step = load_checkpoint(folder, "d" * 64, model, optimizer)
        return step, model.weight.tolist(), optimizer.state[model.weight]["exp_avg"].tolist()

    return Store(folder, read, again=False)


MADE = (
    *(_sweep, _generation, _capture, _unfinished_capture),
    *(_patch, _maps, _choices, _fine_tuned, _checkpoint),
)


def _files(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _restore(folder, files):
    for path in _files(folder):
        if path not in files:
            path.unlink()
    for path, data in files.items():
        path.write_bytes(data)


@pytest.mark.parametrize("make", MADE)
def test_a_flipped_bit_is_refused_or_computed_again(make, tmp_path):
    (tmp_path / "store").mkdir()
    store, rng = make(tmp_path / "store"), random.Random(0)
    expected = store.read()
    files, refused, same = _files(store.folder), 0, 0
    assert store.read() == expected and files
    for _ in range(FLIPS // len(MADE) + 1):
        path = rng.choice(list(files))
        data = bytearray(files[path])
        at = rng.randrange(rng.choice([len(data), min(len(data), START)]))
        bit = 1 << rng.randrange(8)
        data[at] ^= bit
        path.write_bytes(data)
        what = f"{path.name}: bit {bit} of byte {at}"
        try:
            assert store.read() == expected, what
            same += 1
        except WorkbenchError as error:
            assert not store.again, f"{what}: {error}"
            assert path.name in str(error) and "\n" not in str(error), f"{what}: {error}"
            refused += 1
        _restore(store.folder, files)
    assert same if store.again else refused > same, "what is altered is refused"
