"""`--json` prints one JSON document with the results and nothing else; `--quiet` prints errors only."""

import json

import pandas as pd
import pytest
from rich.color import Color, ColorSystem
from rich.console import Console

from workbench.cli import diagnose, main, terminal
from workbench.cli.commands import COMMANDS
from workbench.cli.terminal import as_json
from workbench.figures import Scale
from workbench.results import read_table

PAIR = ["organism", "--pair", "x-poor-far-x-main"]
SMALL = [*PAIR, "--quick", "--rows", "200", "--dev", "40", "--test", "40", "--refits", "0", "--threads", "1"]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run") / "run"


def run(capsys, *arguments):
    code = main([str(word) for word in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_diagnose_reports_its_verdict_as_json(capsys, run_folder):
    code, out, _ = run(capsys, "diagnose", *SMALL, "--out", run_folder, "--json")
    facts = json.loads(out)
    assert code == 0 and facts["folder"] == str(run_folder) and facts["report"].endswith("report.html")
    (study,) = facts["studies"]
    assert (study["pair"], study["task"]) == ("x-poor-far-x-main", "organism-exact")
    selection = read_table(run_folder / "selection.parquet")
    assert [row["gain"] for row in study["selection"]] == pytest.approx(selection.gain.tolist())
    assert study["holm_kind"] == study["kind"] and study["n"]["dev"] == 40


def test_quiet_prints_nothing_and_leaves_the_console_as_it_was(capsys, run_folder):
    code, out, err = run(capsys, "diagnose", *SMALL, "--out", run_folder, "--quiet")
    assert (code, out, err) == (0, "", "")
    code, out, err = run(capsys, "diagnose", *PAIR, "--text", "nowhere", "--quiet", "--out", run_folder)
    assert code == 2 and out == "" and len(err.splitlines()) == 1
    code, out, _ = run(capsys, "models")
    assert code == 0 and "llama" in out.lower()


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["measure", *PAIR, "--blocks", "0"], {"folder", "report", "tables"}),
        (["fit", *PAIR, "--aligners", "ridge"], {"folder", "report", "tables"}),
        (["plan", "organism", "--no-probe", "--task", "exact"], {"capture", "in_words"}),
        (["recipes", "caa"], {"name", "title", "formula", "reference", "faithful", "differs"}),
    ],
)
def test_commands_report_json(capsys, tmp_path, arguments, keys):
    out = ["--out", tmp_path / "out", "--threads", "1"] if arguments[0] in ("measure", "fit") else []
    code, printed, _ = run(capsys, *arguments, *out, "--json")
    facts = json.loads(printed)
    assert code == 0 and set(facts) == keys
    for name, rows in facts.get("tables", {}).items():
        assert len(rows) == len(read_table(tmp_path / "out" / f"{name}.parquet")) > 0


def test_every_command_that_reports_has_both(capsys):
    for name, command in COMMANDS.items():
        for action in command.actions or [""]:
            with pytest.raises(SystemExit):
                main([name, *([action] if action else []), "--help"])
            has = "--json" in (text := capsys.readouterr().out) and "--quiet" in text
            assert has == (name not in ("lab", "lm-eval") and action != "new"), (name, action)


def test_both_at_once_are_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["models", "--json", "--quiet"])
    assert stopped.value.code == 2 and "not allowed with" in capsys.readouterr().err


def test_tables_and_missing_numbers_become_json(tmp_path):
    table = pd.DataFrame({"layer": pd.array([1, None], dtype="Int64"), "gain": [0.5, float("nan")]})
    facts = {"table": table, "path": tmp_path, "text": "né <b>", "flag": table.gain.isna().iloc[1]}
    assert json.loads(as_json(facts)) == {
        "table": [{"layer": 1, "gain": 0.5}, {"layer": None, "gain": None}],
        "path": str(tmp_path),
        "text": "né <b>",
        "flag": True,
    }


def test_cells_are_darker_for_larger_values_on_every_kind_of_terminal(monkeypatch):
    scale = Scale("gain", -0.6, 0.6)
    monkeypatch.setattr(diagnose, "console", Console(color_system="256", force_terminal=True))
    for side in (-1, 1):
        seen = []
        for step in range(1, 61):
            style = diagnose._style(side * step / 100, scale)
            if style:
                red, green, blue = (int(part) for part in style.partition("rgb(")[2].rstrip(")").split(","))
                drawn = Color.from_rgb(red, green, blue).downgrade(ColorSystem.EIGHT_BIT).get_truecolor()
                seen.append(0.299 * drawn[0] + 0.587 * drawn[1] + 0.114 * drawn[2])
        assert seen == sorted(seen, reverse=True) and len(set(seen)) == 6
    monkeypatch.setattr(diagnose, "console", Console(color_system="standard", force_terminal=True))
    assert diagnose._style(0.6, scale) == ""
    assert terminal.console.quiet is False
