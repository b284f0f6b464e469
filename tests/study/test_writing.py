"""What a study leaves beside its tables: what the items say, and the verdict in words."""

import json

import pandas as pd
from organism_models import FAR, MAIN

from workbench.store import read_json
from workbench.study.writing import items_table, verdict_json
from workbench.tasks import AnswerExample


def test_the_items_are_those_of_the_task_in_both_languages(study, result):
    found = pd.read_parquet(result.paths["items"])
    expected = [e for code in (FAR, MAIN) for split in ("dev", "test") for e in study.items(code, split)]
    assert found.example.tolist() == [e.id for e in expected]
    assert found.prompt.tolist() == [e.prompt for e in expected]
    assert [tuple(choices) for choices in found.choices] == [e.choices for e in expected]
    assert found.answer.tolist() == [e.answer for e in expected]
    assert found.language.unique().tolist() == [FAR, MAIN] and set(found.pair) == {study.pair}
    rows = result.tables["sweep"]
    assert set(rows.example) <= set(found.example), "every item that was scored can be read"


def test_of_generated_answers_those_that_are_right_are_kept(study, monkeypatch):
    item = AnswerExample("a", "2 + 2 =", ("4", "four"), FAR, "test")
    monkeypatch.setattr(study, "items", lambda language, split: (item,) if split == "test" else ())
    found = items_table(study)
    assert found.answer.isna().all() and found.answers.tolist() == [["4", "four"]] * 2
    assert found.choices.tolist() == [[], []]


def test_the_verdict_is_the_results_own(result):
    found = read_json(result.paths["verdict"])
    assert found == json.loads(json.dumps(verdict_json(result)))
    assert found["sentence"] == result.sentence and found["kind"] == result.headline.verdict.kind
    assert found["gap"]["estimate"] == result.gap.estimate and found["source"] == FAR
    assert found["baseline"] == vars(result.baseline)
    manifest = json.loads(result.paths["manifest"].read_text(encoding="utf-8"))
    assert manifest["lower_is_better"] == ["procrustes"]
