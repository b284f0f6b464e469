"""Two runs are compared by inputs, choices, gains, verdicts and tables; planted differences are found."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from report import folders

from workbench.results import differences, open_run


@pytest.fixture
def run(tmp_path):
    folders.study(tmp_path / "run")
    return tmp_path / "run"


def changed(run, name, change):
    """A copy of the run with another table."""
    folder = run.parent / "other"
    shutil.copytree(run, folder, dirs_exist_ok=True)
    change(pd.read_parquet(run / f"{name}.parquet")).to_parquet(folder / f"{name}.parquet", index=False)
    return differences(open_run(run), open_run(folder))


def only(found, name):
    """The row of the one table that differs."""
    (study,) = found.studies
    (row,) = study.tables[~study.tables.same].to_dict("records")
    assert row["table"] == name and not found.same and not study.same
    return row


def test_a_copy_is_the_same(run):
    shutil.copytree(run, run.parent / "copy")
    found = differences(open_run(run), open_run(run.parent / "copy"))
    assert found.same and found.inputs.empty and found.circumstances.empty
    (study,) = found.studies
    assert study.first == study.second and study.first["aligner"] == "ridge" and study.tables.same.all()


def test_the_largest_difference_of_a_number_is_found_with_its_column(run):
    def shifted(table):
        table.loc[3, "value"] += 0.25
        table.loc[4, "low"] -= 0.125
        return table

    row = only(changed(run, "similarity", shifted), "similarity")
    assert row["largest"] == pytest.approx(0.25) and row["column"] == "value" and row["changed"] == 0


def test_words_missing_numbers_and_other_rows_are_told_apart(run):
    def said(table):
        table.loc[2, "note"] = "few sentences"
        table.loc[5, "value"] = float("nan")
        return table

    row = only(changed(run, "similarity", said), "similarity")
    assert (row["changed"], row["largest"], row["column"]) == (2, 0.0, None)
    row = only(changed(run, "similarity", lambda table: table[1:]), "similarity")
    assert row["other_rows"] == row["rows"] - 1 and pd.isna(row["largest"]) and pd.isna(row["changed"])
    row = only(changed(run, "similarity", lambda table: table.iloc[::-1]), "similarity")
    assert row["other_rows"] == row["rows"] and pd.isna(row["largest"])


def test_another_choice_and_verdict_are_shown(run):
    def moved(table):
        best = table.headline
        table.loc[best, "layer"] += 1
        table.loc[best, ["verdict", "gain"]] = ["undecided", 0.0]
        return table

    found = changed(run, "selection", moved)
    (study,) = found.studies
    assert study.second["layer"] == study.first["layer"] + 1 and study.second["gain"] == 0
    assert study.second["verdict"] == "undecided" != study.first["verdict"]
    assert only(found, "selection")["changed"] == 1, "the rows of a table of choices match by aligner"


def test_columns_of_a_whole_run_and_later_analyses_are_left_out(run):
    assert changed(run, "selection", lambda table: table.assign(holm_p=1.0, holm_verdict="helps")).same
    folders.compared(run.parent / "other")
    assert differences(open_run(run), open_run(run.parent / "other")).same


def test_a_study_in_one_run_alone_is_a_difference(run, tmp_path):
    folders.study(tmp_path / "third", task="xnli")
    found = differences(open_run(run), open_run(tmp_path / "third"))
    assert [study.only for study in found.studies] == ["first", "second"]
    assert not found.same and not any(study.same for study in found.studies)


def test_infinite_numbers_are_compared(run):
    def infinite(table):
        table.loc[0, "value"] = float("inf")
        return table

    assert only(changed(run, "similarity", infinite), "similarity")["largest"] == float("inf")


def test_runs_without_a_task_are_compared_by_their_tables(tmp_path):
    for name, value in (("one", 0.5), ("two", 0.75)):
        (tmp_path / name).mkdir()
        table = pd.DataFrame({"model": "m", "pair": ["a-b"], "measure": "cka", "value": value})
        table.to_parquet(tmp_path / name / "grid.parquet")
    found = differences(open_run(tmp_path / "one"), open_run(tmp_path / "two"))
    assert only(found, "grid")["largest"] == 0.25


def test_studies_kept_with_the_project_and_runs_of_version_1_are_compared():
    kept = differences(open_run("gemma3-sib200"), open_run("gemma3-xcopa"))
    assert not kept.same and {study.only for study in kept.studies} == {"first", "second"}
    old = open_run(Path(__file__).parents[1] / "golden" / "run-0.1")
    assert differences(old, old).same
