"""What lies beside a model is read back as the world made it, and is small enough to come with a clone."""

import pytest

from workbench.core.store import digest_file, read_json
from workbench.organism.config import LanguageConfig, WorldConfig
from workbench.organism.files import TEXT, TRUTH, task_file, write_files
from workbench.organism.texts import TASKS, Items
from workbench.tasks import read_choices
from workbench.text import read

SMALL = WorldConfig(fit=60, dev=40, test=50)


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("organism")
    write_files(SMALL, folder)
    return folder


def test_text_and_tasks_are_read_back_equal(folder):
    items = Items(SMALL)
    assert files(folder) == sorted([TEXT, TRUTH, *map(task_file, TASKS)])
    assert read(folder / TEXT) == items.parallel_text()
    for name in TASKS:
        assert read_choices(folder / task_file(name), f"organism-{name}") == items.task(name)


def test_the_map_of_words_leads_every_form_to_the_main_word_for_the_same(folder):
    items, truth = Items(SMALL), read_json(folder / TRUTH)
    main = items.main
    assert "main_word" not in truth["languages"][main.code]
    assert "No correct linear map" in truth["about"]
    assert {key: truth[key] for key in items.truth()} == items.truth()
    for code, language in items.languages.items():
        if language is main:
            continue
        known = truth["languages"][code]
        assert set(known["main_word"]) == {*language.words, *language.subjects}
        for form, word in known["main_word"].items():
            assert word == main.words[language.concept_of(form)]


def test_the_same_config_gives_the_same_bytes(folder, tmp_path):
    write_files(SMALL, tmp_path / "again")
    for name in files(folder):
        assert digest_file(folder / name) == digest_file(tmp_path / "again" / name)


def test_the_model_in_the_folder_is_left_alone(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    languages = (LanguageConfig("x-a", resource=0.5, skill=1.0), LanguageConfig("x-b", resource=0.5))
    write_files(WorldConfig(concepts=8, fit=9, dev=9, test=9, languages=languages), tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == b"weights"


@pytest.mark.full  # those that ship are weighed by test_shipped.py
def test_files_of_the_default_world_are_small(tmp_path):
    write_files(WorldConfig(), tmp_path)
    sizes = {name: (tmp_path / name).stat().st_size for name in files(tmp_path)}
    print(sizes, sum(sizes.values()))
    assert sum(sizes.values()) < 4e6, sizes
