"""A run is opened from its folder, wherever it was begun and wherever it lies now."""

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from counts import count
from organism_models import FAR, MAIN, NEAR, TINY, tiny_organism

import workbench as wb
from workbench.core.errors import InputError, StoreError, WorkbenchError
from workbench.figures import join_runs, make_spec
from workbench.organism import train_organism
from workbench.report import write_report
from workbench.results import Run as RunFolder
from workbench.results import open_run as open_folder
from workbench.study import Settings, prepare
from workbench.study.diagnosis import Run

OLD = Path(__file__).parents[1] / "golden" / "run-0.1"
SETTINGS = Settings(
    aligners=("ridge", "shuffled_pairs"), headline="ridge", interventions=("replace",), strengths=(1.0,)
)


@pytest.fixture(scope="module")
def several(study, tmp_path_factory):
    """Two pairs, run to their end."""
    folder = tmp_path_factory.mktemp("opened") / "several"
    text, pairs = tiny_organism().text(), [(FAR, MAIN), (NEAR, MAIN)]
    found = prepare(study.model, text, [study.task], pairs, folder, SETTINGS)
    return found, found.run()


def test_tables_choices_patch_and_items_come_without_a_model(study, result):
    run = wb.open_run(study.folder)
    assert isinstance(run, Run) and len(run.parts) == 1
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(run.tables[name], table, check_dtype=False)
    assert run.choices() == {o.choice.aligner: o.choice for o in result.outcomes}
    assert run.parts[0].verdict["sentence"] == result.sentence
    assert set(run.parts[0].items.split) == {"dev", "test"}
    if result.headline.choice.layer is not None:
        assert run.patch().card["pair"] == study.pair


def test_a_study_goes_on_with_its_own_model_or_a_given_one(study, result):
    run = wb.open_run(study.folder)
    again = run.study(study.model)
    assert again.settings == study.settings and again.text == study.text
    found = again.run()
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(found.tables[name], table)
    loaded = run.study().model
    assert loaded.weights_digest == study.model.weights_digest


def test_another_model_is_refused(study, result):
    other = tiny_organism().folder.parent / "other"
    if not other.exists():
        train_organism(replace(TINY, training=replace(TINY.training, steps=7)), other)
    with pytest.raises(InputError, match="give that model"):
        wb.open_run(study.folder).study(wb.load_model(other))


def test_several_studies_are_found_by_pair_and_corrected_together(several, study):
    found, _ = several
    run = wb.open_run(found.folder)
    assert [part.pair for part in run.parts] == [f"{FAR}-{MAIN}", f"{NEAR}-{MAIN}"]
    assert len(run.verdicts) == 2 and run.verdicts.holm_p.notna().all()
    one = run.study(study.model, pair=f"{NEAR}-{MAIN}")
    assert one.source == NEAR and one.folder == found.studies[1].folder
    with pytest.raises(InputError, match="name pair and task"):
        run.study(study.model)
    with pytest.raises(InputError, match="no study of sw-en"):
        run.diagnosis(study.model, pairs=["sw-en"])
    assert [s.pair for s in run.diagnosis(study.model, pairs=[f"{NEAR}-{MAIN}"]).studies] == [
        f"{NEAR}-{MAIN}"
    ]


def test_a_study_inside_a_run_can_be_opened_by_its_own_folder(several):
    found, _ = several
    run = wb.open_run(found.studies[1].folder)
    assert [part.pair for part in run.parts] == [f"{NEAR}-{MAIN}"] and run.root == found.folder
    assert set(run.tables["selection"].pair) == {f"{NEAR}-{MAIN}"}
    assert run.parts[0].items is not None and len(run.parts[0].items)


def test_a_run_that_was_moved_is_the_same_run(several, study, tmp_path):
    found, _ = several
    moved = tmp_path / "elsewhere"
    shutil.copytree(found.folder, moved)
    again = wb.open_run(moved).diagnosis(study.model)
    assert [one.folder for one in again.studies] == [
        moved / s.folder.relative_to(found.folder) for s in found.studies
    ]
    again.conclude(again.run())
    for name, table in wb.open_run(found.folder).tables.items():
        pd.testing.assert_frame_equal(wb.open_run(moved).tables[name], table)
    assert write_report(moved).exists() and make_spec("layers", join_runs(open_folder(moved)).frames)


def test_a_stopped_run_is_opened_as_far_as_it_went(study, tmp_path):
    stopped = prepare(study.model, study.text, [study.task], [(FAR, MAIN)], tmp_path, SETTINGS)
    run = wb.open_run(tmp_path)
    assert not run.parts[0].finished and list(run.tables) == ["items"]
    with pytest.raises(InputError, match="no study in it was finished"):
        run.verdicts  # noqa: B018
    assert write_report(tmp_path).exists()
    assert run.study(study.model).folder == stopped.studies[0].folder


@pytest.mark.parametrize("name", ["selection", "similarity", "sweep", "items"])
def test_one_flipped_bit_in_a_table_is_named(several, tmp_path, name):
    shutil.copytree(several[0].folder, tmp_path / "run")
    path = tmp_path / "run" / f"{name}.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match=f"{name}.parquet is damaged"):
        wb.open_run(tmp_path / "run").tables[name]


def everything(folder):
    """All that a run's folder holds, read."""
    run = wb.open_run(folder)
    made_of, tables = run.read_specification(), dict(run.tables)
    parts = [(dict(p.tables), p.records, p.manifest, p.items, p.test_rows) for p in run.parts]
    choices = [run.choices(part.pair, part.task) for part in run.parts]
    patches = [run.patch(p.pair, p.task) for p in run.parts if (p.folder / "patch.safetensors").exists()]
    return made_of, tables, parts, choices, patches


def test_no_flipped_bit_of_a_finished_run_is_read_as_other_data(several, tmp_path):
    shutil.copytree(several[0].folder, tmp_path / "run", ignore=shutil.ignore_patterns("store", "shards"))
    assert everything(tmp_path / "run")
    kinds = (".json", ".parquet", ".safetensors")
    files = [path for path in sorted((tmp_path / "run").rglob("*")) if path.suffix in kinds]
    draw = random.Random(0)
    for number in range(count(60, 1000)):
        path = files[number % len(files)]
        whole = path.read_bytes()
        at, bit = draw.randrange(len(whole)), 1 << draw.randrange(8)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
        with pytest.raises(WorkbenchError) as caught:
            everything(tmp_path / "run")
        assert path.name in str(caught.value), f"{path.name} at {at}: {caught.value}"
        path.write_bytes(whole)


def test_a_table_that_the_manifest_does_not_list_is_named(several, tmp_path):
    folder = several[0].folder
    shutil.copytree(folder, tmp_path / "run")
    inside = next((tmp_path / "run").glob("*/*/selection.parquet"))
    shutil.copy(inside, tmp_path / "run" / "comparison.parquet")
    with pytest.raises(StoreError, match="not listed"):
        wb.open_run(tmp_path / "run").tables["comparison"]
    shutil.copy(inside, tmp_path / "run" / "selection.parquet")
    with pytest.raises(StoreError, match="damaged"):
        wb.open_run(tmp_path / "run").tables["selection"]


def test_a_folder_of_version_1_gives_tables_figures_and_report(tmp_path):
    run = wb.open_run(OLD)
    assert {"aligner"} <= set(run.tables["fit"]) and "method" not in run.tables["sweep"]
    assert set(run.tables["similarity"].measure) >= {"cka"} and len(run.parts) == 2
    assert [part.source for part in run.parts] == ["x-poor-far", "x-rich-far"]
    assert set(run.parts[0].test_rows.split) == {"test"} and run.parts[0].items is not None
    for kind in ("layers", "aligners", "alignment", "similarity", "gap", "flips"):
        assert make_spec(kind, join_runs(run).frames).panels
    page = write_report(OLD, tmp_path / "old.html").read_text(encoding="utf-8")
    assert "x-poor-far" in page and "helps" in page
    with pytest.raises(InputError, match=r"run of workbench 0\.1 gives its tables, figures and report"):
        run.study()


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        wb.open_run(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no run"):
        wb.open_run(tmp_path)
    assert isinstance(open_folder(OLD), RunFolder)


def test_so_many_sentences_are_drawn_after_the_check(study, tmp_path):
    settings = replace(study.settings, rows=25)
    some = prepare(study.model, study.text, [study.task], [(FAR, MAIN)], tmp_path, settings)
    text = some.specification.text
    whole = list(zip(*(study.text[code] for code in (FAR, MAIN)), strict=True))
    places = [whole.index(row) for row in zip(*(text[code] for code in (FAR, MAIN)), strict=True)]
    assert len(text) == 25 and places == sorted(set(places))
