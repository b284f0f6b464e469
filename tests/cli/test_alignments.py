"""`fit` and `measure`: every pair, every layer, tables that say what was printed."""

import pandas as pd
import pytest
from organism_models import FAR, MAIN, NEAR, tiny_organism

from workbench.cli import main
from workbench.measure import METRICS


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(scope="module")
def given():
    folder = tiny_organism().folder
    return (folder, "--text", folder / "parallel.tsv.gz", "--held-out", "0.4")


def test_fit_judges_every_method_at_every_layer_of_every_pair(capsys, given, tmp_path):
    methods = "ridge,least_squares,identity,shuffled_pairs"
    arguments = ("--methods", methods, "--out", tmp_path, "--save-maps")
    code, out, _ = run(capsys, "fit", *given, *arguments)
    assert code == 0 and "shuffled_pairs*" in out and "24 sentences fitted, 16 held out" in out
    table = pd.read_parquet(tmp_path / "fit.parquet")
    assert set(table.pair) == {f"{NEAR}-{MAIN}", f"{FAR}-{MAIN}"}
    assert len(table) == 2 * 4 * 3 and set(table.method) == set(methods.split(","))
    ridge = table[(table.pair == f"{FAR}-{MAIN}") & (table.method == "ridge")]
    assert " ".join(f"{value:.2f}" for value in ridge.r2) in " ".join(out.split())
    assert (table[table.method == "least_squares"].warning != "").all(), "24 sentences in 16 dimensions"
    assert (tmp_path / "maps" / f"{FAR}-{MAIN}" / "ridge.safetensors").is_file()


def test_measure_gives_every_value_an_interval(capsys, given, tmp_path):
    pair = f"{FAR}-{MAIN}"
    code, out, _ = run(capsys, "measure", *given, "--pairs", pair, "--blocks", 4, "--out", tmp_path)
    assert code == 0 and "same_script" in out
    table = pd.read_parquet(tmp_path / "similarity.parquet")
    assert set(table.method) == set(METRICS) and set(table.pair) == {pair}
    assert (
        len(table) == len(METRICS) * 4
        and (table.low <= table.value).all()
        and (table.value <= table.high).all()
    )
    confounds = pd.read_parquet(tmp_path / "confounds.parquet")
    assert set(confounds.confound) == {"length", "length_ratio", "fertility", "shared_tokens", "same_script"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pairs", f"{FAR}-x-man"), "no pair"),
        (("--pairs", FAR), "no pair"),
        (("--target", "fr"), "not among the languages"),
        (("--methods", "rigde"), "did you mean 'ridge'"),
    ],
)
def test_what_is_no_pair_or_method_is_said_in_a_line(capsys, given, tmp_path, arguments, message):
    code, out, err = run(capsys, "fit", *given, *arguments, "--out", tmp_path / "out")
    assert code == 2 and not out and message in err and len(err.splitlines()) == 1
    assert not list(tmp_path.rglob("*.parquet"))
