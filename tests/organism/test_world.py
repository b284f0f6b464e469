"""The world's truth is balanced, and its splits share no fact."""

from dataclasses import replace

import numpy as np
import pytest

from workbench.core.errors import InputError
from workbench.organism.config import WorldConfig
from workbench.organism.world import World

CONFIG = WorldConfig()


@pytest.fixture(scope="module")
def world():
    return World(CONFIG)


def test_the_splits_share_no_fact_and_leave_none_out(world):
    rows = [tuple(fact) for facts in world.facts.values() for fact in facts.tolist()]
    assert len(rows) == len(set(rows)) == CONFIG.facts
    for split in ("fit", "dev", "test"):
        assert len(world.split(split)) == getattr(CONFIG, split)


def test_no_answer_is_more_common_than_another(world):
    everything = np.concatenate(list(world.facts.values()))
    counts = np.bincount(world.answers(everything), minlength=CONFIG.answers)
    assert set(counts.tolist()) == {CONFIG.facts // CONFIG.answers}
    labels = np.bincount(world.labels(everything), minlength=3) / CONFIG.facts
    assert labels.max() - labels.min() < 0.01 and world.true(everything).mean() == labels[0]


def test_an_answer_needs_all_three_words(world):
    # Knowing any two of relation and operands leaves the answer open: the third changes it.
    facts = np.concatenate(list(world.facts.values()))
    for known in ([0, 1], [0, 2], [1, 2]):
        seen: dict[tuple, set] = {}
        for fact, answer in zip(facts, world.answers(facts), strict=True):
            seen.setdefault(tuple(fact[known]), set()).add(int(answer))
        assert sum(len(answers) > 1 for answers in seen.values()) > 0.95 * len(seen)


def test_whether_a_sentence_is_true_does_not_tell_the_answer(world):
    facts = np.concatenate(list(world.facts.values()))
    for label in range(3):
        answers = np.bincount(world.answers(facts[world.labels(facts) == label]), minlength=CONFIG.answers)
        assert answers.max() / answers.sum() < 0.25


def test_fresh_facts_are_test_facts_each_once_before_any_comes_again(world):
    test = {tuple(fact) for fact in world.split("test").tolist()}
    drawn = [tuple(fact) for fact in world.draw("test", 3 * len(test) - 5, seed=1).tolist()]
    assert set(drawn) == test and len(drawn) == 3 * len(test) - 5
    assert set(drawn[: len(test)]) == test
    assert world.draw("test", 50, 1).tolist() != world.draw("test", 50, 2).tolist()
    assert len(world.draw("test", 0)) == 0
    with pytest.raises(InputError, match="did you mean 'test'"):
        world.draw("tests", 3)  # type: ignore[arg-type]


def test_a_language_sees_its_share_of_the_training_facts(world):
    train = {tuple(fact) for fact in world.split("train").tolist()}
    for language in CONFIG.languages:
        seen = {tuple(fact) for fact in world.seen(language.code).tolist()}
        assert seen <= train and len(seen) == round(language.skill * len(train))


def test_another_seed_is_another_world(world):
    assert np.array_equal(World(CONFIG).split("test"), world.split("test"))
    other = World(replace(CONFIG, seed=1))
    assert not np.array_equal(other.table, world.table)
    assert not np.array_equal(other.split("test"), world.split("test"))
