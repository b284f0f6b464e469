"""Tasks of generated answers: MGSM, XQuAD and tables of answers."""

import json

import pytest

from workbench.core.errors import InputError
from workbench.tasks import AnswerExample, AnswerTask, read_answers, read_task, same_items
from workbench.tasks.questions import read_mgsm, read_xquad


def mgsm(folder, language, rows):
    path = folder / f"mgsm_{language}.tsv"
    path.write_text("".join(f"{q}\t{a}\n" for q, a in rows), encoding="utf-8")
    return path


def squad(folder, language, articles):
    """`articles` holds for each article its paragraphs: (context, [(id, question, answer)])."""
    data = [
        {
            "title": f"T{i}",
            "paragraphs": [
                {
                    "context": context,
                    "qas": [{"id": n, "question": q, "answers": [{"text": a}]} for n, q, a in qas],
                }
                for context, qas in article
            ],
        }
        for i, article in enumerate(articles)
    ]
    path = folder / f"xquad.{language}.json"
    path.write_text(json.dumps({"version": "1.1", "data": data}, indent=1), encoding="utf-8")
    return path


def articles(n=4, word="cat"):
    return [
        [(f"A {word} {i} {p}", [(f"{i}{p}{q}", f"What {q}?", word) for q in range(2)]) for p in range(2)]
        for i in range(n)
    ]


def test_mgsm_keeps_lines_together_and_answers_as_written(tmp_path):
    rows = [(f"How many {i}?", i) for i in range(9)]
    mgsm(tmp_path, "en", [*rows, ("Sum?", "2,125")])
    mgsm(tmp_path, "sw", [*rows, ("Jumla?", "2125")])
    task = read_mgsm(tmp_path)
    assert (task.name, task.scorer, task.languages) == ("mgsm", "number", ("en", "sw"))
    assert {s: len(task.examples("en", s)) for s in ("dev", "test")} == {"dev": 5, "test": 5}
    assert same_items(task.examples("en", "dev"), task.examples("sw", "dev"))
    last = next(e for e in task.all if e.id == "10")
    assert last.prompt == "Question: Sum?\nAnswer:" and last.answers == ("2,125",)
    assert len(task.notes) == 1
    mgsm(tmp_path, "de", [*rows, ("Summe?", "7")])
    assert "differ from de in 1 items, such as 10" in read_mgsm(tmp_path).notes[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Q?\t1\nonly a question\n", ":2: has 1 cells"),
        ("Q?\t1\nQ?\teight\n", ":2: answer 'eight' is no number"),
        ("Q?\t1\n\t2\n", ":2: has 2 cells"),
        ("Q?\t1\n", ":2: has 1 items but"),
        ("", ": holds no items"),
    ],
)
def test_a_damaged_mgsm_is_named(tmp_path, text, message):
    mgsm(tmp_path, "en", [("a", 1), ("b", 2)])
    path = tmp_path / "mgsm_sw.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_mgsm(tmp_path)
    assert str(error.value).startswith(str(path)) and message in str(error.value)


def test_xquad_groups_by_paragraph_and_splits_by_article(tmp_path):
    squad(tmp_path, "en", articles())
    squad(tmp_path, "es", articles(word="gato"))
    task = read_xquad(tmp_path)
    assert (task.scorer, task.languages) == ("f1", ("en", "es"))
    dev, test = (task.examples("es", split) for split in ("dev", "test"))
    assert (len(dev), len(test)) == (8, 8)
    assert not {e.group.split("/")[0] for e in dev} & {e.group.split("/")[0] for e in test}
    assert same_items(dev, task.examples("en", "dev"))
    one = next(e for e in task.all if e.id == "110" and e.language == "es")
    assert one == AnswerExample(
        "110", "A gato 1 1\nQuestion: What 0?\nAnswer:", ("gato",), "es", one.split, "1/1"
    )


def test_a_damaged_xquad_is_named(tmp_path):
    path = squad(tmp_path, "en", articles())
    good = path.read_text(encoding="utf-8")
    for wrong, message in [
        (good[:200], r"xquad\.en\.json:\d+: is not JSON"),
        ("[]", "has no list 'data'"),
        (good.replace('"text": "cat"', '"text": "dog"', 1), "answer 'dog' of item '000' is not in"),
        (good.replace('"question": "What 0?"', '"ask": ""', 1), "'question' is missing"),
        (good.replace('"id": "001"', '"id": "000"'), "item '000' occurs twice"),
        (good.replace('"answers"', '"answer"', 1), "item '000' has no list 'answers'"),
    ]:
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            read_xquad(tmp_path)
    path.write_text(good, encoding="utf-8")
    squad(tmp_path, "es", articles(n=3))
    with pytest.raises(InputError, match=r"xquad\.es\.json: has other items than"):
        read_xquad(tmp_path)


def test_tables_of_answers(tmp_path):
    header = "id\tsplit\tgroup\tlanguage\tprompt\tanswer1\tanswer2\n"
    table = header + "1\tdev\t\tswh\tQ?\tyes\taye\n2\ttest\tg\tsw\tR?\tno\t\n"
    (tmp_path / "quiz.tsv").write_text(table, encoding="utf-8")
    task = read_answers(tmp_path / "quiz.tsv", scorer="f1")
    assert task == AnswerTask(
        "quiz",
        (
            AnswerExample("1", "Q?", ("yes", "aye"), "sw", "dev"),
            AnswerExample("2", "R?", ("no",), "sw", "test", "g"),
        ),
        "f1",
    )
    records = [
        {"id": 1, "split": "dev", "language": "sw", "prompt": "Q?", "answers": ["yes", "aye"]},
        {"id": 2, "split": "test", "group": "g", "language": "sw", "prompt": "R?", "answers": ["no"]},
    ]
    (tmp_path / "quiz.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    assert read_answers(tmp_path / "quiz.jsonl", scorer="f1") == task
    assert read_task(f"answers:{tmp_path / 'quiz.tsv'}", splits=["test"]).all == task.all[1:]
    with pytest.raises(InputError, match="unknown scorer 'rouge'"):
        read_answers(tmp_path / "quiz.tsv", scorer="rouge")
    (tmp_path / "quiz.tsv").write_text(table.replace("no\t", " \t"), encoding="utf-8")
    with pytest.raises(InputError, match=r"quiz\.tsv:3: .* at least one answer"):
        read_answers(tmp_path / "quiz.tsv")


def test_the_published_mgsm(shared_data):
    task = read_task(f"mgsm:{shared_data / 'mgsm'}", languages=["swh", "en"])
    assert task.languages == ("sw", "en")
    assert [len(task.examples(code, s)) for code in ("sw", "en") for s in ("dev", "test")] == [125] * 4
    assert same_items(task.examples("sw", "test"), task.examples("en", "test"))
    assert next(e for e in task.all if e.id == "250").answers == ("5,600",)
    assert len(read_mgsm(shared_data / "mgsm").notes) == 1  # the answers are the same in all four


def test_the_published_xquad(shared_data):
    task = read_task(f"xquad:{shared_data / 'xquad'}")
    assert task.languages == ("en", "es", "tr")
    assert len(task.all) == 3 * 1190
    dev, test = (task.examples("tr", split) for split in ("dev", "test"))
    assert len(dev) + len(test) == 1190 and abs(len(dev) - len(test)) < 60
    assert len({e.group for e in task.all}) == 240
    assert not {e.group for e in dev} & {e.group for e in test}
    assert same_items(dev, task.examples("en", "dev")) and same_items(test, task.examples("es", "test"))
