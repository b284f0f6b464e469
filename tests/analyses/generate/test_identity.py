"""The identifier recovers the organism's languages, and knows what it does not know."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from workbench.analyses.generate import LanguageIdentifier
from workbench.analyses.generate.texts import CONFIDENCE, UNCLEAR, Trial, cut
from workbench.core.errors import InputError
from workbench.stats import wilson_interval
from workbench.text import read


@pytest.fixture(scope="module")
def starter():
    """Sentences of eight real languages, to learn from and held out."""
    text = read("starter")
    split = text.split(fit=0.7, dev=0.0, test=0.3)
    return tuple(
        {c: [text[c][int(i)] for i in rows] for c in text.languages} for rows in (split.fit, split.test)
    )


def test_it_recovers_the_languages_of_held_out_sentences(planted):
    trial = planted.identifier.trial(planted.held_out, 60)
    assert trial.accuracy.estimate > 0.98 and trial.caution is None
    assert set(trial.by_language) == set(planted.held_out)


def test_its_accuracy_is_that_of_its_guesses(planted):
    some = planted.identifier
    trial = some.trial(planted.held_out, 8)
    truth = [code for code, those in planted.held_out.items() for _ in cut(those, 8)]
    pieces = [piece for those in planted.held_out.values() for piece in cut(those, 8)]
    said = [guess.language for guess in some.guess(pieces)]
    assert trial.accuracy.estimate == pytest.approx(accuracy_score(truth, said))
    assert trial.unclear == pytest.approx(np.mean([one == UNCLEAR for one in said]))
    assert trial.pieces == len(pieces)


def test_short_pieces_are_harder_and_a_caution_says_so(starter):
    fit, held = starter
    identifier = LanguageIdentifier(fit)
    short, long = (identifier.trial(held, characters) for characters in (8, 120))
    assert long.accuracy.estimate > 0.95 and long.caution is None
    assert short.accuracy.low < 0.5 and "pieces of 8 characters" in short.caution


@pytest.mark.parametrize("left_out", ["es", "sw", "tr", "hi"])
def test_a_language_it_never_saw_is_not_called_by_another_name(starter, left_out):
    fit, held = starter
    identifier = LanguageIdentifier({code: those for code, those in fit.items() if code != left_out})
    said = [guess.language for guess in identifier.guess(cut(held[left_out], 60))]
    assert said.count(UNCLEAR) / len(said) > 0.8


def test_what_looks_like_none_of_its_languages_is_none_however_sure_it_would_be(planted, starter):
    guesses = planted.identifier.guess(cut(starter[1]["en"] + starter[1]["de"], 60))
    assert np.mean([max(guess.p.values()) >= CONFIDENCE for guess in guesses]) > 0.3
    assert {guess.language for guess in guesses} == {UNCLEAR}


def test_it_abstains_where_nothing_can_be_known(planted):
    guess = planted.identifier.guess
    half = [
        a + " " + b for a, b in zip(planted.held_out["x-poor-far"], planted.held_out["x-main"], strict=True)
    ]
    assert {one.language for one in guess(["", "bo", "12345 678", "§§§ §§§§ §§"])} == {UNCLEAR}
    assert np.mean([one.language == UNCLEAR for one in guess(half)]) > 0.8
    assert guess([]) == []


def test_probabilities_add_up_and_the_same_sentences_learn_the_same(planted):
    some = [those[0] for those in planted.held_out.values()]
    one, other = planted.identifier.guess(some), LanguageIdentifier(planted.fit).guess(some)
    assert one == other
    assert all(sum(guess.p.values()) == pytest.approx(1) for guess in one)


def test_too_few_sentences_are_refused():
    with pytest.raises(InputError, match="two languages"):
        LanguageIdentifier({"sw": ["a"] * 20})
    with pytest.raises(InputError, match="3 sentences in en are too few"):
        LanguageIdentifier({"sw": ["a b"] * 20, "en": ["c d"] * 3})


def test_the_caution_names_the_worst_language():
    trial = Trial(wilson_interval(90, 100), 0.05, 30, 100, {"sw": 0.97, "yo": 0.83})
    assert "90% of held-out pieces of 30 characters (83% of yo)" in trial.caution
