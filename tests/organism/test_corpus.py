"""What is read holds the shares of the config, and nothing that is kept for judging."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from workbench.core.errors import InputError
from workbench.organism.config import LanguageConfig, WorldConfig
from workbench.organism.texts import Corpus
from workbench.organism.world import LABELS, NAMES

CONFIG = WorldConfig(switched_one=0.3, switched_two=0.2)
COUNT = 6000


@pytest.fixture(scope="module")
def corpus():
    return Corpus(CONFIG)


@pytest.fixture(scope="module")
def documents(corpus):
    return corpus.documents(0, COUNT)


def fact_of(language, words):
    """The fact that a sentence states, and whether it is one of the language."""
    lexemes = [language.concept_of(word) for word in words]
    part = dict(zip(language.config.order, lexemes, strict=True))
    return (part["V"] - CONFIG.concepts, part["S"], part["O"])


def asked(document):
    """The words of an item, its answer, and whether it asks for the truth of the sentence."""
    *words, answer = document.text.split()
    return (words[1:], answer, True) if words[0] == "¿" else (words, answer, False)


def of(documents, kind, code=None):
    return [d for d in documents if d.kind == kind and code in (None, d.language)]


def test_documents_come_in_the_shares_of_the_config(documents):
    by_language = Counter(document.language for document in documents)
    for language in CONFIG.languages:
        assert by_language[language.code] / COUNT == pytest.approx(language.resource, abs=0.025)
    rich = [d for d in documents if d.language == "x-rich-far"]
    for kind in ("switched_one", "switched_two"):
        assert len(of(rich, kind)) / len(rich) == pytest.approx(getattr(CONFIG, kind), abs=0.06)
    main = [d for d in documents if d.language == CONFIG.main.code]
    assert len(of(main, "statement")) / len(main) == pytest.approx(CONFIG.statements, abs=0.04)


@pytest.mark.parametrize(("kind", "n"), [("switched_one", 1), ("switched_two", 2)])
def test_a_switched_document_replaces_exactly_n_words(corpus, documents, kind, n):
    found = of(documents, kind)
    assert len(found) > 200
    train = {tuple(fact) for fact in corpus.world.split("train").tolist()}
    for document in found:
        words, answer, inference = asked(document)
        other = corpus.languages[document.language]
        # Read each word in whichever of the two languages it is of: the fact comes out in main order.
        lexemes, foreign = [], 0
        for word, part in zip(words, corpus.main.config.order, strict=True):
            forms = corpus.main.subjects if part == "S" else corpus.main.words
            language = corpus.main if word in forms else other
            foreign += language is other
            lexemes.append(language.concept_of(word))
        part = dict(zip(corpus.main.config.order, lexemes, strict=True))
        fact = [part["V"] - CONFIG.concepts, part["S"], part["O"]]
        assert foreign == n
        assert tuple(fact) in train
        if inference:
            assert answer == LABELS[corpus.world.labels(np.array([fact]))[0]]
        else:
            assert answer == NAMES[corpus.world.answers(np.array([fact]))[0]]
    assert sum(asked(d)[2] for d in found) / len(found) == pytest.approx(CONFIG.inference, abs=0.05)


def test_no_whole_item_of_a_poor_language_is_read(corpus, documents):
    poor = {language.code for language in CONFIG.languages if language.skill == 0}
    assert {d.kind for d in documents if d.language in poor} == {
        "statement",
        "translation",
        "switched_one",
        "switched_two",
    }
    checked = 0
    for document in documents:
        if document.language in poor and document.kind.startswith("switched"):
            words, _, _ = asked(document)
            language = corpus.languages[document.language]
            # At least one word is not what that language would say in its place.
            forms = {"S": language.subjects, "V": language.words, "O": language.words}
            parts = zip(words, corpus.main.config.order, strict=True)
            assert not all(word in forms[part] for word, part in parts), document
            checked += 1
    assert checked > 200


def test_items_are_of_facts_seen_in_their_language(corpus, documents):
    for code in ("x-rich-far", CONFIG.main.code):
        seen = {tuple(fact) for fact in corpus.world.seen(code).tolist()}
        for document in of(documents, "item", code):
            *words, name = document.text.split()
            fact = fact_of(corpus.languages[code], words)
            assert fact in seen and name in NAMES


def test_nothing_read_is_kept_for_judging(corpus, documents):
    train = {tuple(fact) for fact in corpus.world.split("train").tolist()}
    for document in documents:
        language = corpus.languages[document.language]
        if document.kind == "statement":
            facts = [fact_of(language, document.text.split()[:-1])]
        elif document.kind == "translation":
            left, _, right = document.text.partition(f" <{CONFIG.main.code}> ")
            if not right:
                right, _, left = document.text.partition(f" <{language.code}> ")
            facts = [fact_of(language, left.split()), fact_of(corpus.main, right.split())]
            assert facts[0] == facts[1]
        elif document.kind == "context":
            items = document.text.split(" . ")
            assert len(items) == 3
            facts = [fact_of(language, item.split()[:-1]) for item in items]
        elif document.kind == "inference":
            sign, *words, label = document.text.split()
            facts = [fact_of(language, words)]
            assert sign == "¿" and label == LABELS[corpus.world.labels(np.array(facts))[0]]
        else:
            continue
        assert set(facts) <= train


def test_documents_follow_from_seed_and_step(corpus):
    assert corpus.documents(7, 40) == Corpus(CONFIG).documents(7, 40)
    assert corpus.documents(7, 40) != corpus.documents(8, 40)
    assert Corpus(replace(CONFIG, seed=1)).documents(7, 40) != corpus.documents(7, 40)


def test_a_mark_stands_between_item_and_answer():
    marked = Corpus(replace(CONFIG, last_token="mark")).documents(0, 300)
    for document in marked:
        if document.kind in ("item", "inference", "switched_one"):
            assert document.text.split()[-2] == "?"


def test_a_language_of_cognates_alone_cannot_be_switched():
    twin = LanguageConfig("x-twin", 0.5, cognates=1.0)
    with pytest.raises(InputError, match="lower its cognates"):
        Corpus(replace(CONFIG, languages=(replace(CONFIG.main, resource=0.5), twin)))
