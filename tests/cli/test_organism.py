"""The organism's commands: a config that explains itself, training that goes on, a verdict."""

import json
import tomllib

import pandas as pd
from counts import FULL
from organism_models import FAR, MAIN, NEAR, TINY, tiny_organism

from workbench.cli import main
from workbench.core.numbers import signed
from workbench.organism import WorldConfig, write_config
from workbench.organism.texts import TASKS


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_new_writes_a_config_and_never_over_another(capsys, tmp_path):
    path = tmp_path / "world.toml"
    code, out, _ = run(capsys, "organism", "new", path)
    assert code == 0 and f"organism train {path}" in out
    assert WorldConfig.from_json(tomllib.loads(path.read_text())) == WorldConfig()
    code, _, err = run(capsys, "organism", "new", path)
    assert code == 2 and "already exists" in err


def test_train_makes_what_verify_reads_and_leaves_other_folders_alone(capsys, tmp_path):
    config = tmp_path / "world.toml"
    write_config(TINY, config)
    folder = tmp_path / "made"
    code, out, _ = run(capsys, "organism", "train", config, "--out", folder)
    assert code == 0 and "parameters trained in" in out
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert run(capsys, "organism", "train", config, "--out", folder)[0] == 0
    assert (folder / "model.safetensors").stat().st_mtime_ns == before, "it was there already"
    code, _, err = run(capsys, "organism", "train", config, "--out", folder, "--seed", 3)
    assert code == 2 and "other settings" in err
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    code, _, err = run(capsys, "organism", "train", config, "--out", mine)
    assert code == 2 and "holds no organism" in err and (mine / "thesis.txt").exists()


def test_verify_prints_its_tables_and_fails_where_a_property_does(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    folder, out_folder = tiny_organism().folder, tmp_path / "verify"
    arguments = ("--items", 12, "--prompts", 15, "--out", out_folder)
    code, out, _ = run(capsys, "organism", "verify", folder, *arguments)
    assert code == 1, "a model that knows nothing cannot pass"
    for shown in (
        MAIN,
        NEAR,
        FAR,
        "two-choice",
        "random_equal_norm*",
        "cka_debiased",
        "FAILS",
        "properties fail",
    ):
        assert shown in out, shown
    found = json.loads((out_folder / "verification.json").read_text())
    assert found["config_digest"] == TINY.digest and set(found["ladders"]) == {NEAR, FAR}
    failed = [one["name"] for one in found["properties"] if one["passed"] is False]
    assert f"{len(failed)} of {len(found['properties'])} properties fail" in out


def test_verify_says_what_it_cannot_read(capsys, tmp_path):
    code, _, err = run(capsys, "organism", "verify", tmp_path / "nowhere")
    assert code == 2 and "nowhere" in err and len(err.splitlines()) == 1


def test_verdicts_and_incline_print_what_they_write(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "160")
    # That every task has its verdict is held elsewhere, in organism/test_verdicts.py.
    tasks = TASKS if FULL else {name: TASKS[name] for name in ("exact", "translation")}
    monkeypatch.setattr("workbench.analyses.organism.verify.TASKS", tasks)
    common = (tiny_organism().folder, "--prompts", 40, "--dev", 12, "--items", 12)
    code, out, _ = run(capsys, "organism", "verdicts", *common, "--out", tmp_path / "verdicts")
    table = pd.read_parquet(tmp_path / "verdicts" / "verdicts.parquet")
    assert code == 0 and len(table) == 2 * len(tasks) and out.count(f"{FAR}-{MAIN}") == len(tasks)
    arguments = (*common, "--source", FAR, "--out", tmp_path / "incline")
    code, out, _ = run(capsys, "organism", "incline", *arguments)
    curves = pd.read_parquet(tmp_path / "incline" / "incline.parquet")
    assert code == 0 and set(curves.reading) == {"paper", "released"} and "paper − released" in out
    best = curves[curves.reading == "paper"].gain.max()
    assert signed(best, 2) in next(line for line in out.splitlines() if line.strip().startswith("paper"))
