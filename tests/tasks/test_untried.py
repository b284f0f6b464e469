"""Benchmarks whose published files were not at hand, on small files of the format that is described."""

import json

import pytest

from workbench.core.errors import InputError
from workbench.tasks import read_task, same_items
from workbench.tasks.labels import read_xnli
from workbench.tasks.questions import read_belebele


def belebele(folder, language, n=4, **changes):
    """Each passage has two questions; `changes` are of the second item."""
    records = [
        {
            "link": f"https://en.example/{i // 2}",
            "question_number": i % 2 + 1,
            "flores_passage": f"{language} passage {i // 2}",
            "question": f"Q{i}?",
            **{f"mc_answer{a}": f"answer {a}" for a in range(1, 5)},
            "correct_answer_num": str(i % 4 + 1),
            "dialect": language,
            "ds": "2023-05-03",
            **(changes if i == 1 else {}),
        }
        for i in range(2 * n)
    ]
    path = folder / f"{language}.jsonl"
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return path


def test_belebele_groups_by_passage(tmp_path):
    belebele(tmp_path, "swh_Latn")
    belebele(tmp_path, "eng_Latn", correct_answer_num=2)
    task = read_task(f"belebele:{tmp_path}", languages=["sw", "en"])
    dev, test = (task.examples("sw", split) for split in ("dev", "test"))
    assert len(dev) == len(test) == 4 and not {e.group for e in dev} & {e.group for e in test}
    assert same_items(dev, task.examples("en", "dev"))
    one = next(e for e in task.all if e.id == "https://en.example/0#2")
    assert one.prompt.startswith("P: swh_Latn passage 0\nQ: Q1?\nA: answer 1\n") and one.answer == 1
    assert one.choices == (" A", " B", " C", " D")
    full = read_belebele(tmp_path, choice=" {answer}")
    assert full.all[0].choices[0] == " answer 1"


def test_one_article_may_give_passages_to_two_splits(tmp_path):
    path = belebele(tmp_path, "swh_Latn")
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for i, record in enumerate(records):
        record |= {"link": "https://en.example/0", "split": ("dev", "devtest", "test", "seed")[i // 2]}
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    task = read_belebele(tmp_path)
    assert len(task.all) == 8 and len({e.group for e in task.all}) == 4
    assert task.all[2].id == "https://en.example/0#devtest#1"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"correct_answer_num": "5"}, ":2: 'correct_answer_num' is '5'"),
        ({"mc_answer3": ""}, ":2: 'mc_answer3' is ''"),
        ({"question_number": 1}, ":2: item 'https://en.example/0#1' occurs twice"),
        ({"question_number": 3}, ": has other items than"),
    ],
)
def test_a_damaged_belebele_is_named(tmp_path, changes, message):
    belebele(tmp_path, "eng_Latn")
    path = belebele(tmp_path, "swh_Latn", **changes)
    with pytest.raises(InputError) as error:
        read_belebele(tmp_path)
    assert str(error.value).startswith(f"{path}{message}")


HEADER = "language\tgold_label\tsentence1_binary_parse\tsentence1\tsentence2\tpromptID\tpairID\n"


def xnli(folder, part, *rows):
    path = folder / f"xnli.{part}.tsv"
    text = "".join("\t".join([*row[:2], "", *row[2:]]) + "\n" for row in rows)
    path.write_text(HEADER + text, encoding="utf-8")
    return path


ROWS = [
    (language, label, f'{language} "premise', f"{label}.", "7", str(i))
    for language in ("sw", "en")
    for i, label in enumerate(("neutral", "contradiction", "entailment"))
]


def test_xnli_holds_all_languages_in_one_file(tmp_path):
    for part in ("dev", "test"):
        xnli(tmp_path, part, *ROWS)
    task = read_task(f"xnli:{tmp_path}")
    assert task.languages == ("sw", "en")
    assert same_items(task.examples("sw", "dev"), task.examples("en", "dev"))
    assert [e.answer for e in task.examples("sw", "test")] == [1, 2, 0]
    one = task.all[0]
    assert one.prompt == 'sw "premise, right?' and one.group == "dev-7" and one.id == "dev-0"
    assert one.choices == (" Yes, neutral.", " Also, neutral.", " No, neutral.")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*ROWS, ROWS[0]], ":8: item '0' occurs twice in 'sw'"),
        (ROWS[1:], ": item '0' is not there in 'sw'"),
        ([("sw", "-", *ROWS[0][2:])], ":2: 'gold_label' is '-'"),
        ([ROWS[0][:-1]], ":2: has 6 cells but the header has 7"),
        ([], ": holds no items"),
    ],
)
def test_a_damaged_xnli_is_named(tmp_path, rows, message):
    path = xnli(tmp_path, "dev", *rows)
    with pytest.raises(InputError) as error:
        read_xnli(tmp_path)
    assert str(error.value).startswith(f"{path}{message}")


def test_a_table_that_is_not_xnli_is_refused(tmp_path):
    (tmp_path / "xnli.dev.tsv").write_text("a\tb\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"xnli\.dev\.tsv:1: the header lacks language"):
        read_xnli(tmp_path)
