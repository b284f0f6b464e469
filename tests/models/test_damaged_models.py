"""Seeded damage to the files of a tiny model: it loads as it was, or says in one line that it cannot.

Three kinds of damage, and what each may come to:

- a file cut, a tensor gone, renamed or cut: never anything but an error;
- a field of the configuration gone: an error, or the very same model, since the field had its default;
  only where the default is another (`DEFAULTED`) is it another model, and that no file can tell;
- any byte or field changed: an error, or a model. What was changed can be a weight or a setting, and the
  model another, as whole as the first; then its logits are finite and the same each time it is loaded.
"""

import json
import random
import shutil
import struct
import zlib

import pytest
import torch
from counts import count
from tiny_models import CELLS, sentences, tiny_path

from workbench.core.errors import WorkbenchError
from workbench.models import load_model

FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")
JSON_FILES = FILES[:3]
ODD = (
    None,
    True,
    0,
    -1,
    3,
    7.5,
    10**9,
    10**30,
    float("nan"),
    "",
    "\x1b[2J",
    "é" * 300,
    [],
    [1],
    {},
    {"a": 1},
)
DEFAULTED = ("sliding_window", "pad_token_id")
ROUNDS = range(count(14, 340))


def logits_of(model):
    batch = model.batch(model.tokens.encode(sentences(3)))
    with torch.inference_mode():
        return model.run(batch)[batch.mask]


def loaded(folder, backend):
    """The logits of the model, or nothing where it is refused; any other error is a failure."""
    try:
        return logits_of(load_model(folder, backend=backend))
    except WorkbenchError as error:
        assert str(error).isprintable(), error
        assert len(str(error)) < 1500
        return None


class Damage:
    """One round: a copy of a tiny model and a seeded choice of what to do to it."""

    def __init__(self, kind, number, tmp_path):
        self.random = random.Random(zlib.crc32(f"{kind} {number}".encode()))
        self.architecture, self.backend = self.random.choice(CELLS)
        self.folder = shutil.copytree(tiny_path(self.architecture), tmp_path / "model")

    def load(self):
        return loaded(self.folder, self.backend)

    def is_as_before(self, logits):
        # Loaded here and now: what other tests share is as they left it, in as many threads as they used.
        whole = load_model(tiny_path(self.architecture), backend=self.backend)
        return torch.equal(logits, logits_of(whole))

    def file(self, names=FILES):
        return self.folder / self.random.choice(names)

    def header(self):
        data = (self.folder / "model.safetensors").read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        return json.loads(data[8 : 8 + size]), data[8 + size :]

    def write_header(self, facts, body):
        text = json.dumps(facts).encode()
        (self.folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)


def objects(value):
    """Every object within a JSON value, itself included."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] * isinstance(value, dict) + [found for part in inner for found in objects(part)]


@pytest.mark.parametrize("number", ROUNDS)
def test_what_is_lost_is_never_made_up(number, tmp_path):
    damage = Damage("lost", number, tmp_path)
    if damage.random.random() < 0.4:
        path = damage.file()
        data = path.read_bytes()
        path.write_bytes(data[: damage.random.randrange(len(data) - 1)])  # JSON ends in a brace
    else:
        facts, body = damage.header()
        name = damage.random.choice([name for name in facts if name != "__metadata__"])
        entry = facts.pop(name)
        if damage.random.random() < 0.5:
            # The bytes stay in the file under another name or shape: nothing about the file is wrong.
            facts[damage.random.choice(["x", name + "x", name.upper(), name[1:]])] = entry
        else:
            facts[name] = entry | {
                "shape": [*entry["shape"], 1] if number % 2 else [*entry["shape"][::-1], 1]
            }
        damage.write_header(facts, body)
    assert damage.load() is None


@pytest.mark.parametrize("number", ROUNDS)
def test_a_field_left_out_is_missed_or_makes_no_difference(number, tmp_path):
    damage = Damage("left out", number, tmp_path)
    path = damage.folder / "config.json"
    facts = json.loads(path.read_text())
    gone = damage.random.choice(sorted(facts))
    del facts[gone]
    path.write_text(json.dumps(facts))
    logits = damage.load()
    assert logits is None or gone in DEFAULTED or damage.is_as_before(logits), gone


@pytest.mark.parametrize("number", ROUNDS)
def test_what_is_changed_is_refused_or_a_model(number, tmp_path):
    damage = Damage("changed", number, tmp_path)
    if damage.random.random() < 0.4:
        path = damage.file()
        data = bytearray(path.read_bytes())
        for _ in range(damage.random.choice((1, 3, 30))):
            # Half the damage falls on the beginning, where the header of the weights lies.
            end = len(data) if damage.random.random() < 0.5 else min(len(data), 4000)
            data[damage.random.randrange(end)] ^= 1 << damage.random.randrange(8)
        path.write_bytes(data)
    else:
        path = damage.file(JSON_FILES)
        facts = json.loads(path.read_text())
        places = [place for place in objects(facts) if place]
        place = places[0] if damage.random.random() < 0.5 else damage.random.choice(places)
        field = damage.random.choice(sorted(place))
        what = damage.random.random()
        value = place.pop(field)
        if what < 0.6:
            place[field] = damage.random.choice(ODD)
        elif what < 0.8:
            place[field + "_"] = value
        path.write_text(json.dumps(facts))
    logits = damage.load()
    if logits is not None:
        assert logits.isfinite().all()
        assert torch.equal(logits, damage.load())
