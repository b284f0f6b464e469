"""What a run is made of is written before any work, as data, and holds another run off its folder."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from organism_models import FAR, MAIN, NEAR, tiny_organism

from workbench.core.errors import InputError, StoreError
from workbench.core.store import read_json, write_json
from workbench.results import read_table
from workbench.study import Settings, Specification, prepare
from workbench.tasks import AnswerExample, AnswerTask, with_shots
from workbench.text import ParallelText


@pytest.fixture
def begun(study, tmp_path):
    """A study of two sentences and items, with only its specification written."""
    again = replace(study, folder=tmp_path / "run", store=study.alignment.store)
    again.begin()
    return again


def test_it_is_written_before_any_work_and_read_back_whole(begun):
    assert sorted(path.name for path in begun.folder.iterdir()) == [
        "items.parquet",
        "manifest.json",
        "specification.json",
        "text.parquet",
    ]
    found = Specification.read(begun.folder)
    assert found.text == begun.text and found.settings == begun.settings and found.pairs == ((FAR, MAIN),)
    (task,) = found.tasks
    for code in (FAR, MAIN):
        for split in ("fit", "dev", "test"):
            assert task.examples(code, split) == begun.items(code, split)
    assert found.model["weights_digest"] == begun.model.weights_digest
    assert found.threads == torch.get_num_threads() and found.versions["torch"] == torch.__version__


def test_shots_chats_and_generated_answers_are_kept_as_items(study, tmp_path):
    shots = with_shots(study.task, 1)
    sums = AnswerTask(
        "sums",
        tuple(
            AnswerExample(f"{split}{i}", f"{i} + 1 =", (str(i + 1), "x"), code, split, f"g{i}")
            for code in (FAR, MAIN)
            for split in ("dev", "test")
            for i in range(3)
        ),
        "number",
        notes=("made up",),
    )
    made = Specification.of(study.model, Settings(), [(FAR, MAIN)], [shots, sums], study.text)
    made.begin(tmp_path)
    first, second = Specification.read(tmp_path).tasks
    assert first.name == shots.name and first.notes == shots.notes and set(first.all) <= set(shots.all)
    assert second == sums and second.notes == ("made up",) and second.scorer == "number"


def test_the_same_run_goes_on_and_its_bytes_stay(begun):
    before = {path.name: path.read_bytes() for path in begun.folder.iterdir()}
    replace(begun).begin()
    assert {path.name: path.read_bytes() for path in begun.folder.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"settings": Settings(strengths=(0.5,))}, r"settings, \w+: .* there, .* now"),
        ({"source": NEAR}, "pairs: .* there, .* now"),
    ],
)
def test_results_of_another_run_are_refused_unless_they_are_to_be_overwritten(begun, change, says):
    (begun.folder / "mine.txt").write_text("mine")
    write_json(begun.folder / "choices.json", {"about": {}, "choices": {}})
    other = replace(begun, text=tiny_organism().text(), **change)
    before = (begun.folder / "specification.json").read_bytes()
    with pytest.raises(InputError, match=f"holds another run .*{says}"):
        other.begin()
    assert (begun.folder / "specification.json").read_bytes() == before
    replace(other, overwrite=True).begin()
    assert read_json(begun.folder / "specification.json")["pairs"] == [[other.source, MAIN]]
    assert (begun.folder / "mine.txt").read_text() == "mine"
    assert not (begun.folder / "choices.json").exists(), "what another run chose is gone with it"


def test_a_run_that_found_nothing_yet_gives_way_to_another(begun):
    replace(begun, settings=Settings(strengths=(0.5,))).begin()
    assert Specification.read(begun.folder).settings.strengths == (0.5,)


@pytest.mark.parametrize("name", ["manifest.json", "study.toml", "selection.parquet", "report.html"])
def test_files_of_somebody_else_are_named_and_left_as_they_are(study, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=f"{name} already exists"):
        replace(study, folder=tmp_path).begin()
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "mine"
    replace(study, folder=tmp_path, overwrite=True).begin()
    assert Specification.read(tmp_path).text == study.text


@pytest.mark.parametrize("name", ["text.parquet", "items.parquet", "specification.json"])
def test_what_is_damaged_is_refused_and_written_anew_by_the_same_run(begun, name, caplog):
    path = begun.folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    with pytest.raises(StoreError, match=name):
        Specification.read(begun.folder)
    replace(begun).begin()
    assert path.read_bytes() == whole and name in caplog.text


def test_a_diagnosis_keeps_languages_beyond_its_pairs_for_telling_them_apart(study, tmp_path):
    text = tiny_organism().text()
    found = prepare(study.model, text, [study.task], [(FAR, MAIN)], tmp_path)
    kept = Specification.read(tmp_path)
    assert set(kept.text.languages) == set(text.languages) and found.studies[0].text.languages == (FAR, MAIN)
    assert kept.left_out == found.examination.to_json()


def test_without_a_text_nothing_but_items_is_kept(study, tmp_path):
    prepare(study.model, None, [study.task], [(FAR, MAIN)], tmp_path)
    assert Specification.read(tmp_path).text is None and not (tmp_path / "text.parquet").exists()


def test_groups_of_sentences_are_kept(study, tmp_path):
    text = ParallelText({FAR: ("a b", "c d"), MAIN: ("e f", "g h")}, groups=("one", "two"), sources=("x",))
    Specification.of(study.model, Settings(), [(FAR, MAIN)], text=text).begin(tmp_path)
    found = Specification.read(tmp_path).text
    assert found == text and found.groups == ("one", "two") and found.sources == ("x",)
    assert list(read_table(tmp_path / "text.parquet")) == ["row", "group", FAR, MAIN]


def test_two_tasks_of_one_name_have_no_place(study, tmp_path):
    with pytest.raises(InputError, match="one name"):
        Specification.of(study.model, Settings(), [(FAR, MAIN)], [study.task, study.task])


def test_a_task_cannot_lead_out_of_the_folder(study):
    wild = replace(study.task, name="../../out")
    with pytest.raises(InputError, match="name of a task"):
        Specification.of(study.model, Settings(), [(FAR, MAIN)], [wild])


def test_a_folder_that_cannot_be_written_is_one_line(study):
    with pytest.raises(StoreError, match="/proc"):
        replace(study, folder=Path("/proc/nowhere"), store=None).begin()
