"""The items that changed: all of them, in both languages, with what was said without and with the patch."""

import shutil

import pandas as pd
import pytest
from report import folders
from report.reading import number, page_of


def test_items_that_turned_are_those_of_the_sweep(alone):
    root = page_of(alone[0])
    right = {f"e{i}" for i in range(12) if folders.after(i) and not folders.before(i)}
    wrong = {f"e{i}" for i in range(12) if folders.before(i) and not folders.after(i)}
    rows = items_of(root)
    shown = {row.all("th")[0].text: [cell.text for cell in row.all("td")] for row in rows}
    assert {name for name, cells in shown.items() if cells[0] == "became right"} == right
    assert {name for name, cells in shown.items() if cells[0] == "became wrong"} == wrong
    # The change in margin is 1.5 i.
    assert [int(name[1:]) for name in shown] == sorted((int(n[1:]) for n in right | wrong), reverse=True)
    for name, cells in shown.items():
        assert number(cells[-1]) == pytest.approx(1.5 * int(name[1:]))
        answer, other = ("Swali a", "b")[:: 1 if int(name[1:]) % 2 == 0 else -1]
        assert cells[2:5] == ([answer, other, answer] if name in right else [answer, answer, other])
    stay = 4 - len(wrong), 12 - 4 - len(right)
    said = (
        f"{len(right)} became right and {len(wrong)} became wrong; {stay[0]} stayed right, {stay[1]} stayed"
    )
    assert said in root.text


def items_of(root):
    (table,) = root.all("table", class_="items")
    return table.all("tbody")[0].all("tr")


def test_items_are_read_in_both_languages_each_its_own_way(alone):
    item = items_of(page_of(alone[0]))[0]
    name = item.all("th")[0].text[1:]
    swahili, arabic = item.all("p", class_="prompt")
    assert swahili.text == f"Swali {name}?" and arabic.text == f"أين القطة {name}?"
    assert [p.attributes["lang"] for p in (swahili, arabic)] == ["sw", "ar"]
    assert swahili.attributes["dir"] == arabic.attributes["dir"] == "auto"
    source, _ = item.all("ol")
    marks = {int("b" in li.text[:3]): li.text for li in source.all("li")}
    answer = int(name) % 2
    assert "right answer, said with it" in marks[answer] and "said without the patch" in marks[1 - answer]


def test_generated_answers_are_shown_as_they_were_given(alone, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(alone[0], folder)
    items, sweep = (pd.read_parquet(folder / f"{name}.parquet") for name in ("items", "sweep"))
    items["choices"], items["answers"] = [[]] * len(items), [["four", "4"]] * len(items)
    items["answer"] = pd.array([pd.NA] * len(items), dtype="Int64")
    sweep["prediction"] = pd.array([pd.NA] * len(sweep), dtype="Int64")
    sweep["generated"] = sweep.aligner.map({"clean": "five <b>", "ridge": "four!"})
    sweep["margin"] = float("nan")
    items.to_parquet(folder / "items.parquet")
    sweep.to_parquet(folder / "sweep.parquet")
    item = items_of(page_of(folder))[0]
    said = [(d.all("dt")[0].text, d.all("dd")[0].text) for d in item.all("dl")[0].all("div")]
    answers = ("accepted", "four / 4"), ("said without the patch", "five <b>"), ("said with it", "four!")
    assert tuple(said) == answers
    assert [cell.text for cell in item.all("td")][2:] == ["four / 4", "five <b>", "four!", "–"]


def test_a_folder_of_tables_alone_still_knows_its_items(alone, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    for name in folders.TABLES:
        shutil.copy(alone[0] / f"{name}.parquet", folder)
    text = page_of(folder).text
    assert "Of 12 test items, " in text and "no items.parquet" in text
