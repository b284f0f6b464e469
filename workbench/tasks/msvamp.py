"""MSVAMP: short maths problems, JSON lines `m_query` and `response`, line n = line n."""

from collections.abc import Iterable
from typing import Any

from workbench.core.errors import TextError, quoted
from workbench.core.languages import NAMES
from workbench.tasks.base import AnswerExample, AnswerTask
from workbench.tasks.prompts import Template, fill, halves
from workbench.tasks.records import (
    File,
    Source,
    by_language,
    check_lengths,
    find_files,
    read_objects,
    text_in,
)
from workbench.tasks.scoring import answer_number

_FILES = r"test_(?P<language>[A-Z][a-z]+)\.json"
_CODES = {name: code for code, name in NAMES.items()}

Item = tuple[int, str, str, str]
"""Line, question, answer, and the question in English."""


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
    files = by_language(find_files(path, _FILES, "msvamp"), languages, odd=_CODES)
    sides = {language: _read(file) for language, file in files.items()}
    first, *others = files
    for language in others:
        _check_aligned(sides[language], files[language], sides[first], files[first])
    check_lengths(sides, files)
    ids = [str(number) for number in range(1, len(sides[first]) + 1)]
    split_of = halves({name: name for name in ids}, seed)
    examples = [
        AnswerExample(name, fill(template, language, {"question": q}), (answer,), language, split_of[name])
        for language, side in sides.items()
        for name, (_, q, answer, _) in zip(ids, side, strict=True)
    ]
    note = f"the one published set cut into a dev and a test half with seed {seed}"
    return AnswerTask("msvamp", tuple(examples), "number", (note,))


def _read(path: File) -> list[Item]:
    out = []
    for line, record in read_objects(path):
        question, answer = (text_in(record, field, path, line).strip() for field in ("m_query", "response"))
        if answer_number(answer) is None:
            raise TextError(f"'response' is {quoted(answer)}, no number: fetch the file again", path, line)
        english = _english(record, path, line)
        out.append((line, question, answer.removesuffix(".0"), english))
    return out


def _english(record: dict[str, Any], path: File, line: int) -> str:
    """The question in English: `query`, which the English file itself does not have."""
    return " ".join(text_in(record, "query" if "query" in record else "m_query", path, line).split())


def _check_aligned(side: list[Item], path: File, first: list[Item], other: File) -> None:
    for (line, _, _, one), (_, _, _, two) in zip(side, first, strict=False):
        if one != two:
            raise TextError(
                f"asks {one[:40]!r} where {other} asks {two[:40]!r}: lines must align; fetch both again",
                path,
                line,
            )
