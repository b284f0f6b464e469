"""`compare`: what it refuses, which studies it takes, and what it prints."""

import pytest
from organism_models import FAR, MAIN, tiny_organism

from workbench.cli import main, methods
from workbench.cli.figures import draw_figures
from workbench.methods.base import typed_table
from workbench.methods.compare.run import TYPES
from workbench.models import load_model
from workbench.results import open_run
from workbench.study import Settings, prepare


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no folder nowhere"),
        (["organism", "--methods", "shots_won"], "unknown method 'shots_won': did you mean 'shots_own'?"),
        (["organism", "--shots", "0.5"], "--shots 0.5: give whole numbers from 1 up"),
        (["organism", "--seeds", "0"], "--seeds is 0: give a whole number of at least 1"),
        (["organism", "--templates", "{tmp}/t.txt"], "t.txt:2: 'Answer:' lacks {prompt}"),
        (["organism", "--translations", "{tmp}/none.tsv"], "none.tsv"),
        (["organism", "--on-top", "inkline_paper"], "did you mean 'incline_paper'?"),
        (["organism", "--combine", "lorra"], "unknown baseline 'lorra'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, tmp_path, capsys):
    (tmp_path / "t.txt").write_text("Q: {prompt}\nAnswer:\n")
    assert main(["compare", *(a.replace("{tmp}", str(tmp_path)) for a in arguments)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_run_begun_in_python_is_compared_and_may_have_been_moved(tmp_path, capsys):
    organism = tiny_organism()
    model, task = load_model(organism.folder), organism.task("exact")
    settings = Settings(aligners=("ridge",), interventions=("replace",), strengths=(1.0,), held_out=0.5)
    prepare(model, organism.text(), [task], [(FAR, MAIN)], tmp_path / "begun", settings).run()
    (tmp_path / "begun").rename(tmp_path / "moved")
    command = ["compare", str(tmp_path / "moved"), "--methods", "mean_difference", "--combine", ""]
    assert main(command) == 0 and "comparison.pdf" in capsys.readouterr().out
    found = open_run(tmp_path / "moved").tables["comparison"]
    assert found.method.tolist() == ["direct", "mean_difference"] and set(found.pair) == {f"{FAR}-{MAIN}"}
    (tmp_path / "moved" / "comparison.parquet").write_bytes(b"mine")
    assert main(command) == 2 and "comparison.parquet already exists" in capsys.readouterr().err


def table():
    rows = [
        {"method": "direct", "accuracy": 0.35, "item_tokens": 7.0},
        {
            "method": "lora_few+incline_single", "accuracy": 0.83,
            "gain": 0.48, "gain_low": 0.45, "gain_high": 0.51, "holm_verdict": "helps", "random_gain": 0.0,
            "random_over": 0.12, "random_over_low": 0.1, "random_over_high": 0.14,
            "shuffled_over": 0.11, "shuffled_over_low": 0.09, "shuffled_over_high": 0.13,
            "over_own": 0.12, "retention": -0.01, "retention_low": -0.02,
            "item_tokens": 7.0, "parameters": 180_000, "pairs": 1200,
        },
        {"method": "translate_table", "note": "no table of translations was given"},
    ]  # fmt: skip
    facts = {"model": "organism", "pair": "a-b", "task": "exact", "n": 1000}
    return typed_table("comparison", [facts | row for row in rows], **TYPES)


def test_the_table_is_drawn_beside_it(tmp_path):
    made = table()
    made.loc[0, ["gain", "gain_low", "gain_high"]] = 0.0
    made["family"] = ["baseline", "combination", "baseline"]
    made.to_parquet(tmp_path / "comparison.parquet")
    written = draw_figures(tmp_path, ("pdf",), ("comparison", "pareto"), "workbench compare")
    assert tmp_path / "figures" / "comparison.pdf" in written
    assert (tmp_path / "figures" / "comparison.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("width", [80, 130])
def test_every_number_is_readable_at_any_width(width, capsys, monkeypatch):
    monkeypatch.setattr(methods.console, "_width", width)
    methods.print_comparison(table(), {"direct": 0.001}, {"lora_few+incline_single": 812.34})
    out = capsys.readouterr().out
    assert "…" not in out
    # Of a combination the controls too are over asking directly: its gain less what it is above them.
    for shown in (
        "lora_few+incline_single",
        "+0.48 [0.45, 0.51]",
        "+0.36",
        "+0.37",
        "+0.12",
        "180k",
        "1200",
        "812",
    ):
        assert shown in out
    assert "translate_table was not run: no table of translations was given." in out
    assert max(map(len, out.splitlines())) <= width
