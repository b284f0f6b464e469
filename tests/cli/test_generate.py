"""`generate`: what it refuses, what it writes and what it prints."""

import pandas as pd
import pytest
from organism_models import FAR, MAIN, tiny_organism

from workbench.cli import main, methods
from workbench.models import load_model
from workbench.results import COLUMNS
from workbench.study import Settings, prepare


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no folder nowhere"),
        (
            ["organism", "--methods", "class_bench"],
            "unknown method 'class_bench': did you mean 'clas_bench'?",
        ),
        (["organism", "--tokens", "0"], "--tokens is 0: give a whole number of at least 1"),
        (["organism", "--prompts", "3"], "give 4 at least, not 3"),
        (["organism", "--pairs", "x-rich-far"], "no pair 'x-rich-far'"),
        (
            ["organism", "--tokens", "100", "--out", "{tmp}"],
            "new ones behind the longest prompt: 100 are too many",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, tmp_path, capsys):
    assert main(["generate", *(a.replace("{tmp}", str(tmp_path)) for a in arguments)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize("width", [80, 130])
def test_a_study_is_generated_with_and_written(tmp_path, capsys, monkeypatch, width):
    organism = tiny_organism()
    model, task = load_model(organism.folder), organism.task("exact")
    # Begun and no more: there is no choice of the study's own to generate with.
    prepare(model, organism.text(), [task], [(FAR, MAIN)], tmp_path, Settings(held_out=0.5))
    monkeypatch.setattr(methods.console, "_width", width)
    words = ["generate", str(tmp_path), "--tokens", "6", "--prompts", "8", "--threads", "1"]
    assert main(words) == 0
    out = capsys.readouterr().out
    for shown in (
        f"clean ({MAIN})",
        "clas_bench~random",
        "Accuracy of the language identifier:",
        "study was not run",
    ):
        assert shown in out
    assert "…" not in out.partition("language: share")[0]
    assert max(map(len, out.splitlines())) <= max(width, len(str(tmp_path)) + 40)
    table, summary = (
        pd.read_parquet(tmp_path / f"{n}.parquet") for n in ("generation", "generation_summary")
    )
    assert tuple(table) == COLUMNS["generation"] and tuple(summary) == COLUMNS["generation_summary"]
    assert summary.n.unique().tolist() == [4] and set(table.split) == {"test"}
