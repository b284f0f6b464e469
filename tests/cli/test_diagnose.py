"""`diagnose`: from a model, sentences and a task to a verdict; early facts, several pairs, a file."""

import pandas as pd
import pytest
from organism_models import FAR, MAIN, NEAR, tiny_organism

from workbench.cli import main
from workbench.core.store import read_json
from workbench.study import load_patch

PAIR = f"{FAR}-{MAIN}"
TABLES = ("fit", "similarity", "confounds", "sweep", "exploration", "predictors", "selection")


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")


def run(capsys, *arguments):
    code = main(["diagnose", *(str(argument) for argument in arguments)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(scope="module")
def given():
    folder = tiny_organism().folder
    task = f"choices:{folder / 'tasks' / 'exact.tsv.gz'}"
    return (folder, "--text", folder / "parallel.tsv.gz", "--task", task, "--held-out", "0.4")


@pytest.fixture(scope="module")
def done(given, tmp_path_factory):
    """One whole diagnosis of a model that knows nothing, which has to be asked for."""
    folder = tmp_path_factory.mktemp("diagnose")
    assert (
        main(["diagnose", *map(str, given), "--pair", PAIR, "--quick", "--anyway", "--out", str(folder)]) == 0
    )
    return folder


def test_it_ends_in_tables_a_heatmap_and_a_manifest(done):
    assert {f"{name}.parquet" for name in TABLES} <= {path.name for path in done.iterdir()}
    assert (done / "heatmap.html").read_text().startswith("<!doctype html>")
    manifest, specified = (read_json(done / f"{name}.json") for name in ("manifest", "specification"))
    assert manifest["pair"] == PAIR and manifest["facts"]["n_dev"] == 16 and "seconds" not in manifest
    assert specified["left_out"]["left_out"] == [] and specified["pairs"] == [[FAR, MAIN]]


def test_quick_is_three_methods_at_three_strengths(done):
    sweep = pd.read_parquet(done / "sweep.parquet")
    dev = sweep[(sweep.split == "dev") & (sweep.aligner != "clean")]
    assert set(dev.aligner) == {"ridge", "mean_shift", "shuffled_pairs"}
    assert set(dev[dev.intervention == "add_mapped"].strength) == {0.25, 0.5, 1.0}


def test_the_command_prints_facts_before_and_a_verdict_after(capsys, given, done, tmp_path):
    code, out, _ = run(capsys, *given, "--pair", PAIR, "--quick", "--anyway", "--out", done)
    assert code == 0 and "none left out" in out
    facts = out.index("tokens per sentence"), out.index("unpatched, 16 dev items")
    assert facts[0] < facts[1] < out.index("chosen on dev")
    selection = pd.read_parquet(done / "selection.parquet")
    kind = selection[selection.headline].verdict.iloc[0]
    assert any(line.startswith(kind) for line in out.splitlines())
    assert not list(tmp_path.iterdir())


def test_without_a_gap_it_stops_early_and_says_so(capsys, given, tmp_path):
    words = ["--pair", PAIR, "--quick", "--delta-gap", "0.9", "--out", tmp_path / "study"]
    code, out, _ = run(capsys, *given, *words)
    assert code == 0 and "No gap to close: it is smaller than 0.9 on dev" in out and "--anyway" in out
    assert "chosen on dev" not in out and not (tmp_path / "study" / "sweep.parquet").exists()


def test_its_own_options_file_repeats_it(capsys, done, tmp_path):
    code, _, _ = run(capsys, "--config", done / "study.toml", "--out", tmp_path)
    assert code == 0
    for name in TABLES:
        assert (tmp_path / f"{name}.parquet").read_bytes() == (done / f"{name}.parquet").read_bytes(), name


def test_several_pairs_are_judged_together(capsys, given, tmp_path):
    pairs = f"{FAR}-{MAIN},{NEAR}-{MAIN}"
    code, out, _ = run(capsys, *given, "--pairs", pairs, "--quick", "--anyway", "--out", tmp_path)
    assert code == 0 and "p (Holm)" in out
    selection = pd.read_parquet(tmp_path / "selection.parquet")
    assert set(selection.pair) == set(pairs.split(","))
    head = selection[selection.headline]
    assert len(head) == 2 and head.holm_p.notna().all() and (head.holm_p >= head.p - 1e-12).all()
    assert selection[~selection.headline].holm_p.isna().all()
    sweep = pd.read_parquet(tmp_path / "sweep.parquet")
    alone = pd.read_parquet(tmp_path / PAIR / head.task.iloc[0] / "sweep.parquet")
    assert len(alone) == (sweep.pair == PAIR).sum()


def test_maps_can_be_fitted_on_prompts_of_the_task(capsys, given, tmp_path):
    arguments = [*given, "--pair", PAIR, "--quick", "--anyway", "--fit-on", "prompts", "--out", tmp_path]
    code, out, _ = run(capsys, *arguments)
    assert code == 0 and "Doctor" not in out
    manifest, specified = (read_json(tmp_path / f"{name}.json") for name in ("manifest", "specification"))
    assert (
        specified["left_out"] is None
        and specified["text"] is None
        and manifest["n"]["fit"] + manifest["n"]["held_out"] == 40
    )


def test_what_was_chosen_can_be_loaded_again(done):
    selection = pd.read_parquet(done / "selection.parquet")
    layer = selection[selection.headline].layer.iloc[0]
    if pd.isna(layer):
        assert not (done / "patch.safetensors").exists()
    else:
        assert load_patch(done / "patch.safetensors").patches[0].site.layer == layer


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--pair", "x-fra-x-main"), "no pair"),
        (("--pair", PAIR, "--aligners", "ridgy"), "did you mean 'ridge'"),
        (("--pair", PAIR, "--aligners", "identity"), "at least one aligner"),
        (("--pair", PAIR, "--strengths", "0.5,half"), "--strengths takes numbers"),
        (("--pair", PAIR, "--positions", "first"), "unknown positions"),
        (("--pair", PAIR, "--refits", "2"), "refits"),
        (("--pair", PAIR, "--chat"), "no chat template"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(capsys, given, tmp_path, more, said):
    code, _, err = run(capsys, *given, *more, "--out", tmp_path / "study")
    assert code == 2 and said in err and err.count("\n") == 1
    assert not (tmp_path / "study").exists()


def test_a_task_is_needed_with_any_other_model(capsys, given, tmp_path):
    code, _, err = run(capsys, *given[:3], "--pair", PAIR, "--out", tmp_path / "study")
    assert code == 2 and "which task?" in err
