"""The shipped organism is found and read as it was made; where it is not whole, one line says so."""

import json
import shutil
from math import prod
from pathlib import Path

import pytest

from workbench.core import bundled
from workbench.core.errors import InputError
from workbench.core.store import read_json, write_json
from workbench.models import load_model
from workbench.organism.config import WorldConfig
from workbench.organism.files import TEXT, TRUTH, read_card, shipped, task_file, write_files
from workbench.organism.texts import TASKS, Items
from workbench.sweeps import sweep

DATA = Path(__file__).parents[2] / "data" / "organism"
CONFIG = WorldConfig(concepts=8, relations=4, fit=20, dev=12, test=16)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "organism"
    write_files(CONFIG, folder)
    write_json(folder / "organism.json", {"config": CONFIG.to_json()})
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "organism")


def test_text_tasks_and_truth_are_those_of_the_world(made):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    organism, items = shipped(made), Items(CONFIG)
    assert (organism.folder, organism.config) == (made, CONFIG)
    assert organism.text() == items.parallel_text()
    for name in TASKS:
        assert organism.task(name) == items.task(name)
    assert organism.truth() == read_json(made / TRUTH)
    assert organism.truth()["languages"]["x-poor-far"]["main_word"]
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before
    with pytest.raises(InputError, match="did you mean 'exact'"):
        organism.task("exat")


def test_the_package_comes_before_the_clone(made, tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "_PLACES", (tmp_path / "package", made.parent))
    assert shipped().folder == made
    shutil.copytree(made, tmp_path / "package" / "organism")
    assert shipped().folder == tmp_path / "package" / "organism"


def test_without_an_organism_both_places_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "_PLACES", (tmp_path / "package", tmp_path / "clone"))
    with pytest.raises(InputError, match=r"package nor in .*clone: install or clone it again"):
        shipped()
    with pytest.raises(InputError, match=r"no folder .*elsewhere"):
        shipped(tmp_path / "elsewhere")


@pytest.mark.parametrize("name", ["organism.json", TEXT, TRUTH, *map(task_file, TASKS)])
def test_a_missing_file_is_named_with_what_to_do(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"{name} is missing: train it again .* or install or clone"):
        shipped(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ("{}", "holds no settings under 'config'"),
        ('{"config": 3}', "holds no settings under 'config'"),
        ('{"config": {"conceps": 3}}', "unknown setting 'conceps'"),
        ('{"config": {"concepts": "3"}}', "must be of type int"),
    ],
)
def test_a_bad_card_is_one_line_with_its_name(folder, text, message):
    (folder / "organism.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        shipped(folder)
    assert "organism.json" in str(error.value) and message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_shipped_files_are_small_and_the_model_is_of_the_size_it_says():
    assert shipped().folder == DATA and shipped().config == WorldConfig()
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 12e6
    with (DATA / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    weights = [entry for name, entry in header.items() if name != "__metadata__"]
    assert {entry["dtype"] for entry in weights} == {"F16"}
    parameters = sum(prod(entry["shape"]) for entry in weights)
    assert 1e6 < parameters < 6e6 and parameters == read_card(DATA / "organism.json")["n_parameters"]


def test_the_shipped_text_and_tasks_are_those_of_its_config():
    organism, items = shipped(), Items(shipped().config)
    assert organism.text() == items.parallel_text()
    for name in TASKS:
        assert organism.task(name) == items.task(name)


def test_the_shipped_model_knows_its_main_language():
    organism = shipped()
    model = load_model(organism.folder)
    assert model.info.n_layers >= 8
    asked = organism.task("exact").first(test=100).examples("x-main", "test")
    (ids,) = model.tokens.encode([asked[0].prompt])
    assert model.tokens.decode(ids) == asked[0].prompt, "its tokenizer is beside it"
    rows = sweep(model, asked, [], task="exact", pair="x-main", way="naive")
    assert len(rows) == 100 and rows.correct.mean() >= 0.95
