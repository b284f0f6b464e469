"""What a study leaves beside its tables: what the items say, and the verdict in words."""

import json

from organism_models import FAR, MAIN

from workbench.core.store import read_json
from workbench.results import read_table
from workbench.study.specification import items_table
from workbench.tasks import AnswerExample, AnswerTask


def test_the_items_are_those_of_the_task_in_both_languages_and_all_splits(study, result):
    found = read_table(study.folder / "items.parquet")
    splits = ("fit", "dev", "test")
    expected = [e for code in (FAR, MAIN) for split in splits for e in study.items(code, split)]
    assert found.example.tolist() == [e.id for e in expected]
    assert found.prompt.tolist() == [e.prompt for e in expected]
    assert [tuple(choices) for choices in found.choices] == [e.choices for e in expected]
    assert found.answer.tolist() == [e.answer for e in expected]
    assert found.language.unique().tolist() == [FAR, MAIN] and set(found.task) == {study.task.name}
    rows = result.tables["sweep"]
    assert set(rows.example) <= set(found.example), "every item that was scored can be read"


def test_of_generated_answers_those_that_are_right_are_kept():
    items = (AnswerExample("a", "2 + 2 =", ("4", "four"), FAR, "test"),)
    found = items_table([AnswerTask("sums", items, "number")])
    assert found.answer.isna().all() and found.answers.tolist() == [["4", "four"]]
    assert found.choices.tolist() == [[]]


def test_the_verdict_is_the_results_own(result):
    found = read_json(result.paths["verdict"])
    assert found == json.loads(json.dumps(result.verdict_json()))
    assert found["sentence"] == result.sentence and found["kind"] == result.headline.verdict.kind
    assert found["gap"]["estimate"] == result.gap.estimate and found["source"] == FAR
    assert found["baseline"] == vars(result.baseline)
    manifest = read_json(result.paths["manifest"])
    assert manifest["lower_is_better"] == ["procrustes"]


def test_timings_are_of_the_steps_and_of_loading_the_model(study, result):
    found = read_json(result.paths["timings"])
    # A later test may have run the study again, in less time.
    assert set(found["seconds"]) == set(result.seconds) and found["load"] == study.model.load_seconds
    assert {"weights", "reference", "self_check", "digest"} <= set(found["load"])
