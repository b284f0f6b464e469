"""The whole path, on a model so small that it knows nothing; and, in full, on the one that ships."""

import pandas as pd
import pytest
from organism_models import FAR, MAIN

from workbench.align import CONTROLS
from workbench.core.errors import InputError
from workbench.core.store import read_json
from workbench.models import load_model
from workbench.organism import shipped
from workbench.select import Choice, thaw
from workbench.study import Settings, Study
from workbench.sweeps import CLEAN
from workbench.tasks import ChoiceTask


def test_the_counts_add_up(result):
    assert result.n == {"fit": 32, "held_out": 8, "dev": 16, "test": 20}
    assert result.pair == f"{FAR}-{MAIN}"
    assert result.gap.estimate == pytest.approx(result.target_accuracy.estimate - result.baseline.estimate)


def test_a_formula_without_a_strength_is_run_once(study, maps):
    configurations = study.configurations(maps)
    variants = [("replace", 1.0), ("interpolate", 0.25), ("interpolate", 0.5)]
    for aligner in study.settings.aligners:
        for layer in range(3):
            own = [b for b in configurations if b.aligner == aligner and b.site.layer == layer]
            assert sorted((b.intervention, b.strength) for b in own) == sorted(variants)
    assert len(configurations) == len(study.settings.aligners) * 3 * len(variants)


def test_dev_holds_every_configuration_and_test_only_what_was_chosen(result):
    sweep = result.tables["sweep"]
    patched = sweep[(sweep.language == FAR) & (sweep.aligner != CLEAN)]
    rows = patched.groupby(["split", "aligner", "intervention", "layer", "strength"]).size()
    assert len(rows["dev"]) == 5 * 3 * 3 and set(rows["dev"]) == {16}
    tested = {configuration[1:]: count for configuration, count in rows.items() if configuration[0] == "test"}
    chosen = {
        (c.aligner, c.intervention, c.layer, c.strength): 20
        for c in (outcome.choice for outcome in (result.headline, *result.others))
        if c.layer is not None
    }
    assert tested == chosen


def test_target_items_meet_the_headline_alone(study, maps):
    choices = {m: Choice(m, "replace", 1, 1.0, 0.1, 0.1) for m in study.settings.aligners}
    sweep = study.test(maps, choices, study.alignment.capture())
    assert set(sweep.split) == {"test"}
    assert set(sweep[sweep.language == FAR].aligner) == {CLEAN, *study.settings.aligners}
    there = sweep[sweep.language == MAIN]
    assert there.aligner.value_counts().to_dict() == {CLEAN: 20, study.settings.headline: 20}


def test_the_headline_is_fitted_anew_on_other_draws(study, maps):
    choices = {"ridge": Choice("ridge", "replace", 1, 1.0, 0.1, 0.1)}
    sweep = study.test(maps, choices, study.alignment.capture())
    own = sweep[(sweep.language == FAR) & (sweep.aligner == "ridge")]
    assert own.seed.value_counts().to_dict() == dict.fromkeys(range(6), 20), "the map and five refits"
    margins = own.set_index(["seed", "example"]).margin.unstack("seed")
    assert margins.T.drop_duplicates().shape[0] == 6, "no two fits are the same"


def test_gains_are_those_of_the_sweep_table(result):
    sweep = result.tables["sweep"]
    test = sweep[(sweep.split == "test") & (sweep.language == FAR)]
    clean = test[test.aligner == CLEAN].correct.mean()
    assert result.baseline.estimate == pytest.approx(clean)
    for outcome in (result.headline, *result.others):
        assert outcome.accuracy.estimate == pytest.approx(clean + outcome.gain.estimate)
        assert outcome.is_control == (outcome.choice.aligner in CONTROLS)
        assert result.outcome(outcome.choice.aligner) is outcome


def test_what_is_written_is_what_was_returned(study, result):
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(pd.read_parquet(result.paths[name]), table, check_dtype=False)
    page = result.paths["heatmap"].read_text()
    assert page.startswith("<!doctype html>") and study.settings.headline in page
    manifest = read_json(result.paths["manifest"])
    assert manifest["n"] == result.n and set(manifest["files"]) >= {
        f"{name}.parquet" for name in result.tables
    }
    specified = read_json(study.folder / "specification.json")
    assert len(specified["model"]["weights_digest"]) == 64
    assert specified["settings"] == study.settings.to_json()


def test_a_second_run_finds_the_same(study, result):
    again = study.run()
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table)
    assert again.headline == result.headline and again.headline_over == result.headline_over


def test_maps_never_see_the_held_out_rows(study):
    assert not set(study.alignment.split.fit) & set(study.alignment.split.test)


def test_items_must_be_asked_in_the_source_language(study, tmp_path):
    half = ChoiceTask("half", tuple(e for e in study.task.all if e.language == MAIN))
    with pytest.raises(InputError, match="needs dev items"):
        Study(study.model, study.text, half, FAR, MAIN, tmp_path)


def test_target_items_must_be_the_same_ones(study, tmp_path):
    some = ChoiceTask("some", tuple(e for i, e in enumerate(study.task.all) if e.language == FAR or i % 2))
    with pytest.raises(InputError, match="the same ones or none"):
        Study(study.model, study.text, some, FAR, MAIN, tmp_path)


def test_without_target_items_there_is_a_verdict_but_no_gap(study, tmp_path):
    half = ChoiceTask("half", tuple(e for e in study.task.all if e.language == FAR))
    settings = Settings(
        aligners=("ridge", "identity"), headline="ridge", interventions=("replace",), strengths=(1.0,)
    )
    result = Study(study.model, study.text, half, FAR, MAIN, tmp_path, settings).run()
    assert result.gap is None and result.target_accuracy is None and result.retained is None
    assert "gap" not in result.sentence and result.facts.worth_going_on
    assert result.headline.gain.n == 20


@pytest.mark.parametrize("way", ["cascade", "from_clean"])
def test_all_layers_can_be_patched_at_once(study, tmp_path, way):
    settings = Settings(aligners=("ridge",), interventions=("add_mapped",), strengths=(0.1,), joint=(way,))
    here = Study(study.model, study.text, study.task, FAR, MAIN, tmp_path, settings)
    maps, states = here.alignment.fit(here.alignment.capture()), here.alignment.capture()
    joint = [configuration for configuration in here.configurations(maps) if configuration.joint != "one"]
    assert [configuration.columns["site"] for configuration in joint] == ["resid_post.0-2"] and joint[
        0
    ].joint == way
    again = here.refitted(joint[0], states)
    assert {configuration.seed for configuration in again} == {1, 2, 3, 4, 5}
    assert all(
        configuration.where == joint[0].where and configuration.joint == way for configuration in again
    )
    found = here.run().tables["exploration"]
    assert set(found.joint) == {"one", way}


def test_the_method_can_be_chosen_on_dev_too(study, result, tmp_path):
    settings = Settings(
        aligners=("mean_shift", "ridge", "identity"), interventions=("replace",), strengths=(1.0,)
    )
    found = Study(study.model, study.text, study.task, FAR, MAIN, tmp_path, settings).run()
    gains = {o.choice.aligner: o.choice.smoothed_gain for o in found.outcomes if not o.is_control}
    assert found.headline.choice.aligner == max(gains, key=gains.get)
    assert found.tables["selection"].set_index("aligner").headline[found.headline.choice.aligner]


@pytest.mark.full
def test_the_organism_that_ships_has_a_gap_that_a_map_narrows(tmp_path):
    organism = shipped()
    text, task = organism.text().select(range(600)), organism.task("exact").first(dev=300, test=1000)
    result = Study(load_model(organism.folder), text, task, "x-poor-far", "x-main", tmp_path).run()
    assert result.target_accuracy.low > 0.95 and result.gap.low > 0.25
    assert result.headline.choice.aligner == "ridge" and result.headline.gain.low > 0
    assert result.headline_over["shuffled_pairs"].low > 0


def test_choices_were_frozen_and_are_those_reported(result):
    frozen = thaw(result.paths["choices"])
    assert frozen == {o.choice.aligner: o.choice for o in (result.headline, *result.others)}
    selection = result.tables["selection"].set_index("aligner")
    for outcome in (result.headline, *result.others):
        row = selection.loc[outcome.choice.aligner]
        assert row.verdict == outcome.verdict.kind and row.agreement == outcome.crossfit.agreement
        assert row.gained - row.lost == round(outcome.gain.estimate * row.n)
