"""`demo`: all pairs and tasks at a glance, a report and figures; resumed where it was stopped."""

import pytest

from workbench.cli import demo, main
from workbench.results import open_run


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(demo, "ITEMS", {"dev": 30, "test": 50})
    monkeypatch.setattr(demo, "PROMPTS", 150)
    monkeypatch.setattr(demo, "FIGURES", ("layers", "gap"))


def test_one_language_end_to_end_and_again(small, tmp_path, capsys):
    command = ["demo", "--source", "x-poor-far", "--out", str(tmp_path / "demo")]
    assert main(command) == 0
    out = " ".join(capsys.readouterr().out.split())
    for shown in (
        "x-poor-far · exact",
        "x-poor-far · two-choice",
        "chosen on dev, judged on test",
        "of 2 studies",
        "results on it say nothing about real languages",
    ):
        assert shown in out
    assert "…" not in out  # nothing is cut in a terminal of 80 columns
    assert (tmp_path / "demo" / "report.html").is_file()
    assert {path.suffix for path in (tmp_path / "demo" / "figures").iterdir()} >= {".pdf", ".tex", ".md"}
    tables = {path.name: path.read_bytes() for path in (tmp_path / "demo").glob("*.parquet")}
    assert main(command) == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "demo").glob("*.parquet")} == tables
    # Every command on a run takes the demo's folder, wherever it lies.
    moved = str((tmp_path / "demo").rename(tmp_path / "moved"))
    assert main(["report", moved]) == 0
    assert main(["figures", moved, "--only", "gap", "--format", "png", "--out", str(tmp_path / "f")]) == 0
    assert main(["compare", moved, "--methods", "mean_difference", "--combine", ""]) == 0
    assert main(["claims", moved, "--only", "scrambled_does_as_well"]) == 0
    assert main(["generate", moved, "--methods", "study", "--tokens", "4", "--prompts", "4"]) == 0
    assert set(open_run(moved).tables) >= {"comparison", "claims", "generation", "selection"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threads", "0"], "--threads is 0: give a whole number"),
        (["--source", "x-main"], "x-main is the main language"),
        (["--source", "x-poor-fra"], "x-poor-far"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert main(["demo", *arguments]) == 2
    assert message in capsys.readouterr().err
