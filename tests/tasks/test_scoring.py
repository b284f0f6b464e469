"""Scores say what they are said to say, in scripts without spaces and with any separators."""

import pytest

from workbench.errors import InputError
from workbench.tasks.scoring import (
    SCORERS,
    answer_number,
    choice_scores,
    exact_match,
    number_match,
    token_f1,
    words,
)


def test_choices_are_normalised_by_length():
    assert choice_scores([-6, -8]) == [-6.0, -8.0]
    assert choice_scores([-6, -8], "per_token", tokens=[2, 4]) == [-3.0, -2.0]
    assert choice_scores([-6, -8], "per_character", tokens=[9, 9], characters=[12, 10]) == [-0.5, -0.8]
    for by, lengths in [("per_token", None), ("per_token", [1]), ("per_character", [0, 1])]:
        with pytest.raises(InputError, match="one length of at least 1"):
            choice_scores([-6, -8], by, tokens=lengths, characters=lengths)
    with pytest.raises(InputError, match="did you mean 'per_token'"):
        choice_scores([-6], "per_tokn")


@pytest.mark.parametrize(
    ("text", "answers", "language", "score"),
    [
        (" The  Panthers.", ["panthers"], "en", 1),
        ("The Panthers", ["panthers"], "sw", 0),
        ("Ünal", ["U\u0308NAL"], "tr", 1),
        ("twenty-two", ["twenty two"], "en", 1),
        ("no", ["yes", "No!"], "", 1),
        ("不是。", ["不是"], "zh", 1),
        ("", ["x"], "", 0),
    ],
)
def test_exact_match(text, answers, language, score):
    assert exact_match(text, answers, language) == score


@pytest.mark.parametrize(
    ("text", "answer", "score"),
    [
        ("5 + 13 = 18, so the answer is 18.", "18", 1),
        ("18 or 19", "18", 0),
        ("$2,125.00", "2,125", 1),
        ("2.125 Teile", "2,125", 1),
        ("70 000 dólares", "70000", 1),
        ("70\u202f000,00 €", "70000", 1),
        ("1.234.567", "1234567", 1),
        ("1,234,567.5", "1234567.5", 1),
        ("1.234.567,5", "1234567.5", 1),
        ("1,234", "1.234", 1),
        ("12'500", "12500", 1),
        ("यह १८ है", "18", 1),
        ("٧٠٬٠٠٠", "70000", 1),
        ("minus: -5", "-5", 1),
        ("−5", "-5", 1),
        ("10-5", "5", 1),
        ("1,2,3", "3", 1),
        ("0.125", "125", 0),
        ("no number", "18", 0),
        ("", "18", 0),
    ],
)
def test_number_match(text, answer, score):
    assert number_match(text, [answer]) == score


def test_what_is_a_number():
    assert [answer_number(text) for text in ("18", " 2,125 ", "eight", "1 2", "", "3/4")][2:] == [None] * 4
    assert answer_number("2,125") == 2125 and answer_number("70 000") == 70000


def test_f1_counts_words_and_in_unspaced_scripts_characters():
    assert token_f1("the big cat", ["a big dog"], "en") == 0.5
    assert token_f1("cat", ["a dog", "the cat"], "en") == 1
    assert token_f1("东京都", ["东京"], "zh") == pytest.approx(0.8)
    assert words("กข 12km を", "th") == ["ก", "ข", "12km", "を"]
    assert token_f1("...", ["."]) == 1 and token_f1("", ["x"]) == 0 == token_f1("x", [])
    assert token_f1("a a a b", ["a b b"]) == pytest.approx(2 * 2 / 7)


def test_scorers_by_name_take_the_same():
    assert {name: score("18", ["18"], "en") for name, score in SCORERS.items()} == {
        "exact": 1,
        "number": 1,
        "f1": 1,
    }
