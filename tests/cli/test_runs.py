"""`merge` and `diff`: one run of several, and two runs compared, as text of 80 columns and as JSON."""

import json

import pytest
from organism_models import FAR, MAIN, NEAR, tiny_organism

import workbench as wb
from workbench.cli import main
from workbench.cli.terminal import console
from workbench.core.store import read_json, write_json
from workbench.study import Settings, prepare


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder, organism = tmp_path_factory.mktemp("runs"), tiny_organism()
    model = wb.load_model(organism.folder)
    settings = Settings(("ridge", "shuffled_pairs"), "ridge", ("replace",), (1.0,), refits=0)
    for name, source, seed in (("far", FAR, 0), ("near", NEAR, 0), ("seed", NEAR, 1)):
        own = Settings(**{**vars(settings), "seed": seed})
        task = [organism.task("exact")]
        prepare(model, organism.text(), task, [(source, MAIN)], folder / name, own).run()
    return folder


def run(capsys, *words):
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(autouse=True)
def eighty(monkeypatch):
    monkeypatch.setattr(console, "_width", 80)


def fits(text):
    """No line but one with a path is wider than 80 columns."""
    wide = [line for line in text.splitlines() if len(line) > 80 and "/" not in line]
    assert wide == []
    return True


def test_merge_writes_a_run_with_its_report_and_command(capsys, runs, tmp_path):
    out = tmp_path / "all"
    code, said, _ = run(capsys, "merge", runs / "far", runs / "near", "--out", out)
    assert code == 0 and fits(said) and "p (Holm)" in said and f"{NEAR}-{MAIN}" in said
    assert (out / "report.html").exists()
    assert wb.open_run(out).command == f"workbench merge {runs / 'far'} {runs / 'near'} --out {out}\n"
    code, said, _ = run(capsys, "merge", runs / "far", "--out", out, "--overwrite", "--json")
    facts = json.loads(said)
    assert code == 0 and list(facts["origins"].values()) == [[str(runs / "far")]]
    assert [row["holm_verdict"] for row in facts["verdicts"]] == ["undecided"]


def test_a_conflict_is_one_line_and_nothing_is_written(capsys, runs, tmp_path):
    code, said, err = run(capsys, "merge", runs / "far", runs / "seed", "--out", tmp_path / "all")
    assert (code, said) == (2, "") and len(err.splitlines()) == 1 and "seed: 1 and 0" in err
    assert not list(tmp_path.iterdir())


def test_notes_tell_what_is_not_as_in_one_run(capsys, runs, tmp_path):
    code, _, _ = run(capsys, "merge", runs / "near", "--out", tmp_path / "near", "--quiet")
    about = read_json(tmp_path / "near" / "specification.json")
    write_json(tmp_path / "near" / "specification.json", about | {"threads": 7})
    (tmp_path / "near" / "selection.parquet").unlink()
    code, said, _ = run(capsys, "merge", runs / "far", tmp_path / "near", "--out", tmp_path / "all")
    flat = " ".join(said.split())
    assert code == 0 and "threads 7 in place of 1" in flat and "has no verdict in any of the runs" in flat


def test_diff_of_the_same_results_ends_with_0(capsys, runs, tmp_path):
    run(capsys, "merge", runs / "far", "--out", tmp_path / "far", "--quiet")
    about = read_json(tmp_path / "far" / "specification.json")
    write_json(tmp_path / "far" / "specification.json", about | {"threads": 2})
    code, said, _ = run(capsys, "diff", runs / "far", tmp_path / "far")
    assert code == 0 and fits(said) and "machine: threads" in said and "The same" in said


def test_diff_shows_inputs_choices_and_tables_and_ends_with_1(capsys, runs):
    code, said, _ = run(capsys, "diff", runs / "near", runs / "seed")
    assert code == 1 and fits(said)
    for words in ("settings: seed", "gain on test", "verdict", "largest", "Not the same: 1 input and 1 of 1"):
        assert words in said
    code, said, _ = run(capsys, "diff", runs / "near", runs / "seed", "--json")
    facts = json.loads(said)
    assert code == 1 and not facts["same"] and facts["second"] == str(runs / "seed")
    assert facts["inputs"] == [{"part": "settings", "name": "seed", "first": 0, "second": 1}]
    assert {row["table"] for row in facts["studies"][0]["tables"]} >= {"fit", "similarity", "sweep"}


def test_diff_of_other_pairs_names_the_run_that_has_each(capsys, runs):
    code, said, _ = run(capsys, "diff", runs / "far", runs / "near")
    assert code == 1 and fits(said) and "In the first run alone" in said and "In the second" in said
    assert f"items: organism-exact, {NEAR}" in " ".join(said.split())


def test_what_is_no_run_is_one_line_and_exit_code_2(capsys, runs, tmp_path):
    for words in (["diff", runs / "far", tmp_path], ["merge", tmp_path, "--out", tmp_path / "out"]):
        code, said, err = run(capsys, *words)
        assert (code, said) == (2, "") and err.count("\n") == 1 and "holds no run" in err
