"""MzsRE: questions of edited knowledge; a JSON list for each pair of languages with English."""

from collections.abc import Iterable
from typing import Any

from workbench.core.errors import TextError, quoted
from workbench.core.languages import canonical
from workbench.tasks.base import AnswerExample, AnswerTask
from workbench.tasks.prompts import Template, fill, halves
from workbench.tasks.records import File, Source, by_language, find_files, read_json, text_in

_FILES = r"mzsre_test_duplicate_en(?P<language>[a-z]{2})\.json"
_ODD = {"cz": "cs", "du": "nl"}
_TEXTS = {"subject": "subject", "question": "src", "rephrase": "rephrase", "answer": "alt"}

Item = dict[str, str]


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
    files = by_language(find_files(path, _FILES, "mzsre"), others, _ODD)
    sides: dict[str, list[Item]] = {}
    for language, file in files.items():
        english, other = _read(file)
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


def _read(path: File) -> tuple[list[Item], list[Item]]:
    """The English items and those of the other language."""
    records = read_json(path)
    if not isinstance(records, list) or not records:
        raise TextError("is no list of items: fetch the file again", path)
    english: list[Item] = []
    other: list[Item] = []
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict) or len(record) != 2 or "en" not in record:
            raise TextError(f"item {number} is not in English and one other language: fix the item", path)
        for code, side in record.items():
            (english if code == "en" else other).append(_item(side, path, number))
    return english, other


def _item(side: Any, path: File, number: int) -> Item:
    if not isinstance(side, dict):
        raise TextError(f"item {number} holds {quoted(side)} in place of its texts: fix the item", path)
    try:
        return {name: text_in(side, field, path).strip() for name, field in _TEXTS.items()}
    except TextError as error:
        raise TextError(f"item {number}: {str(error).removeprefix(f'{path}: ')}", path) from error
