"""Examples and tasks that cannot be right are refused."""

import pytest

from workbench.core.errors import InputError
from workbench.tasks import ChoiceTask, Example, Task, same_items


def example(id="a", language="sw", split="dev", choices=(" yes", " no"), answer=0, prompt="So:"):
    return Example(id, prompt, choices, answer, language, split)


def test_examples_come_by_language_and_split_in_order():
    task = ChoiceTask("t", tuple(example(i, lang) for lang in ("sw", "en") for i in "abc"))
    assert isinstance(task, Task)
    assert task.languages == ("sw", "en")
    assert [e.id for e in task.examples("en", "dev")] == ["a", "b", "c"]
    assert same_items(task.examples("en", "dev"), task.examples("sw", "dev"))
    assert task.examples("sw", "test") == ()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"choices": (" yes",)}, "two different"),
        ({"choices": (" yes", " yes")}, "two different"),
        ({"answer": 2}, "answer 2 of 2"),
        ({"prompt": ""}, "empty"),
        ({"prompt": "\ud800"}, "half a character"),
    ],
)
def test_a_wrong_example_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        example(**wrong)


def test_an_item_is_in_one_split_and_there_once():
    with pytest.raises(InputError, match="in two splits"):
        ChoiceTask("t", (example(language="sw"), example(language="en", split="test")))
    with pytest.raises(InputError, match="occurs twice"):
        ChoiceTask("t", (example(), example()))


def test_the_first_items_are_the_same_in_every_language():
    # The languages come in turns and the second one has its items in another order.
    sw = [example(f"{split}{i}", "sw", split) for split in ("fit", "dev", "test") for i in range(4)]
    en = [example(e.id, "en", e.split) for e in reversed(sw)]
    task = ChoiceTask("t", tuple(e for pair in zip(sw, en, strict=True) for e in pair))
    some = task.first(dev=3, test=9)
    assert some.name == "t"
    for language in ("sw", "en"):
        assert some.examples(language, "fit") == ()
        assert some.examples(language, "test") == task.examples(language, "test")
    ids = [{e.id for e in some.examples(language, "dev")} for language in ("sw", "en")]
    assert ids[0] == ids[1] and len(ids[0]) == 3
    assert task.first(dev=0).all == ()


def test_the_first_items_are_those_in_front():
    task = ChoiceTask("t", tuple(example(i, lang) for lang in ("sw", "en") for i in "abc"))
    assert [e.id for e in task.first(dev=2).examples("en", "dev")] == ["a", "b"]
