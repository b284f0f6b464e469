"""MKQA: questions of knowledge, JSON lines that hold all languages."""

from collections.abc import Iterable

from workbench.core.errors import InputError, TextError, quoted
from workbench.core.languages import canonical
from workbench.tasks.base import AnswerExample, AnswerTask
from workbench.tasks.prompts import Template, fill, halves
from workbench.tasks.records import File, Record, Source, find_files, read_objects, text_in

_FILES = r"mkqa\.jsonl"
_SHORT = ("entity", "date", "number", "number_with_unit", "short_phrase", "binary")
_UNUSED = ("long_answer", "unanswerable")
_CODES = (
    "en ar da de es fi fr he hu it ja ko km ms nl no pl pt ru sv th tr vi zh_cn zh_tw"  # zh_hk: see below
).split()

Item = tuple[str, tuple[str, ...]]
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
    file, *more = [file for file, _ in find_files(path, _FILES, "mkqa")]
    if more:
        raise InputError(f"{file} and {more[0]} are both MKQA: name one of them")
    by_code = {canonical(code): code for code in _CODES}
    chosen = list(by_code) if languages is None else [canonical(code) for code in languages]
    if unknown := [code for code in chosen if code not in by_code]:
        raise InputError(f"mkqa has no {unknown[0]!r}: it has {', '.join(by_code)}")
    items: dict[str, dict[str, Item]] = {}
    left_out = 0
    for line, record in read_objects(file):
        name = record.get("example_id")
        if type(name) is not int:
            raise TextError(f"'example_id' is {quoted(name)}, not a number: fetch the file again", file, line)
        if str(name) in items:
            raise TextError(f"item {name} occurs twice: keep one", file, line)
        sides = {code: _item(record, by_code[code], file, line) for code in chosen}
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


def _item(record: Record, code: str, path: File, line: int) -> Item | None:
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
