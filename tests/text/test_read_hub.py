"""Hugging Face data sets, from local folders: no test asks the network."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench.core.errors import InputError
from workbench.text import read

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def save(folder: Path, name: str, columns: dict[str, list[Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    pd.DataFrame(columns).to_parquet(folder / f"{name}.parquet")
    return folder


def test_columns_like_flores(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    columns = {
        "id": [1, 2],
        "url": ["u1", "u2"],
        "topic": ["t", "t"],
        "sentence_swh_Latn": ["moja", "mbili"],
        "sentence_eng_Latn": ["one", "two"],
        "sentence_deu_Latn": ["eins", "zwei"],
    }
    folder = save(tmp_path / "f", "train-0", columns)
    text = read(folder, languages=["sw", "en"])
    assert (text["sw"], text["en"], text.groups) == (("moja", "mbili"), ("one", "two"), ("u1", "u2"))
    assert text.sources == (folder.as_posix(),)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(InputError, match="column 'topic' is neither"):
        read(folder)


def test_translation_column_and_splits(tmp_path: Path) -> None:
    rows = [{"sw": "moja", "en": "one"}, {"sw": "mbili", "en": None}]
    save(tmp_path / "f", "train-0", {"translation": rows})
    folder = save(tmp_path / "f", "test-0", {"translation": rows[:1]})
    assert read(folder, split="test")["sw"] == ("moja",)
    assert read(folder, split="train", drop_missing=True).dropped == 1
    with pytest.raises(InputError, match="has 2 splits: choose one with split=…; known: test, train"):
        read(folder)
    with pytest.raises(InputError, match="Unknown split"):
        read(folder, split="dev")
    with pytest.raises(InputError, match="'other' not found"):
        read(folder, config="other", split="test")


def test_columns_must_be_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'en' is not text but int"):
        read(save(tmp_path / "f", "train-0", {"sw": ["moja"], "en": [1]}))


def test_a_loading_script_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "script.py").write_text("import datasets\n")
    with pytest.raises(InputError, match=r"no longer runs: .*refs/convert/parquet"):
        read(tmp_path / "script", format="huggingface")


def test_names_on_the_hub_pass_on_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def load(name: str, config: str | None, **options: Any) -> Any:
        asked.update(options, name=name, config=config)
        return datasets.Dataset.from_dict({"sw": ["moja"], "en": ["one"]})

    monkeypatch.setattr(datasets, "load_dataset", load)
    text = read("some-owner/some-set", revision="abc", split="test", config="sw-en")
    assert asked == {"name": "some-owner/some-set", "config": "sw-en", "split": "test", "revision": "abc"}
    assert text.sources == ("some-owner/some-set sw-en test abc",)


@pytest.mark.parametrize("error", [ConnectionError, FileNotFoundError])
def test_unreachable_names(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def load(*_: Any, **__: Any) -> None:
        raise error("Couldn't reach\nthe Hub")

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(
        InputError, match=r"reachable data set is called 'some-owner/some-set'.*keep its cache"
    ) as caught:
        read("some-owner/some-set")
    assert "\n" not in str(caught.value)


def test_a_missing_file_in_a_folder_is_not_looked_for_on_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match="no file, folder or prefix data/news"):
        read("data/news")
