"""Tasks are chosen by name, language and split; shots are shown in the item's language, never the item."""

import gzip
import json
import re
from pathlib import Path

import pytest

from workbench.core.errors import InputError
from workbench.tasks import (
    TASKS,
    ChoiceTask,
    Example,
    Task,
    read_choices,
    read_task,
    same_items,
    with_shots,
    write_choices,
)
from workbench.tasks.tables import read_starter

DOCS = Path(__file__).parents[2] / "docs"


def test_the_starter_set_is_there_without_a_path():
    task = read_task("starter")
    assert isinstance(task, Task) and len(task.all) == 800
    assert task.languages == ("en", "de", "fr", "es", "sw", "tr", "hi", "zh")
    dev, test = (task.examples("en", split) for split in ("dev", "test"))
    assert len(dev) == len(test) == 50 and not {e.id for e in dev} & {e.id for e in test}
    for language in task.languages:
        assert same_items(task.examples(language, "dev"), dev)
        assert same_items(task.examples(language, "test"), test)
    assert task.all[0].prompt == "The woman's eyes filled with tears in the kitchen because"
    assert all(choice[0] == " " != choice[1] for e in task.all for choice in e.choices)
    other = read_task("starter", seed=1)
    assert {e.id for e in other.examples("en", "dev")} != {e.id for e in dev}


def test_a_damaged_starter_table_is_named(tmp_path):
    header = "id\tquestion\tlabel\tlanguage\tpremise\tchoice1\tchoice2\n"
    row = "1\tcause\t0\ten\tIt rained.\tA.\tB.\n"
    path = tmp_path / "choices.tsv"
    for text, message in [
        (
            "id\tlabel\n",
            ":1: the header lacks question, language, premise, choice1, choice2: it is not the starter set",
        ),
        (header, "holds no items"),
        (header + row + "2\tcause\n", ":3: has 2 cells"),
        (header + row.replace("\t0\t", "\t3\t"), ":2: 'label' is '3'"),
        (header + row.replace("B.", "A."), ":2: both choices"),
        (header + row + row, ":3: item '1' occurs twice"),
        (header + row + row.replace("1\tc", "2\tc").replace("\ten\t", "\tsw\t"), "'2' is not there in 'en'"),
    ]:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=re.escape(message)):
            read_starter(path)


def test_languages_and_splits_are_chosen(tmp_path):
    task = read_task("starter", languages=["swh", "eng"], splits=["test"])
    assert task.languages == ("sw", "en") and {e.split for e in task.all} == {"test"}
    assert task.first(test=3).examples("sw", "test") == task.examples("sw", "test")[:3]
    for options, message in [
        ({"languages": ["ta"]}, "starter has no 'ta': it has en, de"),
        ({"languages": "sw"}, r"write \['sw', 'en'\]"),
        ({"splits": ["tset"]}, "unknown split 'tset': did you mean 'test'"),
        ({"splits": ["fit"]}, "starter has nothing in fit: it has"),
        ({"templat": "x"}, "no option 'templat': did you mean 'template'"),
        ({"path": "x"}, "no option 'path'"),
    ]:
        with pytest.raises(InputError, match=message):
            read_task("starter", **options)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("xcoppa", "unknown task 'xcoppa': did you mean 'xcopa'"),
        ("xcopa:", "write xcopa:PATH or xcopa"),
        ("xcopa", "name its folder"),
        ("choices", "task 'choices' needs a file"),
    ],
)
def test_a_wrong_name_says_what_to_write(spec, message):
    with pytest.raises(InputError, match=message):
        read_task(spec)


def records():
    known = {"split": "dev", "language": "sw", "prompt": "Kwa", "answer": 1}
    return [
        {**known, "id": 1, "choices": [" a", " b", " c"]},
        {**known, "id": "2", "group": "g", "choice1": " a", "choice2": " b", "choice3": ""},
    ]


def test_choices_are_read_from_json_lines(tmp_path):
    text = "\n".join(json.dumps(one) for one in records())
    (tmp_path / "quiz.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    task = read_task(str(tmp_path / "quiz.jsonl.gz"))
    assert task == ChoiceTask(
        "quiz",
        (
            Example("1", "Kwa", (" a", " b", " c"), 1, "sw", "dev"),
            Example("2", "Kwa", (" a", " b"), 1, "sw", "dev", "g"),
        ),
    )
    write_choices(tmp_path / "quiz.tsv", task)
    assert read_task(tmp_path / "quiz.tsv") == read_task(f"choices:{tmp_path / 'quiz.tsv'}") == task


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"answer": 3}, "answer 3 of 3"),
        ({"answer": "b"}, "answer 'b' is no number"),
        ({"answer": None}, "answer '' is no number"),
        ({"answer": 1.0}, "'answer' is 1.0, not a text or a number"),
        ({"id": "2"}, "item '2' occurs twice"),
        ({"id": "3", "language": "xyzzy"}, "unknown language"),
        ({"split": "train"}, "unknown split 'train'"),
        ({"promt": "x"}, "unknown field 'promt': did you mean 'prompt'"),
        ({"choices": " a"}, "'choices' is no list of texts"),
        ({"choice1": " a"}, "write either 'choices', a list, or choice1"),
    ],
)
def test_wrong_json_lines_are_named_by_file_and_line(tmp_path, changes, message):
    one, two = records()
    path = tmp_path / "quiz.jsonl"
    path.write_text("\n".join(json.dumps(record) for record in (two, {**one, **changes})), encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_choices(path)
    assert str(error.value).startswith(f"{path}:2: ") and message in str(error.value)


def test_json_lines_lacking_fields_are_refused(tmp_path):
    path = tmp_path / "quiz.jsonl"
    one, two = records()
    del one["split"], two["choice1"]
    path.write_text(json.dumps(one), encoding="utf-8")
    with pytest.raises(InputError, match=":1: lacks split"):
        read_choices(path)
    path.write_text(json.dumps(two), encoding="utf-8")
    with pytest.raises(InputError, match=":1: choice2, choice3 leave out a number"):
        read_choices(path)


def test_shots_are_solved_items_of_dev_in_the_items_language():
    task = read_task("starter", languages=["sw", "en"])
    shown = with_shots(task, 3, seed=5)
    assert shown.name == "starter-3shot-seed5" and "3 solved items of dev" in shown.notes[-1]
    solved = {(e.id, e.language): e.prompt + e.choices[e.answer] for e in task.all if e.split == "dev"}
    ids = {}
    for before, after in zip(task.all, shown.all, strict=True):
        *shots, last = after.prompt.split("\n\n")
        assert last == before.prompt and (after.choices, after.answer) == (before.choices, before.answer)
        found = [
            name
            for shot in shots
            for (name, code), text in solved.items()
            if (text, code) == (shot, after.language)
        ]
        assert len(found) == 3 and after.id not in found
        assert ids.setdefault(after.id, found) == found  # the same items in both languages
    assert with_shots(task, 3, seed=5) == shown != with_shots(task, 3, seed=6)
    assert with_shots(task, 0) is task


def test_shots_come_from_fit_where_there_is_one_and_never_from_the_items_group():
    def item(name, split, group=None):
        return Example(name, f"{name}:", (" x", " y"), 0, "en", split, group)

    task = ChoiceTask(
        "t", (item("a", "fit", "g"), item("b", "fit"), item("c", "dev", "g"), item("d", "test"))
    )
    prompts = {e.id: e.prompt for e in with_shots(task, 1).all}
    assert prompts["c"] == "b: x\n\nc:" and prompts["b"] == "a: x\n\nb:"
    with pytest.raises(InputError, match="t has 1 items of fit to show before 'a', not 2"):
        with_shots(task, 2)
    with pytest.raises(InputError, match="0 or more"):
        with_shots(task, -1)


def test_answers_are_shown_after_a_space(tmp_path):
    (tmp_path / "mgsm_en.tsv").write_text("A?\t1\nB?\t2\nC?\t3\n", encoding="utf-8")
    task = with_shots(read_task(f"mgsm:{tmp_path}"), 1)
    assert task.scorer == "number"
    assert all(re.match(r"Question: [ABC]\?\nAnswer: [123]\n\nQuestion: ", e.prompt) for e in task.all)


def test_the_page_names_every_task():
    text = (DOCS / "tasks.md").read_text(encoding="utf-8")
    assert [name for name in TASKS if f"`{name}`" not in text and f"`{name}:" not in text] == []
