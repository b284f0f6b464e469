"""The starter set is whole, balanced, in the right scripts, and read like any other text."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from workbench.text import read

STARTER = Path(__file__).parent.parent / "data" / "starter"
LANGUAGES = ("en", "de", "fr", "es", "sw", "tr", "hi", "zh")
SCRIPTS = {"hi": r"[\u0900-\u097f]", "zh": r"[\u4e00-\u9fff]"}


def choices() -> list[dict[str, str]]:
    with open(STARTER / "choices.tsv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_sentences_are_read_in_all_languages():
    text = read(STARTER / "sentences.tsv")
    assert text.languages == LANGUAGES
    assert len(text) == 320
    for language in LANGUAGES:
        assert len(set(text[language])) == 320, language


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_side_is_in_its_script_and_ends_as_a_sentence(language):
    ends = {"hi": "।?", "zh": "。？"}.get(language, ".?!")
    sides = list(read(STARTER / "sentences.tsv", languages=[language])[language])
    sides += [row[k] for row in choices() if row["language"] == language for k in ("premise", "choice1")]
    letters = SCRIPTS.get(language, r"[A-Za-zÀ-ÿĀ-ſ]")
    for side in sides:
        assert re.search(letters, side), side
        assert side[-1] in ends, side
        if language not in SCRIPTS:
            assert not re.search("|".join(SCRIPTS.values()), side), side


def test_questions_are_questions_in_every_language():
    text = read(STARTER / "sentences.tsv")
    for row in range(len(text)):
        marks = {text[language][row][-1] in "?？" for language in LANGUAGES}
        assert len(marks) == 1, text["en"][row]


def test_items_are_whole_and_agree_between_languages():
    rows = choices()
    assert len(rows) == 800
    assert all(all(cell and cell == cell.strip() for cell in row.values()) for row in rows)
    for number in range(1, 101):
        same = [row for row in rows if row["id"] == str(number)]
        assert tuple(row["language"] for row in same) == LANGUAGES
        assert len({(row["question"], row["label"]) for row in same}) == 1
        assert all(row["choice1"] != row["choice2"] for row in same)


def test_items_are_balanced():
    english = [row for row in choices() if row["language"] == "en"]
    balance = Counter((row["question"], row["label"]) for row in english)
    assert balance == {(q, label): 25 for q in ("cause", "effect") for label in "01"}
    right = [len(row[f"choice{int(row['label']) + 1}"]) for row in english]
    wrong = [len(row[f"choice{2 - int(row['label'])}"]) for row in english]
    assert abs(sum(right) / sum(wrong) - 1) < 0.05
    shorter = sum(r < w for r, w in zip(right, wrong, strict=True))
    longer = sum(r > w for r, w in zip(right, wrong, strict=True))
    assert (shorter, longer) == (48, 35)  # as the README of the set says
