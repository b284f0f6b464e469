"""Questions: Belebele, X-CSQA, XQuAD, MKQA, MzsRE."""

from collections.abc import Iterable, Iterator
from typing import Any

from workbench.core.errors import InputError, TextError, quoted
from workbench.core.languages import canonical
from workbench.tasks.base import AnswerExample, AnswerTask, ChoiceTask, Example
from workbench.tasks.prompts import Template, fill, halves
from workbench.tasks.records import (
    File,
    Record,
    Source,
    by_folder,
    by_language,
    find_files,
    one_of,
    read_json,
    read_objects,
    same_ids,
    text_in,
)

# Belebele: four answers to a question on a passage, JSON lines, one file for each language.


_FILES_BELEBELE = r"(?P<language>[a-z]{3}_[A-Za-z][a-z]{3})\.jsonl"
_ANSWERS = ("mc_answer1", "mc_answer2", "mc_answer3", "mc_answer4")
_LETTERS_BELEBELE = ("A", "B", "C", "D")

BelebeleItem = tuple[dict[str, str], int]
"""The texts of an item, and which answer is right."""


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
    files = by_language(find_files(path, _FILES_BELEBELE, "belebele"), languages)
    sides = {language: _read_belebele(file) for language, file in files.items()}
    names = same_ids(sides, files)
    split_of = halves({name: name.rpartition("#")[0] for name in names}, seed)
    examples = []
    for language, side in sides.items():
        for name in names:
            values, right = side[name]
            prompt = fill(template, language, values)
            choices = tuple(
                fill(choice, language, {**values, "letter": letter, "answer": values[letter]})
                for letter in _LETTERS_BELEBELE
            )
            try:
                example = Example(
                    name, prompt, choices, right, language, split_of[name], name.rpartition("#")[0]
                )
            except InputError as error:
                raise TextError(f"{error}: fix the item", files[language]) from error
            examples.append(example)
    note = f"the one published set cut into a dev and a test half by passage with seed {seed}"
    return ChoiceTask("belebele", tuple(examples), (note,))


def _read_belebele(path: File) -> dict[str, BelebeleItem]:
    side: dict[str, BelebeleItem] = {}
    for line, record in read_objects(path):
        record = {key: str(value) if type(value) is int else value for key, value in record.items()}
        # A link alone does not name a passage: one article may give passages to two splits of FLORES.
        fields = ("link", *(("split",) if "split" in record else ()), "question_number")
        name = "#".join(text_in(record, field, path, line) for field in fields)
        if name in side:
            raise TextError(f"item {quoted(name)} occurs twice: keep one", path, line)
        values = {
            "passage": text_in(record, "flores_passage", path, line),
            "question": text_in(record, "question", path, line),
            **{
                letter: text_in(record, key, path, line)
                for letter, key in zip(_LETTERS_BELEBELE, _ANSWERS, strict=True)
            },
        }
        side[name] = values, int(one_of(record, "correct_answer_num", ("1", "2", "3", "4"), path, line)) - 1
    return side


# X-CSQA: common-sense questions with five answers; a folder for each language, JSON lines.


_FILES_XCSQA = r"(?P<split>dev)\.jsonl"
_LETTERS_XCSQA = ("A", "B", "C", "D", "E")
_ODD_XCSQA = {"jap": "ja"}

XcsqaItem = tuple[int, dict[str, str], int]
"""Its line, its texts, and which answer is right."""


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
    files = by_folder(path, _FILES_XCSQA, "xcsqa", languages, _ODD_XCSQA)["dev"]
    sides = {language: _read_xcsqa(file) for language, file in files.items()}
    names = same_ids(sides, files)
    split_of = halves({name: name for name in names}, seed)
    examples = []
    for language, side in sides.items():
        for name in names:
            line, values, right = side[name]
            choices = tuple(
                fill(choice, language, {**values, "letter": letter, "answer": values[letter]})
                for letter in _LETTERS_XCSQA
            )
            prompt = fill(template, language, values)
            try:
                example = Example(name, prompt, choices, right, language, split_of[name])
            except InputError as error:
                raise TextError(
                    f"{error}: fix the item, or let choice use {{letter}}", files[language], line
                ) from error
            examples.append(example)
    note = f"dev cut into a dev and a test half with seed {seed}; the published test set hides its answers"
    return ChoiceTask("xcsqa", tuple(examples), (note,))


def _read_xcsqa(path: File) -> dict[str, XcsqaItem]:
    side: dict[str, XcsqaItem] = {}
    for line, record in read_objects(path):
        name = text_in(record, "id", path, line)
        if name in side:
            raise TextError(f"item {quoted(name)} occurs twice: keep one", path, line)
        question = record.get("question")
        if not isinstance(question, dict):
            raise TextError(f"'question' is {quoted(question)}: it must hold stem and choices", path, line)
        values = {
            "question": text_in(question, "stem", path, line).strip(),
            **_answers_xcsqa(question, path, line),
        }
        right = _LETTERS_XCSQA.index(one_of(record, "answerKey", _LETTERS_XCSQA, path, line))
        side[name] = line, values, right
    return side


def _answers_xcsqa(question: dict[str, Any], path: File, line: int) -> dict[str, str]:
    choices = question.get("choices")
    if not isinstance(choices, list) or not all(isinstance(one, dict) for one in choices):
        raise TextError(f"'choices' is {quoted(choices)}: it must be a list of label and text", path, line)
    answers = {text_in(one, "label", path, line): text_in(one, "text", path, line).strip() for one in choices}
    if sorted(answers) != list(_LETTERS_XCSQA) or len(choices) != len(_LETTERS_XCSQA):
        raise TextError(f"has the answers {', '.join(answers)}: they must be A to E", path, line)
    return answers


# XQuAD: questions on paragraphs, in SQuAD's JSON; the answer stands in the paragraph.


_FILES_XQUAD = r"xquad\.(?P<language>[\w-]+)\.json"


def read_xquad(
    path: Source | None = None,
    seed: int = 0,
    template: Template = "{context}\nQuestion: {question}\nAnswer:",
) -> AnswerTask:
    """Read `xquad.<language>.json` from a folder; the only set published is cut in halves by the seed.

    No article is in both halves. `group` is the paragraph, as `article/paragraph`, both counted from 0.
    """
    files = by_language(find_files(path, _FILES_XQUAD, "xquad"))
    sides = {language: dict(_read_xquad(file)) for language, file in files.items()}
    first = next(iter(sides))
    for language, side in sides.items():
        if {name: row[0] for name, row in side.items()} != {n: row[0] for n, row in sides[first].items()}:
            odd = next(iter(side.keys() ^ sides[first].keys()), "in another paragraph")
            raise TextError(f"has other items than {files[first]}: {odd}; fetch both again", files[language])
    groups = {name: group for name, (group, *_) in sides[first].items()}
    split_of = halves({name: group.partition("/")[0] for name, group in groups.items()}, seed)
    examples = []
    for language, side in sides.items():
        for name, group in groups.items():
            _, context, question, answers = side[name]
            prompt = fill(template, language, {"context": context, "question": question})
            examples.append(AnswerExample(name, prompt, answers, language, split_of[name], group))
    note = f"the one published set cut into a dev and a test half by article with seed {seed}"
    return AnswerTask("xquad", tuple(examples), "f1", (note,))


def _read_xquad(path: File) -> Iterator[tuple[str, tuple[str, str, str, tuple[str, ...]]]]:
    seen: set[str] = set()
    for a, article in enumerate(_list(read_json(path), "data", path, "the file")):
        for p, paragraph in enumerate(_list(article, "paragraphs", path, f"article {a}")):
            where = f"{a}/{p}"
            for qa in _list(paragraph, "qas", path, f"paragraph {where}"):
                context = text_in(paragraph, "context", path)
                name, question = (text_in(qa, key, path) for key in ("id", "question"))
                if name in seen:
                    raise TextError(f"item {quoted(name)} occurs twice: keep one", path)
                seen.add(name)
                yield name, (where, context, question, _answers_xquad(qa, context, path, name))


def _answers_xquad(qa: Any, context: str, path: File, name: str) -> tuple[str, ...]:
    out = [text_in(answer, "text", path) for answer in _list(qa, "answers", path, f"item {quoted(name)}")]
    for text in out:
        if text not in context:
            raise TextError(
                f"answer {quoted(text)} of item {quoted(name)} is not in its paragraph: fix the item", path
            )
    return tuple(dict.fromkeys(out))


def _list(value: Any, field: str, path: File, what: str) -> list[dict[str, Any]]:
    inner = value.get(field) if isinstance(value, dict) else None
    if not isinstance(inner, list) or not inner or not all(isinstance(one, dict) for one in inner):
        raise TextError(f"{what} has no list {field!r}: it is not SQuAD's format; fetch the file again", path)
    return inner


# MKQA: questions of knowledge, JSON lines that hold all languages.


_FILES_MKQA = r"mkqa\.jsonl"
_SHORT = ("entity", "date", "number", "number_with_unit", "short_phrase", "binary")
_UNUSED = ("long_answer", "unanswerable")
_CODES = (
    "en ar da de es fi fr he hu it ja ko km ms nl no pl pt ru sv th tr vi zh_cn zh_tw"  # zh_hk: see below
).split()

MkqaItem = tuple[str, tuple[str, ...]]
"""Question and answers."""


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
    file, *more = [file for file, _ in find_files(path, _FILES_MKQA, "mkqa")]
    if more:
        raise InputError(f"{file} and {more[0]} are both MKQA: name one of them")
    by_code = {canonical(code): code for code in _CODES}
    chosen = list(by_code) if languages is None else [canonical(code) for code in languages]
    if unknown := [code for code in chosen if code not in by_code]:
        raise InputError(f"mkqa has no {unknown[0]!r}: it has {', '.join(by_code)}")
    items: dict[str, dict[str, MkqaItem]] = {}
    left_out = 0
    for line, record in read_objects(file):
        name = record.get("example_id")
        if type(name) is not int:
            raise TextError(f"'example_id' is {quoted(name)}, not a number: fetch the file again", file, line)
        if str(name) in items:
            raise TextError(f"item {name} occurs twice: keep one", file, line)
        sides = {code: _item_mkqa(record, by_code[code], file, line) for code in chosen}
        whole = {code: side for code, side in sides.items() if side is not None}
        if len(whole) < len(sides):
            left_out += 1
            continue
        items[str(name)] = whole
    split_of = halves({name: name for name in items}, seed)
    examples = [
        AnswerExample(name, fill(template, code, {"question": q}), answers, code, split_of[name])
        for code in chosen
        for name, (q, answers) in ((name, sides[code]) for name, sides in items.items())
    ]
    notes = (
        f"the one published set cut into a dev and a test half with seed {seed}",
        f"{left_out} questions without a short answer left out",
    )
    return AnswerTask("mkqa", tuple(examples), "f1", notes)


def _item_mkqa(record: Record, code: str, path: File, line: int) -> MkqaItem | None:
    """Question and answers in a language; None where there is no short answer."""
    queries, answers = record.get("queries"), record.get("answers")
    if not isinstance(queries, dict) or not isinstance(answers, dict):
        raise TextError("has no 'queries' and 'answers': it is not MKQA", path, line)
    question = text_in(queries, code, path, line).strip()
    found = answers.get(code)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise TextError(f"the answers in {code} are {quoted(found)}, no list: fix the item", path, line)
    texts: list[str] = []
    for one in found:
        if one.get("type") not in (*_SHORT, *_UNUSED):
            raise TextError(f"the type of an answer is {quoted(one.get('type'))}: fix the item", path, line)
        if one["type"] in _SHORT and one.get("text"):
            aliases = one.get("aliases") or []
            if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
                raise TextError(f"'aliases' is {quoted(aliases)}: it must be a list of texts", path, line)
            texts += [text_in(one, "text", path, line), *(alias for alias in aliases if alias.strip())]
    return (question, tuple(dict.fromkeys(text.strip() for text in texts))) if texts else None


# MzsRE: questions of edited knowledge; a JSON list for each pair of languages with English.


_FILES_MZSRE = r"mzsre_test_duplicate_en(?P<language>[a-z]{2})\.json"
_ODD_MZSRE = {"cz": "cs", "du": "nl"}
_TEXTS = {"subject": "subject", "question": "src", "rephrase": "rephrase", "answer": "alt"}

MzsreItem = dict[str, str]


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
    others = None if chosen is None else [code for code in chosen if code != "en"] or None
    files = by_language(find_files(path, _FILES_MZSRE, "mzsre"), others, _ODD_MZSRE)
    sides: dict[str, list[MzsreItem]] = {}
    for language, file in files.items():
        english, other = _read_mzsre(file)
        if sides.setdefault("en", english) != english:
            first = next(iter(files.values()))
            raise TextError(f"has other English items than {first}: fetch both again", file)
        sides[language] = other
    ids = [str(number) for number in range(1, len(sides["en"]) + 1)]
    split_of = halves({name: name for name in ids}, seed)
    examples = [
        AnswerExample(name, fill(template, code, values), (values["answer"],), code, split_of[name])
        for code in (sides if chosen is None else chosen)
        for name, values in zip(ids, sides[code], strict=True)
    ]
    note = f"the one published set cut into a dev and a test half with seed {seed}"
    return AnswerTask("mzsre", tuple(examples), "exact", (note,))


def _read_mzsre(path: File) -> tuple[list[MzsreItem], list[MzsreItem]]:
    """The English items and those of the other language."""
    records = read_json(path)
    if not isinstance(records, list) or not records:
        raise TextError("is no list of items: fetch the file again", path)
    english: list[MzsreItem] = []
    other: list[MzsreItem] = []
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict) or len(record) != 2 or "en" not in record:
            raise TextError(f"item {number} is not in English and one other language: fix the item", path)
        for code, side in record.items():
            (english if code == "en" else other).append(_item_mzsre(side, path, number))
    return english, other


def _item_mzsre(side: Any, path: File, number: int) -> MzsreItem:
    if not isinstance(side, dict):
        raise TextError(f"item {number} holds {quoted(side)} in place of its texts: fix the item", path)
    try:
        return {name: text_in(side, field, path).strip() for name, field in _TEXTS.items()}
    except TextError as error:
        raise TextError(f"item {number}: {str(error).removeprefix(f'{path}: ')}", path) from error
