"""What comes with the project is found by name, and what stands under that name already comes first."""

from pathlib import Path

import pytest

from workbench.cli import main
from workbench.core.bundled import CAUTIONS, MODELS, TEXTS, bundled, cautions, resolved
from workbench.core.errors import InputError
from workbench.text import read


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_read_by_name_and_carries_its_caution(name):
    text = read(name)
    assert len(text) >= 300 and len(cautions(text.sources)) == 1
    assert text.select(range(5)).sources == text.sources, "a part of it is still of it"


def test_every_caution_is_about_a_file_that_is_there():
    assert all(bundled(part).is_file() for part in CAUTIONS)
    assert all(bundled(part).exists() for part in (*MODELS.values(), *TEXTS.values()))


def test_text_of_one_s_own_needs_no_caution(tmp_path):
    path = tmp_path / "sentences.tsv"
    path.write_text("sw\ten\nmoja\tone\nmbili\ttwo\n")
    assert cautions(read(path).sources) == []


def test_what_stands_under_the_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Path(resolved("organism", MODELS)).is_absolute()
    (tmp_path / "organism").mkdir()
    assert resolved("organism", MODELS) == "organism"
    with pytest.raises(InputError, match="install or clone it again"):
        bundled("nothing")


def test_the_organism_is_the_model_of_commands_that_name_none(capsys, tmp_path):
    assert main(["capture", "--languages", "x-poor-far,x-main", "--store", str(tmp_path / "store")]) == 0
    out = capsys.readouterr().out
    assert "organism: 8 layers × 128" in out and "nothing about real" in out
    assert main(["capture", "gpt2"]) == 2
    assert "give --text" in capsys.readouterr().err
