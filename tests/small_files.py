"""A small valid file or folder of every format of text and of tasks that is read: name → text."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.analyses.claims.base import read_scale
from workbench.checks import Report, check_fields, is_benchmark
from workbench.core.reading import files_in, user_path
from workbench.methods.baselines import read_translations
from workbench.tasks import TASKS
from workbench.tasks.labels import TOPICS
from workbench.tasks.prompts import read_prompts
from workbench.text import read

LANGUAGES = ("swh_Latn", "eng_Latn")
N = 4


@dataclass(frozen=True)
class Small:
    """The files of a format, and what reads the folder or file they are in."""

    files: dict[str, str]
    read: Callable[[Path], Any]
    path: str = ""
    """What is read under the folder: a file, the beginning of names, or nothing for the folder itself."""


def tsv(rows: Iterable[Iterable[object]]) -> str:
    """Tab-separated rows."""
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def jsonl(records: Iterable[object]) -> str:
    """JSON lines."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _sentences(code: str) -> str:
    return "".join(f"{code} sentence {i}.\n" for i in range(N))


def _tmx() -> str:
    def variant(code: str, i: int) -> str:
        return f'<tuv xml:lang="{code}"><seg>{code} <bpt i="1">b</bpt>number {i}</seg></tuv>'

    units = "".join(f"<tu>{variant('sw', i)}{variant('en', i)}</tu>\n" for i in range(N))
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n'
    return f'{head}<tmx version="1.4"><header/><body>\n{units}</body></tmx>\n'


def _copa(first: int) -> str:
    items = "".join(
        f'<item id="{first + i}" asks-for="{"cause" if i % 2 else "effect"}" '
        f'most-plausible-alternative="{i % 2 + 1}">\n<p>Was {i}.</p><a1>One.</a1><a2>Two.</a2></item>\n'
        for i in range(N)
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<copa-corpus version="1.0">\n{items}</copa-corpus>\n'


def _xcopa() -> list[dict[str, object]]:
    return [
        {
            "premise": f"Premise {i}.",
            "choice1": "One.",
            "choice2": "Two.",
            "question": "cause" if i % 2 else "effect",
            "label": i % 2,
            "idx": i,
            "changed": False,
        }
        for i in range(N)
    ]


def _doctor(path: str | Path) -> Report:
    folder = user_path(path)
    inside = files_in(folder) if folder.is_dir() else [folder]
    return check_fields([file for file in inside if is_benchmark(file)])


def _xquad(code: str) -> str:
    qas = [
        [{"id": f"{p}{q}", "question": f"{code} what {q}?", "answers": [{"text": "cat"}]} for q in range(2)]
        for p in range(N)
    ]
    articles = [{"paragraphs": [{"context": f"{code} a cat {p}", "qas": qas[p]}]} for p in range(N)]
    return json.dumps({"data": articles}, indent=1)


def _xnli() -> str:
    header = ("language", "gold_label", "sentence1", "sentence2", "promptID", "pairID")
    labels = ("neutral", "contradiction", "entailment")
    rows = [
        (code, label, f"{code} premise", f"{code} {label}", 7, i)
        for code in ("sw", "en")
        for i, label in enumerate(labels)
    ]
    return tsv([header, *rows])


def _belebele(code: str) -> str:
    return jsonl(
        {
            "link": f"https://en.example/{i // 2}",
            "question_number": i % 2 + 1,
            "flores_passage": f"{code} passage {i // 2}",
            "question": f"Q{i}?",
            **{f"mc_answer{a}": f"answer {a}" for a in range(1, 5)},
            "correct_answer_num": str(i % 4 + 1),
        }
        for i in range(N)
    )


def _stories(code: str) -> str:
    sentences = [f"InputSentence{i}" for i in range(1, 5)]
    header = [*sentences, "RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2", "AnswerRightEnding"]
    return tsv(
        [header, *([*(f"{code} {i}{c}." for c in "abcd"), "One.", "Two.", i % 2 + 1] for i in range(N))]
    )


def _schemas() -> str:
    rows = []
    for i, right in enumerate((True, False)):
        sentence = f"The trophy does not fit because it is {i}."
        candidates = [[one, [0, 1], [one], true] for one, true in (("trophy", right), ("case", not right))]
        parsed = (sentence.split(), ["it", [6, 7], ["it"]], candidates)
        rows.append(("en", "original", "?", sentence, *map(json.dumps, parsed)))
    return tsv(rows)


def _mkqa() -> str:
    codes = ("en", "sv")
    answer = {"type": "entity", "text": "Jibu", "aliases": ["J", ""]}
    return jsonl(
        {
            "example_id": i,
            "queries": {code: f"{code} who {i}" for code in codes},
            "answers": {code: [answer] for code in codes},
        }
        for i in range(N)
    )


def _mzsre() -> str:
    def side(code: str, i: int) -> dict[str, str]:
        return {"subject": f"S{i}", "src": f"{code} q{i}?", "rephrase": f"{code} r{i}?", "alt": f"A{i}"}

    return json.dumps([{"en": side("en", i), "de": side("de", i)} for i in range(N)], indent=1)


def _xcsqa() -> str:
    choices = [{"label": letter, "text": f"text {letter}"} for letter in "ABCDE"]
    return jsonl(
        {"id": f"q{i}", "question": {"stem": f"What {i}?", "choices": choices}, "answerKey": "ABCDE"[i % 5]}
        for i in range(N)
    )


def _items(numbered: str, width: int, **more: str) -> tuple[str, str]:
    """A generic table, tab-separated and as JSON lines."""
    rows = [
        {
            "id": str(i),
            "split": ("dev", "test")[i % 2],
            "group": f"g{i}",
            "language": code,
            "prompt": "So",
            **more,
        }
        for code in ("sw", "en")
        for i in range(N)
    ]
    values = [f" {numbered} {i}" for i in range(1, width + 1)]
    header = [*rows[0], *(f"{numbered}{i}" for i in range(1, width + 1))]
    lines = jsonl({**row, f"{numbered}s": values} for row in rows)
    return tsv([header, *([*row.values(), *values] for row in rows)]), lines


_PAIRS = tsv(
    [
        ("id", "sentence1", "sentence2", "label"),
        *((i, f"It is {i}.", f"One is {i}.", i % 2) for i in range(N)),
    ]
)
_TABLE = [("sw", "doc", "en"), *((f"moja {i}", f"d{i // 2}", f"one {i}") for i in range(N))]
_RECORDS = [{"id": i, "translation": {"sw": f"moja {i}", "en": f"one {i}"}, "doc": f"d{i}"} for i in range(N)]
_VERSES = "".join(f"GEN {i // 2 + 1}:{i % 2 + 1}\n" for i in range(N))
_CHOICES, _CHOICE_LINES = _items("choice", 2, answer="1")
_ANSWERS, _ANSWER_LINES = _items("answer", 2)
_FLORES = {f"{p}/{code}.{p}": _sentences(code) for code in LANGUAGES for p in ("dev", "devtest")}
_STARTER = tsv(
    [
        ("id", "question", "label", "language", "premise", "choice1", "choice2"),
        *((i, "cause", i % 2, code, "It rained.", "A.", "B.") for code in ("sw", "en") for i in range(N)),
    ]
)
_SIB = {
    f"{code}/{part}.tsv": tsv(
        [("index_id", "category", "text"), *((i + at, TOPICS[i], f'"Text {i}"') for i in range(N))]
    )
    for code in LANGUAGES
    for at, part in ((10, "train"), (20, "dev"), (30, "test"))
}
_MSVAMP = [{"query": f"how many {i} ?", "m_query": f"Ngapi {i}?", "response": f"{i}.0"} for i in range(N)]

TEXTS: dict[str, Small] = {
    "tsv": Small({"t.tsv": tsv(_TABLE)}, read, "t.tsv"),
    "csv": Small({"t.csv": 'sw,doc,en\n"moja, ""m""",d1,one\nmbili,d2,"two\nlines"\n'}, read, "t.csv"),
    "jsonl": Small({"t.jsonl": jsonl(_RECORDS)}, read, "t.jsonl"),
    "tmx": Small({"t.tmx": _tmx()}, read, "t.tmx"),
    "ntrex": Small(
        {
            **{f"newstest2019-ref.{code}.txt": _sentences(code) for code in ("swa", "eng")},
            "DOCUMENT_IDS.tsv": "a.1\n" * N,
        },
        lambda path: read(path, format="ntrex"),
    ),
    "flores": Small(
        {**_FLORES, "metadata_dev.tsv": "URL\tdomain\n" + "u1\tnews\n" * N},
        lambda path: read(path, format="flores", split="dev"),
    ),
    "flores of JSON lines": Small(
        {
            f"dev/{code}.jsonl": jsonl({"id": i, "text": f"{code} {i}", "url": f"u{i}"} for i in range(N))
            for code in LANGUAGES
        },
        lambda path: read(path, format="flores"),
    ),
    "bibles": Small(
        {
            "vref.txt": _VERSES,
            "eng-web.txt": "one\ntwo\n<range>\nfour\n",
            "vie.v1.tsv": "".join(f"{verse}\tv\n" for verse in _VERSES.splitlines()),
        },
        lambda path: read(path, format="bibles", drop_missing=True),
    ),
    "lines": Small({"news.sw": _sentences("sw"), "news.en": _sentences("en")}, read, "news"),
    "huggingface": Small({"train.jsonl": jsonl(_RECORDS)}, lambda path: read(path, format="huggingface")),
}
"""The formats of `workbench.text.read`."""

TASK_FILES: dict[str, Small] = {
    "starter": Small({"choices.tsv": _STARTER}, TASKS["starter"], "choices.tsv"),
    "xcopa": Small(
        {
            **{f"{p}.{code}.jsonl": jsonl(_xcopa()) for p in ("val", "test") for code in ("sw", "et")},
            "copa-dev.xml": _copa(401),
            "copa-test.xml": _copa(501),
        },
        TASKS["xcopa"],
    ),
    "mgsm": Small(
        {f"mgsm_{c}.tsv": tsv((f"{c} {i}?", i) for i in range(N)) for c in ("sw", "en")}, TASKS["mgsm"]
    ),
    "xquad": Small({f"xquad.{code}.json": _xquad(code) for code in ("es", "en")}, TASKS["xquad"]),
    "xnli": Small({"xnli.dev.tsv": _xnli(), "xnli.test.tsv": _xnli()}, TASKS["xnli"]),
    "belebele": Small({f"{code}.jsonl": _belebele(code) for code in LANGUAGES}, TASKS["belebele"]),
    "xstorycloze": Small(
        {
            f"spring2016.val.{code}.tsv.split_20_80_{part}.tsv": _stories(code)
            for code in ("sw", "en")
            for part in ("train", "eval")
        },
        TASKS["xstorycloze"],
    ),
    "xwinograd": Small({"dataset.tsv": _schemas()}, TASKS["xwinograd"]),
    "xwinograd of JSON lines": Small(
        {
            "en.jsonl": jsonl(
                [{"sentence": "A saw B as _ sat.", "option1": "A", "option2": "B", "answer": "2"}] * 2
            )
        },
        TASKS["xwinograd"],
    ),
    "pawsx": Small(
        {f"{code}/{part}.tsv": _PAIRS for code in ("en", "de") for part in ("dev_2k", "test_2k")},
        TASKS["pawsx"],
    ),
    "msvamp": Small(
        {"test_Swahili.json": jsonl(_MSVAMP), "test_English.json": jsonl(_MSVAMP)}, TASKS["msvamp"]
    ),
    "sib200": Small(_SIB, TASKS["sib200"]),
    "mkqa": Small({"mkqa.jsonl": _mkqa()}, lambda path: TASKS["mkqa"](path, languages=["sv", "en"])),
    "mzsre": Small({"mzsre_test_duplicate_ende.json": _mzsre()}, TASKS["mzsre"]),
    "xcsqa": Small({f"{code}/dev.jsonl": _xcsqa() for code in ("en", "jap")}, TASKS["xcsqa"]),
    "flores": Small(_FLORES, TASKS["flores"]),
    "translation": Small({"news.tsv": tsv(_TABLE)}, TASKS["translation"], "news.tsv"),
    "choices": Small({"quiz.tsv": _CHOICES}, TASKS["choices"], "quiz.tsv"),
    "choices of JSON lines": Small({"quiz.jsonl": _CHOICE_LINES}, TASKS["choices"], "quiz.jsonl"),
    "answers": Small({"quiz.tsv": _ANSWERS}, TASKS["answers"], "quiz.tsv"),
    "answers of JSON lines": Small({"quiz.jsonl": _ANSWER_LINES}, TASKS["answers"], "quiz.jsonl"),
}
"""The formats of `workbench.tasks.read_task`."""

OTHERS: dict[str, Small] = {
    "doctor": Small(
        {**{f"val.{code}.jsonl": jsonl(_xcopa()) for code in ("sw", "et", "tr")}, "copa-dev.xml": _copa(401)},
        _doctor,
    ),
    "prompts": Small(
        {"p.toml": '[template]\nsw = "Swali: {question}"\nen = "Q:"\n[words]\nsw = ["La", "Ndiyo"]\n'},
        read_prompts,
        "p.toml",
    ),
    "scale": Small({"s.tsv": "language\tshare\nsw\t0.5\nen\t12\n"}, read_scale, "s.tsv"),
    "translations": Small(
        {"t.tsv": tsv([("id", "prompt"), *((i, f"So {i}") for i in range(N))])}, read_translations, "t.tsv"
    ),
    "translations of JSON lines": Small(
        {"t.jsonl": jsonl({"id": f"{i}", "prompt": f"So {i}"} for i in range(N))},
        read_translations,
        "t.jsonl",
    ),
}
"""What else is read from a file of the user's."""
