"""The whole path, on a toy so small that it knows nothing; and, in full, on the toy of the demo."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.models import load_model
from workbench.organism import FAR, MAIN, ToyConfig, make_toy
from workbench.study import Study
from workbench.sweep import CLEAN
from workbench.tasks import ChoiceTask

SMALL = ToyConfig(
    things=8,
    relations=2,
    kinds=2,
    text=40,
    dev=16,
    test=20,
    d_model=32,
    n_layers=2,
    d_mlp=32,
    steps=3,
    batch=8,
)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return make_toy(tmp_path_factory.mktemp("toy"), SMALL)


@pytest.fixture(scope="module")
def study(toy, tmp_path_factory):
    model = load_model(toy.folder)
    return Study(model, toy.text, toy.task, toy.source, toy.target, tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def result(study):
    return study.run()


def test_the_counts_add_up(result):
    assert result.n == {"fit": 32, "held_out": 8, "dev": 16, "test": 20}
    assert result.pair == f"{FAR}-{MAIN}"
    assert result.gap.estimate == pytest.approx(result.ceiling.estimate - result.baseline.estimate)


def test_dev_holds_every_branch_and_test_only_what_was_chosen(result):
    sweep = result.tables["sweep"]
    own = sweep[sweep.language == FAR]
    branches = own[own.method != CLEAN].groupby(["split", "method", "intervention", "layer"]).size()
    assert len(branches["dev"]) == 4 * 2 * 2 and set(branches["dev"]) == {16}
    outcomes = (result.headline, *result.others)
    chosen = {o.choice.method: o.choice for o in outcomes if o.choice.layer is not None}
    tested = branches["test"].reset_index() if "test" in branches.index.get_level_values(0) else []
    assert len(tested) == len(chosen)


def test_gains_are_those_of_the_sweep_table(result):
    sweep = result.tables["sweep"]
    test = sweep[(sweep.split == "test") & (sweep.language == FAR)]
    clean = test[test.method == CLEAN].correct.mean()
    assert result.baseline.estimate == pytest.approx(clean)
    for outcome in (result.headline, *result.others):
        assert outcome.accuracy.estimate == pytest.approx(clean + outcome.gain.estimate)
        assert outcome.is_control == (outcome.choice.method in ("identity", "shuffled_pairs"))


def test_what_is_written_is_what_was_returned(result):
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(pd.read_parquet(result.paths[name]), table, check_dtype=False)
        for column in ("model", "pair", "site", "method", "seed", "split"):
            assert column in table, f"{name} lacks {column}"
    page = result.paths["heatmap"].read_text()
    assert page.startswith("<!doctype html>") and "least_squares" in page
    manifest = json.loads(result.paths["manifest"].read_text())
    assert manifest["n"] == result.n and len(manifest["model"]["weights_digest"]) == 64


def test_a_second_run_finds_the_same(study, result):
    again = study.run()
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table)
    assert again.headline == result.headline and again.headline_over == result.headline_over


def test_maps_never_see_the_held_out_rows(study):
    assert not set(study.split.fit) & set(study.split.test)


def test_items_must_be_asked_in_both_languages(study, toy, tmp_path):
    half = ChoiceTask("half", tuple(e for e in toy.task.all if e.language == FAR))
    with pytest.raises(InputError, match="needs dev items"):
        Study(study.model, toy.text, half, FAR, MAIN, tmp_path)


@pytest.mark.full
def test_the_toy_of_the_demo_has_a_gap_that_a_map_narrows(tmp_path):
    toy = make_toy(tmp_path)
    result = Study(load_model(toy.folder), toy.text, toy.task, FAR, MAIN, tmp_path / "study").run()
    assert result.ceiling.low > 0.95 and result.gap.low > 0.1
    assert result.headline.gain.low > 0
    assert result.headline_over["shuffled_pairs"].low > 0


def test_every_column_of_every_table_is_documented(result):
    page = (Path(__file__).parent.parent / "docs" / "tables.md").read_text(encoding="utf-8")
    common, *sections = page.split("\n## ")[1:]
    documented = {part.split("\n")[0]: set(re.findall(r"`([a-z_0-9]+)`", part)) for part in sections}
    shared = set(re.findall(r"^\| `([a-z_]+)`", common, flags=re.MULTILINE))
    assert set(documented) == set(result.tables)
    for name, table in result.tables.items():
        assert shared <= set(table.columns), name
        assert set(table.columns) <= shared | documented[name], name
