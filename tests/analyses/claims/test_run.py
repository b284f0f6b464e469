"""Claims on the organism with few items, through the command line: verdicts, tables, the same again."""

import json
from functools import partial

import pandas as pd
import pytest
from counts import count
from organism_models import FAR, MAIN, NEAR, tiny_organism

from workbench.analyses.claims import CLAIMS, gains
from workbench.cli import main
from workbench.select import paired_correct
from workbench.stats import paired_interval

SMALL = ("--dev", "50", "--test", "100", "--prompts", "400", "--pairs", "x-poor-far-x-main")
COST = "costs_about_12_percent"
ONLY = ("mid_to_high_layers", "low_resource_gains_most", COST, "cka_predicts", "scrambled_does_as_well")
COMMAND = ("claims", "organism", *SMALL, "--only", ",".join(ONLY), "--out")


@pytest.fixture(scope="module", autouse=True)
def timed_a_few_times():
    """A slowdown that nobody reads needs no sixty repeats."""
    with pytest.MonkeyPatch.context() as patch:
        few = count(gains.FEWEST, gains.REPEATS)
        patch.setattr(gains, "in_turn", partial(gains.in_turn, repeats=few))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("claims")
    assert main([*COMMAND, str(place)]) == 0
    return place


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")


def test_every_claim_has_a_verdict_and_a_second_run_gives_the_same_bytes(folder, capsys):
    paths = [folder / "claims.parquet", folder / "claims.json", *(folder / "claims").glob("*.parquet")]
    before = {path: path.read_bytes() for path in paths}
    assert main([*COMMAND, str(folder)]) == 0
    assert {path: path.read_bytes() for path in paths} == before

    out = " ".join(capsys.readouterr().out.split())
    table = pd.read_parquet(folder / "claims.parquet")
    record = json.loads((folder / "claims.json").read_text())
    assert table.claim.tolist() == [name for name in ONLY if name != COST]
    assert {"model", "pair", "site", "aligner", "seed", "split"} <= set(table)
    for row in table.to_dict("records"):
        assert f"{row['verdict']}: {row['sentence']}" in out
        assert row["verdict"] == record[row["claim"]]["verdict"]


def test_what_is_planted_is_found(folder):
    """The far language's states map at low layers, and a scrambled map is none: the organism was made so."""
    found = pd.read_parquet(folder / "claims.parquet").set_index("claim")
    assert found.verdict["scrambled_does_as_well"] == "not supported"
    assert found.estimate["scrambled_does_as_well"] < -0.2
    assert found.verdict["low_resource_gains_most"] == "not decidable"  # of one pair
    lines = pd.read_parquet(folder / "claims" / "mid_to_high_layers.parquet")
    assert lines.layer.isin([4, 5]).all() and not lines.outside_layer.isin([4, 5]).any()


def test_the_difference_is_that_of_the_rows(folder):
    """Counted by hand from the table of the sweep."""
    sweep = pd.read_parquet(folder / "sweep.parquet")
    rows = sweep[(sweep.split == "test") & (sweep.language == "x-poor-far") & (sweep.seed.fillna(0) == 0)]
    scrambled = rows[rows.aligner == "shuffled_pairs"]
    scrambled = rows[rows.aligner == "clean"] if scrambled.empty else scrambled
    after, before, groups = paired_correct(scrambled, rows[rows.aligner == "ridge"])
    expected = paired_interval(after, before, groups)
    found = pd.read_parquet(folder / "claims.parquet").set_index("claim").loc["scrambled_does_as_well"]
    assert found.estimate == pytest.approx(expected.estimate)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_times_lie_apart_from_tables(folder):
    timed = json.loads((folder / "claims" / "timings.json").read_text())[COST]
    assert timed["numbers"]["repeats"] == len([one for one in timed["runs"] if one["where"] == "all layers"])
    assert all(one["clean"] > 0 and one["patched"] > 0 for one in timed["runs"])
    assert {one["where"] for one in timed["runs"]} == {"all layers", "the chosen layer"}
    assert COST not in (folder / "claims.json").read_text()


@pytest.fixture(scope="module")
def diagnosed(tmp_path_factory):
    """A folder of `workbench diagnose` with two pairs, of a model that knows nothing."""
    folder, place = tiny_organism().folder, tmp_path_factory.mktemp("diagnosed")
    task = f"choices:{folder / 'tasks' / 'exact.tsv.gz'}"
    given = (
        folder,
        "--text",
        folder / "parallel.tsv.gz",
        "--task",
        task,
        "--pairs",
        f"{FAR}-{MAIN},{NEAR}-{MAIN}",
    )
    assert main(["diagnose", *map(str, given), "--quick", "--anyway", "--out", str(place)]) == 0
    return place


def test_any_diagnosed_folder_will_do_and_is_left_as_it_was(diagnosed, tmp_path):
    resources = tmp_path / "read.tsv"
    resources.write_text(f"{FAR}\t0.25\n")
    before = {path: path.read_bytes() for path in diagnosed.iterdir() if path.is_file()}
    out, names = tmp_path / "out", [name for name in CLAIMS if name != COST]
    # One of its two pairs: the studies of both lie where they lay.
    command = ["claims", str(diagnosed), "--pairs", f"{FAR}-{MAIN}", "--resources", str(resources)]
    assert main([*command, "--only", ",".join(names), "--out", str(out)]) == 0
    table = pd.read_parquet(out / "claims.parquet").set_index("claim")
    assert table.index.tolist() == names and set(table.pair) == {f"{FAR}-{MAIN}"}
    assert f"workbench compare {diagnosed}" in table.sentence["complements_fine_tuning"]
    assert "read.tsv" in table.sentence["low_resource_gains_most"]
    assert {path: path.read_bytes() for path in diagnosed.iterdir() if path.is_file()} == before


def test_a_pair_that_was_not_studied_is_refused(diagnosed, capsys):
    assert main(["claims", str(diagnosed), "--pairs", f"{MAIN}-{FAR}"]) == 2
    assert f"has no study of {MAIN}-{FAR}: it has " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("organism", "--only", "mid_to_high"), "did you mean 'mid_to_high_layers'"),
        (("organism", "--band", "0.7"), "two fractions of the depth"),
        (("nowhere",), "there is no folder nowhere"),
    ],
)
def test_what_is_wrong_is_said_at_once(options, message, capsys):
    assert main(["claims", *options]) == 2
    assert message in capsys.readouterr().err
