"""Questions: Belebele, X-CSQA, XQuAD, MKQA, MzsRE; and mathematical problems: MGSM, MSVAMP."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from workbench.core.errors import InputError, TextError, quoted
from workbench.core.languages import NAMES, canonical
from workbench.tasks.base import AnswerTask, ChoiceTask
from workbench.tasks.prompts import Template
from workbench.tasks.records import (
    File,
    Item,
    Record,
    Side,
    Sides,
    Source,
    answer_task,
    by_language,
    by_letter,
    by_name,
    by_place,
    cells_in,
    choice_task,
    file_of,
    find_files,
    one_set,
    read_json,
    read_objects,
    same_ids,
    same_lengths,
)
from workbench.tasks.scoring import answer_number

# Belebele: four answers to a question on a passage, JSON lines, one file for each language.


def read_belebele(
    path: Source | None = None,
    seed: int = 0,
    template: Template = "P: {passage}\nQ: {question}\nA: {A}\nB: {B}\nC: {C}\nD: {D}\nAnswer:",
    choice: Template = " {letter}",
    languages: Iterable[str] | None = None,
) -> ChoiceTask:
    """Read `swh_Latn.jsonl` and so on from a folder; the only set published is cut in halves by the seed.

    No passage is in both halves; it is the group. `choice` may use {answer} instead of {letter}.
    """
    named = find_files(path, r"(?P<language>[a-z]{3}_[A-Za-z][a-z]{3})\.jsonl", "belebele")
    files = by_language(named, languages)
    sides = same_ids({language: by_name(_read_belebele(file)) for language, file in files.items()})
    split_of, note = one_set(sides, seed, "passage")
    return choice_task("belebele", sides, split_of, template, choice, by_letter("ABCD"), [note])


def _read_belebele(path: File) -> Iterator[tuple[str, Item]]:
    for record in read_objects(path):
        texts = {key: str(value) if type(value) is int else value for key, value in record.fields.items()}
        record = replace(record, fields=texts)
        # A link alone does not name a passage: one article may give passages to two splits of FLORES.
        passage = "#".join(map(record.text, ("link", "split") if "split" in texts else ("link",)))
        values = {"passage": record.text("flores_passage"), "question": record.text("question")}
        values |= {letter: record.text(f"mc_answer{i}") for i, letter in enumerate("ABCD", 1)}
        right = int(record.one_of("correct_answer_num", ("1", "2", "3", "4"))) - 1
        yield f"{passage}#{record.text('question_number')}", Item(record, values, right, passage)


# X-CSQA: common-sense questions with five answers; a folder for each language, JSON lines.


_LETTERS = ("A", "B", "C", "D", "E")


def read_xcsqa(
    path: Source | None = None,
    seed: int = 0,
    template: Template = "{question}\nA. {A}\nB. {B}\nC. {C}\nD. {D}\nE. {E}\nAnswer:",
    choice: Template = " {letter}",
    languages: Iterable[str] | None = None,
) -> ChoiceTask:
    """Read `<language>/dev.jsonl` (the folder X-CSQA), cut in halves by the seed.

    The published test files hide their answers, and are not read. `choice` may use {answer} instead of
    {letter}; two answers of an item may be the same text in some languages, which is refused then.
    """
    files = by_language(find_files(path, r"dev\.jsonl", "xcsqa", deep=True), languages)
    sides = same_ids({language: by_name(_read_xcsqa(file)) for language, file in files.items()})
    split_of, _ = one_set(sides, seed)
    note = f"dev cut into a dev and a test half with seed {seed}; the published test set hides its answers"
    mend = "fix the item, or let choice use {letter}"
    return choice_task("xcsqa", sides, split_of, template, choice, by_letter(_LETTERS), [note], mend)


def _read_xcsqa(path: File) -> Iterator[tuple[str, Item]]:
    for record in read_objects(path):
        name, question = record.text("id"), record.fields.get("question")
        if not isinstance(question, dict):
            raise record.error(f"'question' is {quoted(question)}: it must hold stem and choices")
        values = {"question": replace(record, fields=question).text("stem").strip()}
        choices = question.get("choices")
        if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
            raise record.error(f"'choices' is {quoted(choices)}: it must be a list of label and text")
        answers = [replace(record, fields=choice) for choice in choices]
        labels = [answer.text("label") for answer in answers]
        if sorted(labels) != [*_LETTERS]:
            raise record.error(f"has the answers {', '.join(dict.fromkeys(labels))}: they must be A to E")
        values |= {label: answer.text("text").strip() for label, answer in zip(labels, answers, strict=True)}
        yield name, Item(record, values, _LETTERS.index(record.one_of("answerKey", _LETTERS)))


# XQuAD: questions on paragraphs, in SQuAD's JSON; the answer stands in the paragraph.


def read_xquad(
    path: Source | None = None, seed: int = 0, template: Template = "{context}\nQuestion: {question}\nAnswer:"
) -> AnswerTask:
    """Read `xquad.<language>.json` from a folder; the only set published is cut in halves by the seed.

    No article is in both halves. `group` is the paragraph, as `article/paragraph`, both counted from 0.
    """
    files = by_language(find_files(path, r"xquad\.(?P<language>[\w-]+)\.json", "xquad"))
    sides = same_ids({language: by_name(_read_xquad(file)) for language, file in files.items()})
    split_of, note = one_set(sides, seed, "article", lambda item: str(item.group).partition("/")[0])
    return answer_task("xquad", sides, split_of, template, "f1", [note])


def _read_xquad(path: File) -> Iterator[tuple[str, Item]]:
    for a, article in enumerate(_list(read_json(path), "data", path, "the file")):
        for p, paragraph in enumerate(_list(article, "paragraphs", path, f"article {a}")):
            where = f"{a}/{p}"
            for qa in _list(paragraph, "qas", path, f"paragraph {where}"):
                record, context = Record(path, None, qa), Record(path, None, paragraph).text("context")
                name, question = record.text("id"), record.text("question")
                answers = _list(qa, "answers", path, f"item {quoted(name)}")
                texts = tuple(dict.fromkeys(Record(path, None, answer).text("text") for answer in answers))
                if odd := [text for text in texts if text not in context]:
                    raise record.error(
                        f"answer {quoted(odd[0])} of item {quoted(name)} is not in its paragraph: "
                        "fix the item"
                    )
                yield name, Item(record, {"context": context, "question": question}, texts, where)


def _list(value: Any, field: str, path: File, what: str) -> list[dict[str, Any]]:
    inner = value.get(field) if isinstance(value, dict) else None
    if not isinstance(inner, list) or not inner or not all(isinstance(one, dict) for one in inner):
        raise TextError(f"{what} has no list {field!r}: it is not SQuAD's format; fetch the file again", path)
    return inner


# MKQA: questions of knowledge, JSON lines that hold all languages.


_SHORT = ("entity", "date", "number", "number_with_unit", "short_phrase", "binary")
_UNUSED = ("long_answer", "unanswerable")
_CODES = (
    "en ar da de es fi fr he hu it ja ko km ms nl no pl pt ru sv th tr vi zh_cn zh_tw"  # zh_hk: see below
).split()


def read_mkqa(
    path: Source | None = None,
    seed: int = 0,
    template: Template = "Question: {question}\nAnswer:",
    languages: Iterable[str] | None = None,
) -> AnswerTask:
    """Read `mkqa.jsonl` (packed or not); its questions are cut in halves by the seed.

    Every answer counts as right, and so does each of its aliases. Questions without a short answer (long or
    none) are left out in all languages. Of traditional Chinese, Taiwan's is read, not Hong Kong's.
    """
    file, *more = [file for file, _ in find_files(path, r"mkqa\.jsonl", "mkqa")]
    if more:
        raise InputError(f"{file} and {more[0]} are both MKQA: name one of them")
    by_code = {canonical(code): code for code in _CODES}
    chosen = list(by_code) if languages is None else [canonical(code) for code in languages]
    if unknown := [code for code in chosen if code not in by_code]:
        raise InputError(f"mkqa has no {unknown[0]!r}: it has {', '.join(by_code)}")
    questions = by_name((_name_mkqa(record), Item(record, {})) for record in read_objects(file))
    sides: Sides = {code: {} for code in chosen}
    for name, question in questions.items():
        items = {code: _item_mkqa(question.record, by_code[code]) for code in chosen}
        if all(item.right for item in items.values()):
            for code, item in items.items():
                sides[code][str(name)] = item
    split_of, note = one_set(sides, seed)
    left_out = f"{len(questions) - len(split_of)} questions without a short answer left out"
    return answer_task("mkqa", sides, split_of, template, "f1", [note, left_out])


def _name_mkqa(record: Record) -> int:
    name = record.fields.get("example_id")
    if type(name) is not int:
        raise record.error(f"'example_id' is {quoted(name)}, not a number: fetch the file again")
    return name


def _item_mkqa(record: Record, code: str) -> Item:
    """Question and short answers in a language."""
    queries, answers = record.fields.get("queries"), record.fields.get("answers")
    if not isinstance(queries, dict) or not isinstance(answers, dict):
        raise record.error("has no 'queries' and 'answers': it is not MKQA")
    question = replace(record, fields=queries).text(code).strip()
    given = answers.get(code)
    if not isinstance(given, list) or not all(isinstance(answer, dict) for answer in given):
        raise record.error(f"the answers in {code} are {quoted(given)}, no list: fix the item")
    texts: list[str] = []
    for answer in given:
        if answer.get("type") not in (*_SHORT, *_UNUSED):
            raise record.error(f"the type of an answer is {quoted(answer.get('type'))}: fix the item")
        if answer["type"] in _SHORT and answer.get("text"):
            aliases = answer.get("aliases") or []
            if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
                raise record.error(f"'aliases' is {quoted(aliases)}: it must be a list of texts")
            texts += [replace(record, fields=answer).text("text"), *filter(str.strip, aliases)]
    return Item(record, {"question": question}, tuple(dict.fromkeys(text.strip() for text in texts)))


# MzsRE: questions of edited knowledge; a JSON list for each pair of languages with English.


_TEXTS = {"subject": "subject", "question": "src", "rephrase": "rephrase", "answer": "alt"}


def read_mzsre(
    path: Source | None = None,
    seed: int = 0,
    template: Template = "{question} {answer}\nQuestion: {rephrase}\nAnswer:",
    languages: Iterable[str] | None = None,
) -> AnswerTask:
    """Read `mzsre_test_duplicate_en<language>.json` from a folder; halves by the seed.

    The answer is the edited one (`alt`), which nobody could know: so the template tells it with the question
    and asks again in other words. An item is called by its place in the list.
    """
    chosen = None if languages is None else [canonical(code) for code in languages]
    others = [code for code in chosen or () if code != "en"] or None
    named = find_files(path, r"mzsre_test_duplicate_en(?P<language>[a-z]{2})\.json", "mzsre")
    sides: Sides = {}
    for language, file in by_language(named, others).items():
        english, other = _read_mzsre(file)
        first = sides.setdefault("en", english)
        if [item.values for item in first.values()] != [item.values for item in english.values()]:
            raise TextError(f"has other English items than {file_of(first)}: fetch both again", file)
        sides[language] = other
    sides = {code: sides[code] for code in (sides if chosen is None else chosen)}
    split_of, note = one_set(sides, seed)
    return answer_task("mzsre", sides, split_of, template, "exact", [note])


def _read_mzsre(path: File) -> tuple[Side, Side]:
    """The English items and those of the other language."""
    records = read_json(path)
    if not isinstance(records, list) or not records:
        raise TextError("is no list of items: fetch the file again", path)
    items: dict[bool, list[Item]] = {True: [], False: []}
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict) or len(record) != 2 or "en" not in record:
            raise TextError(f"item {number} is not in English and one other language: fix the item", path)
        for code, side in record.items():
            items[code == "en"].append(_item_mzsre(side, path, number))
    return by_place(items[True]), by_place(items[False])


def _item_mzsre(side: Any, path: File, number: int) -> Item:
    if not isinstance(side, dict):
        raise TextError(f"item {number} holds {quoted(side)} in place of its texts: fix the item", path)
    record = Record(path, None, side)
    try:
        values = {name: record.text(field).strip() for name, field in _TEXTS.items()}
    except TextError as error:
        raise record.error(f"item {number}: {str(error).removeprefix(f'{path}: ')}") from error
    return Item(record, values, (values["answer"],))


# MGSM: grade-school problems, tables of `question ⇥ number` without header, line n = line n.


def read_mgsm(
    path: Source | None = None, seed: int = 0, template: Template = "Question: {question}\nAnswer:"
) -> AnswerTask:
    """Read `mgsm_<language>.tsv` from a folder; the only set published is cut in halves by the seed.

    An item is called by its line. Answers are kept as they are written, `2,125` too.
    """
    files = by_language(find_files(path, r"mgsm_(?P<language>[\w-]+)\.tsv", "mgsm"))
    sides = {language: by_place(_read_mgsm(file)) for language, file in files.items()}
    same_lengths(sides)
    split_of, *notes = one_set(sides, seed)
    first = next(iter(sides))
    numbers = {code: [answer_number(*item.right) for item in side.values()] for code, side in sides.items()}
    for language, side in numbers.items():
        if odd := [i for i, (a, b) in enumerate(zip(side, numbers[first], strict=True), 1) if a != b]:
            notes.append(f"answers in {language} differ from {first} in {len(odd)} items, such as {odd[0]}")
    return answer_task("mgsm", sides, split_of, template, "number", notes)


def _read_mgsm(path: File) -> list[Item]:
    if not (rows := list(cells_in(path, header=False))):
        raise TextError("holds no items: fetch the file again", path)
    for line, cells in rows:
        if len(cells) != 2 or not cells[0].strip():
            raise TextError(f"has {len(cells)} cells: a line is a question, a tab and a number", path, line)
        if answer_number(cells[1]) is None:
            raise TextError(f"answer {quoted(cells[1])} is no number: fetch the file again", path, line)
    return [Item(Record(path, line, {}), {"question": asked}, (right,)) for line, (asked, right) in rows]


# MSVAMP: short maths problems, JSON lines `m_query` and `response`, line n = line n.


_ENGLISH_NAMES = {name: code for code, name in NAMES.items()}


def read_msvamp(
    path: Source | None = None,
    seed: int = 0,
    template: Template = "Question: {question}\nAnswer:",
    languages: Iterable[str] | None = None,
) -> AnswerTask:
    """Read `test_<Language>.json` from a folder; the only set published is cut in halves by the seed.

    An item is called by its line; the English question that each line carries shows that lines align.
    Whole numbers lose their `.0`.
    """
    named = find_files(path, r"test_(?P<language>[A-Z][a-z]+)\.json", "msvamp")
    files = by_language(named, languages, _ENGLISH_NAMES)
    sides = {language: by_place(_read_msvamp(file)) for language, file in files.items()}
    first = next(iter(sides.values()))
    for side in sides.values():
        for item, other in zip(side.values(), first.values(), strict=False):
            asks, wanted = _english(item.record), _english(other.record)
            if asks != wanted:
                raise item.record.error(
                    f"asks {asks[:40]!r} where {file_of(first)} asks {wanted[:40]!r}: "
                    "lines must align; fetch both again"
                )
    same_lengths(sides)
    split_of, note = one_set(sides, seed)
    return answer_task("msvamp", sides, split_of, template, "number", [note])


def _read_msvamp(path: File) -> Iterator[Item]:
    for record in read_objects(path):
        question, answer = record.text("m_query").strip(), record.text("response").strip()
        if answer_number(answer) is None:
            raise record.error(f"'response' is {quoted(answer)}, no number: fetch the file again")
        _english(record)
        yield Item(record, {"question": question}, (answer.removesuffix(".0"),))


def _english(record: Record) -> str:
    """The question in English: `query`, which the English file itself does not have."""
    return " ".join(record.text("query" if "query" in record.fields else "m_query").split())
