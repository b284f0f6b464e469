"""The toy's world is what it claims, and its model loads like any other."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.models import load_model
from workbench.organism import FAR, MAIN, ToyConfig, ToyWorld, make_toy
from workbench.organism.toy_world import NAMES
from workbench.sweep import read_examples

SMALL = ToyConfig(
    things=8,
    relations=2,
    kinds=2,
    text=40,
    dev=16,
    test=20,
    d_model=32,
    n_layers=2,
    d_mlp=32,
    steps=3,
    batch=8,
)


@pytest.fixture(scope="module")
def world():
    return ToyWorld(ToyConfig())


def test_the_splits_share_no_fact_and_leave_none_out(world):
    rows = [tuple(fact) for facts in world.facts.values() for fact in facts]
    c = world.config
    assert len(rows) == len(set(rows)) == c.relations * c.things**2
    assert {name: len(facts) for name, facts in world.facts.items()} == {
        "text": 500,
        "dev": 300,
        "test": 500,
        "train": 1100,
    }


def test_languages_share_no_word_and_have_no_synonyms(world):
    main, far = world.words[MAIN], world.words[FAR]
    assert len(set(main)) == len(main) and not set(main) & set(far)


def test_the_same_item_is_asked_in_both_languages_with_the_same_choices(world):
    task = world.task()
    for split in ("dev", "test"):
        for one, other in zip(task.examples(MAIN, split), task.examples(FAR, split), strict=True):
            assert (one.id, one.choices, one.answer) == (other.id, other.choices, other.answer)
            word = dict(zip(world.words[MAIN], world.words[FAR], strict=True))
            relation, thing, last = one.prompt.split()
            assert other.prompt == " ".join(word[w] for w in (thing, relation, last))


def test_no_prompt_of_dev_or_test_is_in_the_text_or_in_training(world):
    asked = {e.prompt for e in world.task().all}
    text = world.parallel_text()
    documents = world.documents(world.facts["train"], np.random.default_rng(0))
    assert not asked & set(text[FAR]) and not asked & set(text[MAIN])
    assert not asked & {document.rsplit(" ", 1)[0] for document in documents}


def test_documents_hold_at_most_one_foreign_word(world):
    documents = world.documents(world.facts["train"], np.random.default_rng(0))
    far = set(world.words[FAR])
    counts = Counter(sum(word in far for word in document.split()) for document in documents)
    assert set(counts) == {0, 1}
    assert abs(counts[1] / len(documents) - world.config.switched) < 0.05


def test_the_answer_follows_from_kinds_and_position_tells_nothing(world):
    answers = world.answers(world.facts["train"])
    assert set(answers) <= set(range(len(NAMES)))
    placed = [e.answer for e in world.task().examples(MAIN, "test")]
    assert 0.4 < np.mean(placed) < 0.6


def test_the_world_follows_from_its_seed():
    one, same, other = (ToyWorld(replace(SMALL, seed=seed)).task().all for seed in (1, 1, 2))
    assert one == same != other


def test_a_toy_is_trained_once_and_loads_like_any_model(tmp_path):
    steps = []
    toy = make_toy(tmp_path, SMALL, progress=lambda *args: steps.append(args))
    assert steps[-1] == ("train toy", 3, 3) and not toy.reused
    again = make_toy(tmp_path, SMALL, progress=lambda *args: pytest.fail("trained again"))
    assert again.reused and again.folder == toy.folder and again.seconds == toy.seconds
    assert [p.name for p in tmp_path.iterdir()] == [toy.folder.name]
    model = load_model(toy.folder)
    assert model.info.n_layers == 2 and model.info.architecture.lower().startswith("llama")
    readings = read_examples(model, toy.task.all)
    assert {len(r.prompt) for r in readings} == {7}  # a BOS and three words of two syllables
    assert {len(choice) for r in readings for choice in r.choices} == {1}
    for reading in readings[:5]:
        assert model.tokens.decode(reading.prompt) == reading.example.prompt


def test_other_dials_or_a_damaged_card_mean_another_training(tmp_path):
    toy = make_toy(tmp_path, SMALL)
    assert make_toy(tmp_path, replace(SMALL, seed=99)).folder != toy.folder
    (toy.folder / "toy.json").write_text("{")
    assert not make_toy(tmp_path, SMALL).reused


def test_the_same_seed_gives_the_same_weights(tmp_path):
    one, other = (load_model(make_toy(tmp_path / name, SMALL).folder) for name in "ab")
    assert one.weights_digest == other.weights_digest


def test_a_world_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(InputError, match="more words"):
        make_toy(tmp_path, replace(SMALL, things=200))
    with pytest.raises(InputError, match="too few for its splits"):
        make_toy(tmp_path, replace(SMALL, test=5000))
