"""From nothing but published files and a tiny model to a verdict and a heatmap, with one line."""

import json
import shutil

import pandas as pd
import pytest
from tiny_models import tiny_path

from workbench.cli import main


@pytest.fixture
def folder(shared_data, tmp_path, monkeypatch):
    """A folder with the published XCOPA and NTREX files, and a model."""
    (tmp_path / "ntrex128").mkdir()
    for code in ("swa", "tha"):
        shutil.copy(shared_data / "ntrex128" / f"newstest2019-ref.{code}.txt", tmp_path / "ntrex128")
    for name in ("newstest2019-src.eng.txt", "DOCUMENT_IDS.tsv", "LANGUAGES.tsv"):
        shutil.copy(shared_data / "ntrex128" / name, tmp_path / "ntrex128")
    shutil.copytree(shared_data / "xcopa", tmp_path / "xcopa")
    shutil.copytree(tiny_path("bloom"), tmp_path / "tiny")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


def diagnose(capsys, *more):
    line = ["diagnose", "tiny", "--pair", "sw-en", "--text", "ntrex128", "--task", "xcopa:xcopa"]
    code = main([*line, "--quick", *more])
    return code, capsys.readouterr().out


@pytest.mark.full
def test_it_ends_in_a_verdict_and_a_heatmap(capsys, folder):
    code, out = diagnose(capsys)
    assert code == 0 and "The task has no en items" in out
    assert "of 1997 rows left out" in out or "1997 rows, none left out" in out, "only the pair is examined"
    selection = pd.read_parquet(folder / "runs" / "diagnose" / "selection.parquet")
    verdict = selection[selection.headline].verdict.iloc[0]
    assert any(line.startswith(verdict) for line in out.splitlines())
    assert (folder / "runs" / "diagnose" / "heatmap.html").stat().st_size > 10_000
    manifest = json.loads((folder / "runs" / "diagnose" / "manifest.json").read_text())
    assert "sw 6" in " ".join(manifest["task_notes"]), "the question field was mended, and it is said"


def test_with_the_english_copa_beside_it_there_is_a_gap_to_speak_of(capsys, folder, shared_data):
    shutil.copytree(shared_data / "copa_english", folder / "copa")
    code, out = diagnose(capsys)
    assert code == 0 and "accuracy in en, same items" in out
    assert "The gap is not known well" in out or "No gap to close" in out, (
        "a model of random weights knows neither language"
    )
