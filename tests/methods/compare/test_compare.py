"""A comparison chooses on dev, judges on test, and holds every method against the same items."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from methods.baselines.conftest import study_of
from methods.compare.conftest import METHODS
from organism_models import FAR, MAIN, tiny_organism

from workbench.core.errors import InputError
from workbench.methods.baselines import organism_wording
from workbench.methods.compare import Plan, compare, with_holm
from workbench.methods.compare import run as comparing
from workbench.methods.compare.candidates import choose_configurations
from workbench.methods.recipes import RECIPES
from workbench.models import load_model
from workbench.stats import holm
from workbench.study import Study
from workbench.sweeps import sweep


def row(compared, method):
    return compared.table.set_index("method").loc[method]


def test_every_method_has_a_row_and_directly_asking_is_the_first(compared):
    methods = compared.table.method.tolist()
    assert methods[0] == "direct"
    assert set(METHODS) <= set(methods) and "shots_own+incline_single" in methods
    assert compared.table.n.dropna().unique().tolist() == [120]
    assert compared.table.split.unique().tolist() == ["test"]


def test_what_has_nothing_to_work_on_says_why(compared):
    found = row(compared, "prompt_translation")
    assert "no instruction" in found.note and pd.isna(found.accuracy)


def test_accuracies_and_gains_are_those_of_the_naive_loop(study, compared):
    """The chosen configuration, run one at a time by the reference, gives the same numbers."""
    tried, _, _ = choose_configurations(study, [RECIPES["incline_single"]])
    configuration = next(one.configuration for one in tried if one.control is None)
    rows = sweep(
        study.model,
        study.items(study.source, "test"),
        [configuration],
        task="exact",
        pair=study.pair,
        way="naive",
    )
    right = rows.pivot(index="example", columns="aligner", values="correct").astype(float)
    gain = (right["incline_single"] - right["clean"]).mean()
    assert row(compared, "incline_single").gain == pytest.approx(gain)
    assert row(compared, "incline_single").accuracy == pytest.approx(right["incline_single"].mean())
    assert row(compared, "direct").accuracy == pytest.approx(right["clean"].mean())


def test_what_is_planted_is_found(compared):
    """The organism's far language has a gap, a map closes part of it, and controls do not."""
    target, single = row(compared, "target_language"), row(compared, "incline_single")
    assert target.accuracy > 0.95 and target.gain > 0.4
    assert single.holm_verdict == "helps" and single.gain > 0.2
    assert single.share_of_gap == pytest.approx(single.gain / target.gain)
    assert abs(single.random_gain) < 0.1 and single.shuffled_over_low > 0.1
    assert single.retention < 0  # the paper's formula costs the main language something


def test_costs_are_counted(study, compared):
    direct, shots, single = (row(compared, name) for name in ("direct", "shots_own", "incline_single"))
    lengths = [
        len(ids) for ids in study.model.tokens.encode([e.prompt for e in study.items(study.source, "test")])
    ]
    assert direct.item_tokens == np.mean(lengths) == single.item_tokens < shots.item_tokens
    assert single.parameters == study.model.info.d_model**2
    assert single.pairs == len(study.alignment.split.fit) and single.labels == 0
    assert shots.labels == 1 and shots.parameters == 0
    assert compared.seconds.keys() == {"direct", "target_language", "shots_own", "incline_single"}


def test_what_took_long_once_is_not_forgotten_when_it_is_found_done(compared, tmp_path):
    known = json.loads(compared.paths["timings"].read_text())
    assert known["seconds_per_item"] == compared.seconds
    assert known["seconds_to_prepare"] == compared.prepared and compared.prepared["incline_single"] > 0
    (tmp_path / "timings.json").write_text('{"seconds_to_prepare": {"lora": 70.5, "direct": 0.1}}')
    seconds = {"lora": 0.2, "direct": 1.0}
    assert comparing._prepared(seconds, tmp_path / "timings.json") == {"lora": 70.5, "direct": 1.0}
    (tmp_path / "timings.json").write_bytes(compared.paths["timings"].read_bytes()[:-9])  # damaged: unknown
    assert comparing._prepared(seconds, tmp_path / "timings.json") == {"lora": 0.2, "direct": 1.0}


def test_a_gain_on_dev_is_over_asking_directly_there(study, compared):
    items = study.items(study.source, "dev"), study.items(study.target, "dev")
    own, main = (
        sweep(study.model, some, [], task="exact", pair=study.pair, way="naive").correct.mean()
        for some in items
    )
    assert row(compared, "target_language").dev_gain == pytest.approx(main - own)
    assert row(compared, "direct").dev_gain == 0


def test_what_is_patched_on_top_is_held_against_its_baseline(compared):
    top, shots = row(compared, "shots_own+incline_single"), row(compared, "shots_own")
    assert top.over_own == pytest.approx(top.accuracy - shots.accuracy)
    assert top.gain == pytest.approx(top.accuracy - row(compared, "direct").accuracy)
    assert top.labels == 1 and top.pairs > 0


def test_choices_are_frozen_with_their_digest(compared):
    record = json.loads(compared.paths["choices"].read_text())
    assert record["variants"]["shots_own"] == row(compared, "shots_own").chosen
    assert set(record["configurations"]) >= {
        "incline_single",
        "incline_single~random",
        "incline_single~shuffled",
    }
    assert len(record["digest"]) == 64


@pytest.mark.full
def test_the_same_seed_gives_the_same_table_to_the_bit(organism, organism_model, tmp_path, wording, compared):
    again = compare(
        study_of(organism, organism_model, tmp_path, "exact"),
        wording,
        Plan.of(METHODS, on_top=("incline_single",)),
    )
    pd.testing.assert_frame_equal(again.table, compared.table, check_exact=True)


def test_the_same_seed_gives_the_same_table_of_a_tiny_model(tmp_path):
    organism = tiny_organism()
    wording = replace(organism_wording(organism.config), shots=(1,), seeds=2)
    plan, text, task = Plan.of(METHODS, on_top=("incline_single",)), organism.text(), organism.task("exact")
    one, again = (
        compare(Study(load_model(organism.folder), text, task, FAR, MAIN, folder), wording, plan)
        for folder in (tmp_path / "one", tmp_path / "again")
    )
    assert set(METHODS) <= set(one.table.method)
    pd.testing.assert_frame_equal(again.table, one.table, check_exact=True)


def test_holm_is_over_all_methods_but_what_gains_are_held_against(compared):
    table = compared.table
    judged = table[table.p.notna() & ~table.method.isin(["direct", "target_language"])]
    assert judged.holm_p.tolist() == pytest.approx(list(holm(judged.p.tolist())))
    assert table.set_index("method").holm_p[["direct", "target_language"]].isna().all()
    two = with_holm(pd.concat([table, table], ignore_index=True))
    assert (two.holm_p.dropna().to_numpy()[: len(judged)] >= judged.holm_p.to_numpy()).all()


def test_a_gain_that_holm_takes_back_is_equivalent_where_it_was_shown_to_be_small(compared):
    table = compared.table[~compared.table.method.isin(["direct", "target_language"])].head(3).copy()
    table["p"], table["verdict"] = [0.03, 0.03, 0.01], "helps"
    table["within_delta"] = pd.array([True, False, True], dtype="boolean")
    assert with_holm(table).holm_verdict.tolist() == ["equivalent", "undecided", "helps"]


def test_unknown_methods_get_the_closest_name():
    with pytest.raises(InputError, match="did you mean 'shots_own'"):
        Plan.of(["shots_won"])
