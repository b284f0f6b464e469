"""`fit` and `measure`: every pair, every layer, tables that say what was printed."""

import pandas as pd
import pytest
from organism_models import FAR, MAIN, NEAR, tiny_organism

from workbench.cli import main
from workbench.core.errors import InputError
from workbench.core.numbers import interval, plain
from workbench.measures import METRICS
from workbench.results import open_run
from workbench.study import open_run as open_study


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
    arguments = ("--aligners", methods, "--out", tmp_path, "--save-maps")
    code, out, _ = run(capsys, "fit", *given, *arguments)
    assert code == 0 and "shuffled_pairs*" in out and "24 sentences for fitting, 16 held out" in out
    table = pd.read_parquet(tmp_path / "fit.parquet")
    assert set(table.pair) == {f"{NEAR}-{MAIN}", f"{FAR}-{MAIN}"}
    assert len(table) == 2 * 4 * 3 and set(table.aligner) == set(methods.split(","))
    places = pd.read_parquet(tmp_path / "pca.parquet")
    assert set(places.aligner) == {"ridge"} and len(places) == 2 * 3 * 3 * 16, "the first aligner's maps"
    ridge = table[(table.pair == f"{FAR}-{MAIN}") & (table.aligner == "ridge")]
    assert " ".join(plain(value, 2) for value in ridge.r2) in " ".join(out.split())
    assert (table[table.aligner == "least_squares"].warning != "").all(), "24 sentences in 16 dimensions"
    assert (tmp_path / "maps" / f"{FAR}-{MAIN}" / "ridge.safetensors").is_file()


def test_rows_too_long_for_the_model_are_left_out_when_asked(capsys, given, tmp_path):
    table = pd.read_csv(given[2], sep="\t", dtype=str)
    table.loc[0] = " ".join(table[FAR])
    table.to_csv(tmp_path / "long.tsv", sep="\t", index=False)
    arguments = (
        "fit",
        given[0],
        "--text",
        tmp_path / "long.tsv",
        "--pairs",
        f"{FAR}-{MAIN}",
        "--out",
        tmp_path,
    )
    code, _, err = run(capsys, *arguments)
    assert code == 2 and "--drop-long" in err
    code, out, _ = run(capsys, *arguments, "--drop-long", "--held-out", "0.4")
    assert code == 0 and "23 sentences for fitting, 16 held out" in out, "one of 40 left out"


@pytest.mark.parametrize("command", ["fit", "measure"])
def test_a_run_without_a_task_has_a_page_with_a_map_of_pairs_and_layers(capsys, given, tmp_path, command):
    pairs = f"{FAR}-{MAIN},{NEAR}-{MAIN}"
    code, out, _ = run(capsys, command, *given, "--pairs", pairs, "--out", tmp_path)
    assert code == 0 and "report.html" in out
    opened = open_run(tmp_path)
    assert [part.pair for part in opened.parts] == pairs.split(",")
    assert opened.specification["studies"] == [] and opened.tables.manifest["files"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Similarity by pair and layer" in page and "Verdict" not in page
    for place, pair in enumerate(pairs.split(",")):
        assert f'<a href="#part-{place}">{pair}</a></th>' in page
    with pytest.raises(InputError, match="without a task"):
        open_study(tmp_path).diagnosis()
    code, _, err = run(capsys, command, *given, "--pairs", f"{FAR}-{MAIN}", "--out", tmp_path)
    assert code == 2 and "holds another run (pairs" in err
    code, _, err = run(capsys, command, *given, "--pairs", f"{FAR}-{MAIN}", "--out", tmp_path, "--overwrite")
    assert code == 0 and [part.pair for part in open_run(tmp_path).parts] == [f"{FAR}-{MAIN}"]


def test_measure_gives_every_value_an_interval(capsys, given, tmp_path):
    pair = f"{FAR}-{MAIN}"
    code, out, _ = run(capsys, "measure", *given, "--pairs", pair, "--blocks", 4, "--out", tmp_path)
    assert code == 0 and "same_script" in out
    table = pd.read_parquet(tmp_path / "similarity.parquet")
    assert set(table.measure) == set(METRICS) and set(table.pair) == {pair}
    assert (
        len(table) == len(METRICS) * 4
        and (table.low <= table.value).all()
        and (table.value <= table.high).all()
    )
    assert set(table.interval) == {"queries", "jackknife"}
    confounds = pd.read_parquet(tmp_path / "confounds.parquet")
    assert set(confounds.measure) == set(METRICS)
    for name in set(confounds.confound):
        own = confounds[confounds.confound == name].dropna(subset="rho")
        line = next(line for line in out.splitlines() if line.startswith(name + " "))
        if len(own):
            most = own.loc[own.rho.abs().idxmax()]
            assert interval(most.rho, most.low, most.high, 2) in line and most.measure in line
        else:
            assert "does not vary" in line
    assert set(confounds.confound) == {"length", "length_ratio", "fertility", "shared_tokens", "same_script"}


def test_a_curve_over_the_number_of_pairs(capsys, given, tmp_path):
    arguments = ("--pairs", f"{FAR}-{MAIN}", "--aligners", "ridge,identity", "--curve", "--draws", 3)
    code, out, _ = run(capsys, "fit", *given, *arguments, "--sizes", "12,24", "--out", tmp_path)
    table = pd.read_parquet(tmp_path / "curve.parquet")
    assert code == 0 and set(table.aligner) == {"ridge"} and len(table) == 3 * (3 + 1)
    means = table.groupby(["layer", "n_fit"]).r2.mean().unstack()
    layer = means[24].idxmax()
    spread = table[(table.layer == layer) & (table.n_fit == 12)].r2.std()
    shown = next(line for line in out.split("number of pairs")[1].splitlines() if line.startswith("ridge"))
    expected = ["ridge", f"{layer}", f"{means[12][layer]:.2f}", f"±{spread:.2f}", f"{means[24][layer]:.2f}"]
    assert shown.split() == expected


def test_more_tables_on_request(capsys, given, tmp_path):
    task = given[0] / "tasks" / "exact.tsv.gz"
    more = ("--null", 9, "--grid", "rsa", "--task", f"choices:{task}", "--blocks", 0, "--readings")
    code, out, _ = run(capsys, "measure", *given, "--pairs", f"{FAR}-{MAIN}", *more, "--out", tmp_path)
    assert code == 0 and "null distribution from 9 random pairings" in out and METRICS["rsa"].reading in out
    null, grid, mismatch = (
        pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("null", "grid", "mismatch")
    )
    cka = null[null.measure == "cka_debiased"]
    best = cka.loc[cka.value.idxmax()]
    printed = out.split("random pairings")[1].splitlines()
    line = next(line for line in printed if line.startswith("cka_debiased"))
    assert plain(best.null_mean, 2) in line and f"{best.p:.3f}" in line
    across = grid[(grid.language == FAR) & (grid.other_language == MAIN) & (grid.site == "resid_post.2")]
    most = across.loc[across.value.idxmax()]
    own = across[across.other_site == "resid_post.2"].value.iloc[0]
    wanted = ["2", most.other_site.removeprefix("resid_post."), plain(most.value, 2), plain(own, 2)]
    lines = out.split("all pairs of layers")[1].splitlines()
    assert next(line.split() for line in lines if line.startswith("2 ")) == wanted
    assert set(mismatch.n) == {16} and "mismatch of 16 dev prompts" in out
    assert [f"{value:.3g}" for value in mismatch.ratio] == next(
        line.split()[-4:] for line in out.splitlines() if line.startswith("ratio, prompts")
    )


def test_feed_forward_neurons_on_request(capsys, given, tmp_path):
    arguments = ("--pairs", f"{FAR}-{MAIN}", "--blocks", 0, "--feed-forward", "--out", tmp_path)
    code, out, _ = run(capsys, "measure", *given, *arguments)
    table = pd.read_parquet(tmp_path / "feed_forward.parquet")
    assert code == 0 and len(table) == 3 * 7 and set(table.site) == {f"mlp_act.{layer}" for layer in range(3)}
    shown = out.split("feed-forward neurons")[1]
    for name, whose in (("flatness", FAR), ("sparsity", MAIN), ("rank_correlation", "both")):
        own = table[(table.measure == name) & (table.language.fillna("both") == whose)]
        wanted = [name, whose, *(plain(value) for value in own.value)]
        assert wanted in [line.split() for line in shown.splitlines()]


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_keep_to_the_terminal_and_cut_no_name(capsys, given, tmp_path, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    more = (
        "--blocks",
        4,
        "--null",
        2,
        "--grid",
        "--feed-forward",
        "--pairs",
        f"{FAR}-{MAIN}",
        "--out",
        tmp_path,
    )
    code, out, _ = run(capsys, "measure", *given, *more)
    lines = [
        line for line in out.splitlines() if not line.endswith((".parquet", ".html")) and line[:5] != "Note:"
    ]
    assert code == 0 and [line for line in lines if len(line) > columns] == [] and "…" not in out
    assert all(f"\n{name} " in out for name in METRICS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--grid", "cka_debised"), "did you mean 'cka_debiased'"),
        (("--null", "-1"), "--null is -1: give a whole number of at least 0"),
        (("--task", "choices:nowhere.tsv"), "nowhere.tsv"),
        (("--task", "starter", "--pairs", f"{FAR}-{MAIN}"), f"no '{FAR}'"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is_run(capsys, given, tmp_path, arguments, message):
    code, out, err = run(capsys, "measure", *given, *arguments, "--out", tmp_path / "out")
    assert code == 2 and not out and message in err and len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--curve", "--sizes", "many"), "whole numbers"),
        (("--curve", "--sizes", "10,400"), "400 pairs: there are 24"),
        (("--curve", "--draws", "0"), "--draws is 0: give a whole number of at least 1"),
        (("--pairs", f"{FAR}-x-man"), "no pair"),
        (("--pairs", FAR), "no pair"),
        (("--target", "fr"), "not among the languages"),
        (("--aligners", "rigde"), "did you mean 'ridge'"),
    ],
)
def test_what_is_no_pair_or_method_is_said_in_a_line(capsys, given, tmp_path, arguments, message):
    code, out, err = run(capsys, "fit", *given, *arguments, "--out", tmp_path / "out")
    assert code == 2 and not out and message in err and len(err.splitlines()) == 1
    assert not list(tmp_path.rglob("*.parquet"))
