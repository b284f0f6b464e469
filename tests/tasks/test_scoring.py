"""Scores say what they are said to say, in scripts without spaces and with any separators."""

from collections import Counter

import pytest

from workbench.core.errors import InputError
from workbench.tasks.scoring import (
    SCORERS,
    answer_number,
    bleu,
    choice_scores,
    chrf,
    corpus_bleu,
    corpus_chrf,
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
    assert {name: score("18", ["18"], "en") for name, score in SCORERS.items()} == dict.fromkeys(SCORERS, 1)
    assert list(SCORERS) == ["exact", "number", "f1", "chrf", "bleu", "greedy"]


def naive_chrf(text, answer, order=6, beta=2):
    """Popović's formula: the mean of F2 over n-grams of characters without spaces."""
    said, right = ("".join(one.split()) for one in (text, answer))
    scores = []
    for n in range(1, order + 1):
        here, there = (Counter(one[i : i + n] for i in range(len(one) - n + 1)) for one in (said, right))
        if not here.total() or not there.total():
            continue
        shared = (here & there).total()
        precision, recall = shared / here.total(), shared / there.total()
        scores.append((precision, recall))
    p, r = (sum(column) / len(scores) for column in zip(*scores, strict=True))
    return (1 + beta**2) * p * r / (beta**2 * p + r) if p + r else 0.0


@pytest.mark.parametrize(
    ("text", "answer"),
    [("the cat sat on a mat", "the cat sat on the mat"), ("habari yako", "habari zenu"), ("abc", "xyz")],
)
def test_chrf_is_the_formula(text, answer):
    assert chrf(text, [answer]) == pytest.approx(naive_chrf(text, answer), abs=1e-6)


def test_bleu_counts_words_as_the_language_has_them():
    said, right = "the cat sat on a mat today", "the cat sat on the mat today"
    # 6/7 words, 4/6 pairs, 2/5 triples, 1/4 fours; as long as the reference.
    assert bleu(said, [right], "en") == pytest.approx((6 / 7 * 4 / 6 * 2 / 5 * 1 / 4) ** 0.25)
    assert bleu(said, ["x", said], "en") == pytest.approx(1) and bleu("", [right], "en") == 0
    for language, text in [("zh", "我今天去了商店买书"), ("ja", "今日は店へ行った"), ("th", "ฉันไปตลาดวันนี้")]:
        assert 0.4 < bleu(text, [text[:-1]], language) < 1  # one word in a script without spaces would be 0


def test_a_whole_set_is_not_the_mean_of_its_sentences():
    texts, answers = ["a b c d e", "f g h i x"], [["a b c d e"], ["f g h i j", "q"]]
    assert corpus_bleu(texts, answers, "en") != pytest.approx(sum(map(bleu, texts, answers)) / 2)
    # 9 of 10 words, 7 of 8 pairs, 5 of 6 triples, 3 of 4 fours.
    assert corpus_bleu(texts, answers, "en") == pytest.approx((9 / 10 * 7 / 8 * 5 / 6 * 3 / 4) ** 0.25)
    assert corpus_chrf(["ab"], [["ab"]]) == 1 and 0 < corpus_chrf(texts, answers) < 1
    with pytest.raises(InputError, match="1 texts and answers for 2"):
        corpus_bleu(["a"], answers)


def test_every_scorer_gives_a_share():
    for name, scorer in SCORERS.items():
        assert scorer("12", ["12"], "en") == 1, name
        assert 0 <= scorer("nothing at all", ["12"], "en") < 0.2, name
