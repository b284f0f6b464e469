"""What is asked is the same in every language, and its answers are the world's."""

import json

import pytest

from workbench.core.errors import InputError
from workbench.organism.config import WorldConfig
from workbench.organism.texts import TASKS, Items
from workbench.organism.world import LABELS

CONFIG = WorldConfig(fit=60, dev=40, test=50)


@pytest.fixture(scope="module")
def items():
    return Items(CONFIG)


@pytest.fixture(scope="module", params=sorted(TASKS))
def task(request, items):
    return items.task(request.param)


def fact_of(example):
    return [int(part) for part in example.group.split("-")]


def test_a_task_asks_the_same_in_every_language(items, task):
    wanted = [code for code in items.languages if code != "x-main" or "translation" not in task.name]
    assert list(task.languages) == wanted
    for split in ("fit", "dev", "test"):
        first = task.examples(wanted[0], split)
        assert len(first) == getattr(CONFIG, split)
        for code in wanted[1:]:
            for one, other in zip(first, task.examples(code, split), strict=True):
                assert (one.id, one.choices, one.answer, one.group) == (
                    other.id,
                    other.choices,
                    other.answer,
                    other.group,
                )
                assert one.prompt != other.prompt or code == "x-rich-near"


def test_splits_of_a_task_share_no_fact(task):
    code = task.languages[0]
    groups = [{e.group for e in task.examples(code, split)} for split in ("fit", "dev", "test")]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 150


def test_right_choices_are_the_worlds_answers(items):
    world = items.world
    for name in ("two-choice", "exact"):
        for example in items.task(name).examples("x-poor-far", "dev"):
            relation, one, other = fact_of(example)
            answer = world.table[relation, world.kind[0][one], world.kind[1][other]]
            assert example.choices[example.answer] == f" {world.names[answer]}"
    for example in items.task("inference").examples("x-poor-far", "dev"):
        relation, one, other = fact_of(example)
        verdict = world.verdict[relation, world.kind[0][one], world.kind[1][other]]
        assert example.choices[example.answer] == f" {LABELS[verdict]}"


def test_a_wrong_translation_has_one_word_wrong(items):
    for example in items.task("translation").examples("x-poor-fused", "test"):
        right = example.choices[example.answer].split()
        assert right == items.main.sentence(fact_of(example))
        wrong = [choice.split() for i, choice in enumerate(example.choices) if i != example.answer]
        assert [sum(a != b for a, b in zip(right, choice, strict=True)) for choice in wrong] == [1, 1, 1]
        assert {next(i for i in range(3) if right[i] != choice[i]) for choice in wrong} == {0, 1, 2}


def test_right_answers_stand_in_every_place(task):
    places = [e.answer for e in task.examples(task.languages[0], "fit")]
    choices = len(task.examples(task.languages[0], "fit")[0].choices)
    assert set(places) == set(range(choices))


def test_fresh_items_are_as_many_as_wanted_and_others_for_another_seed(items):
    test = {e.group for e in items.task("two-choice").examples("x-main", "test")}
    fresh = items.fresh("two-choice", 130, seed=1).only(["x-main", "x-poor-far"])
    assert fresh.languages == ("x-main", "x-poor-far")
    asked = fresh.examples("x-main", "test")
    assert len(asked) == 130 and {e.group for e in asked} == test
    other = items.fresh("two-choice", 130, seed=2).examples("x-main", "test")
    assert [(e.prompt, e.choices) for e in asked] != [(e.prompt, e.choices) for e in other]
    assert items.fresh("two-choice", 130, seed=1).examples("x-main", "test") == asked


def test_parallel_text_says_the_same_and_shares_nothing_with_what_is_judged(items):
    text = items.parallel_text(50)
    assert len(text) == 50 and text.languages == tuple(items.languages)
    for code, language in items.languages.items():
        own = {e.prompt for s in ("dev", "test") for e in items.task("exact").examples(code, s)}
        assert not set(text[code]) & own
        lexemes = [sorted(map(language.concept_of, sentence.split())) for sentence in text[code]]
        main = [sorted(map(items.main.concept_of, sentence.split())) for sentence in text["x-main"]]
        assert lexemes == main
    with pytest.raises(InputError, match="take at most as many"):
        items.parallel_text(61)


def test_the_truth_is_json_and_knows_every_word(items):
    truth = json.loads(json.dumps(items.truth()))
    for code, language in items.languages.items():
        known = truth["languages"][code]
        assert all(known["concept"][word] == i for i, word in enumerate(language.words))
        assert known["order"] == language.config.order
    assert (
        truth["languages"]["x-poor-far"]["shared_tokens"]
        < 0.2
        < truth["languages"]["x-poor-near"]["shared_tokens"]
    )
    assert WorldConfig.from_json(truth["config"]) == CONFIG


def test_an_unknown_task_is_refused(items):
    with pytest.raises(InputError, match="did you mean 'exact'"):
        items.task("exat")
