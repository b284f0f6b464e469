"""Runs of other pairs are merged into the run that one `diagnose` of all pairs gives; conflicts are named."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest
from organism_models import FAR, MAIN, NEAR, TINY, tiny_organism

import workbench as wb
from workbench.core.errors import InputError, StoreError
from workbench.core.store import digest_files, read_json, write_json
from workbench.figures import join_runs, make_spec
from workbench.organism import train_organism
from workbench.report import write_report
from workbench.results import read_table, write_table
from workbench.select import freeze
from workbench.stats import paired_test
from workbench.study import Settings, merge_runs, prepare

SETTINGS = Settings(
    aligners=("ridge", "shuffled_pairs"),
    headline="ridge",
    interventions=("replace",),
    strengths=(0.5, 1.0),
    refits=0,
)
DIFFERENT = {"specification.json", "race.json", "timings.json"}
"""Files that differ: what the doctor found in the sentences of all languages together, and times."""


def begun(model, folder, pairs, settings=SETTINGS, text=None, task=None):
    """A run that was stopped before its first study."""
    organism = tiny_organism()
    text, task = text or organism.text(), task or organism.task("exact")
    return prepare(model, text, [task], pairs, folder, settings)


def finished(diagnosis):
    diagnosis.run()
    return diagnosis.folder


@pytest.fixture(scope="module")
def model():
    return wb.load_model(tiny_organism().folder)


@pytest.fixture(scope="module")
def runs(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    pairs = {"far": [(FAR, MAIN)], "near": [(NEAR, MAIN)], "both": [(FAR, MAIN), (NEAR, MAIN)]}
    return {name: finished(begun(model, folder / name, named)) for name, named in pairs.items()}


@pytest.fixture(scope="module")
def merged(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("merged") / "all"
    return merge_runs([runs["far"], runs["near"]], folder)


def test_the_files_are_those_of_one_run_over_all_pairs(runs, merged):
    one, ours = digest_files(runs["both"]), digest_files(merged.folder)
    assert set(one) == set(ours)
    assert {name.rpartition("/")[2] for name in one if one[name] != ours[name]} <= DIFFERENT
    there, here = (read_json(place / "specification.json") for place in (runs["both"], merged.folder))
    assert {name for name in there if there[name] != here[name]} == {"left_out"}
    assert here["left_out"]["text_digest"] == there["left_out"]["text_digest"]
    assert not merged.unfinished and not merged.cautions and not merged.left_behind


def test_it_is_opened_drawn_and_continued_like_any_run(model, merged):
    run = wb.open_run(merged.folder)
    assert [part.pair for part in run.parts] == [f"{FAR}-{MAIN}", f"{NEAR}-{MAIN}"]
    assert write_report(merged.folder).exists() and make_spec("layers", join_runs(run).frames).panels
    before = {name: table.copy() for name, table in run.tables.items()}
    run.diagnosis(model).run()
    assert all(wb.open_run(merged.folder).tables[name].equals(table) for name, table in before.items())


def test_a_study_that_several_runs_have_is_taken_once(runs, merged, tmp_path):
    again = merge_runs([runs["near"], runs["both"], merged.folder, runs["near"]], tmp_path / "all")
    near = f"{NEAR}-{MAIN} · organism-exact"
    assert again.origins[near] == (runs["near"], runs["both"], merged.folder, runs["near"])
    assert len(wb.open_run(again.folder).verdicts) == 2
    alone = merge_runs([runs["near"]], tmp_path / "alone")
    one, ours = digest_files(runs["near"]), digest_files(alone.folder)
    assert set(one) == set(ours) and {name for name in one if one[name] != ours[name]} <= DIFFERENT


def planted(run, folder):
    """A copy of a run in which the patch of the headline makes every test item right, and its p."""
    shutil.copytree(run, folder)
    sweep = read_table(folder / "sweep.parquet")
    tested = (sweep.split == "test") & (sweep.language == NEAR)
    clean = sweep[tested & (sweep.aligner == "clean")].assign(correct=False)
    there = {"site": "resid_post.1", "layer": 1, "positions": "last", "joint": "one", "seed": 0}
    patched = clean.assign(aligner="ridge", intervention="replace", strength=1.0, correct=True, **there)
    parts = [sweep[~tested], clean, patched.astype(sweep.dtypes.to_dict())]
    write_table(pd.concat(parts, ignore_index=True), folder / "sweep.parquet")
    choice = wb.open_run(run).choices()["ridge"]
    where = {name: there[name] for name in ("site", "positions", "joint")}
    found = replace(choice, intervention="replace", layer=1, strength=1.0, also=where)
    freeze({"ridge": found}, folder / "choices.json", {})
    return folder, paired_test(patched.correct.astype(float), clean.correct.astype(float))


def test_verdicts_are_corrected_over_the_studies_of_all_runs(runs, tmp_path):
    near, p = planted(runs["near"], tmp_path / "near")
    verdicts = wb.open_run(merge_runs([runs["far"], near], tmp_path / "all").folder).verdicts
    assert p < 0.01 and verdicts.holm_p.tolist() == pytest.approx([1.0, 2 * p])
    assert verdicts.holm_verdict.tolist() == ["undecided", "helps"]


def refused(runs, folder, match, **more):
    with pytest.raises(InputError, match=match) as caught:
        merge_runs(runs, folder, **more)
    assert "\n" not in str(caught.value) and not list(folder.parent.glob(f"*{folder.name}*.part"))
    return str(caught.value)


def test_other_models_and_settings_are_named(runs, model, tmp_path):
    train_organism(replace(TINY, training=replace(TINY.training, steps=7)), tmp_path / "other")
    other = wb.load_model(tmp_path / "other", title="organism")
    pair = [(NEAR, MAIN)]
    run = begun(other, tmp_path / "run", pair).folder
    said = refused([runs["far"], run], tmp_path / "out", "model, weights_digest")
    assert str(run) in said and str(runs["far"]) in said and "workbench figures" in said
    seed = begun(model, tmp_path / "seed", pair, replace(SETTINGS, seed=1)).folder
    refused([runs["far"], seed], tmp_path / "out", "settings, seed: 1 and 0; `workbench figures`")
    assert not (tmp_path / "out").exists()


def test_other_sentences_and_items_are_named(runs, model, tmp_path):
    organism, pair = tiny_organism(), [(NEAR, MAIN)]
    text, task = organism.text(), organism.task("exact")
    fewer = begun(model, tmp_path / "fewer", pair, text=text.select(range(39))).folder
    refused([runs["far"], fewer], tmp_path / "out", "other sentences, 39 rows and 40; give all runs the same")
    sides = {code: list(text[code]) for code in text.languages}
    sides[MAIN][3] += " ."
    changed = begun(model, tmp_path / "changed", pair, text=replace(text, sentences=sides)).folder
    refused([runs["far"], changed], tmp_path / "out", f"other sentences in {MAIN}, 1 of them")
    items = begun(model, tmp_path / "items", pair, task=task.first(fit=40, dev=16, test=19)).folder
    refused([runs["far"], items], tmp_path / "out", f"other items of organism-exact in {MAIN}")
    renamed = begun(model, tmp_path / "renamed", pair, task=replace(task, name="other")).folder
    refused([runs["far"], renamed], tmp_path / "out", f"no run asks other in {FAR}")
    assert not (tmp_path / "out").exists()


def test_a_study_with_other_results_and_a_damaged_one_are_named(runs, tmp_path):
    shutil.copytree(runs["near"], tmp_path / "again")
    path = tmp_path / "again" / "verdict.json"
    write_json(path, read_json(path) | {"delta": 0.5})
    said = refused([runs["near"], tmp_path / "again"], tmp_path / "out", r"other results of .*\(verdict\)")
    assert "workbench diff" in said
    table = tmp_path / "again" / "sweep.parquet"
    table.write_bytes(table.read_bytes()[:-1])
    with pytest.raises(StoreError, match=r"sweep\.parquet is damaged"):
        merge_runs([runs["far"], tmp_path / "again"], tmp_path / "out")
    assert sorted(place.name for place in tmp_path.iterdir()) == ["again"]


def test_no_folder_is_replaced_but_a_run_when_asked_for(runs, tmp_path):
    both, out = [runs["far"], runs["near"]], tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    refused(both, out, "is there already")
    refused(both, out, "holds no run", overwrite=True)
    assert (out / "mine.txt").read_text() == "mine"
    refused(both, runs["far"], "holds the run", overwrite=True)
    merge_runs(both[:1], tmp_path / "all")
    merge_runs(both, tmp_path / "all", overwrite=True)
    assert len(wb.open_run(tmp_path / "all").verdicts) == 2


def test_what_no_study_can_be_taken_from_is_named(runs, tmp_path):
    refused([], tmp_path / "out", "name the folders")
    refused([runs["both"] / f"{FAR}-{MAIN}" / "organism-exact"], tmp_path / "out", "is one study of")
    refused(["gemma3-sib200"], tmp_path / "out", "not its sentences and items")


def test_unfinished_studies_later_analyses_and_other_versions_are_told(runs, model, tmp_path):
    near = begun(model, tmp_path / "near", [(NEAR, MAIN)]).folder
    about = read_json(near / "specification.json")
    about["versions"] |= {"torch": "0.1"}
    write_json(near / "specification.json", about)
    shutil.copytree(runs["far"], tmp_path / "far")
    (tmp_path / "far" / "comparison.parquet").write_bytes(b"")
    merged = merge_runs([tmp_path / "far", near], tmp_path / "all")
    assert merged.unfinished == (f"{NEAR}-{MAIN} · organism-exact",)
    assert merged.left_behind == (tmp_path / "far" / "comparison.parquet",)
    (caution,) = merged.cautions
    assert "torch 0.1 in place of" in caution and caution in wb.open_run(merged.folder).cautions
    again = merge_runs([merged.folder, runs["near"]], tmp_path / "whole")
    assert not again.unfinished and len(wb.open_run(again.folder).verdicts) == 2
