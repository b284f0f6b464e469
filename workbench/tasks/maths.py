"""Mathematical problems with a number as the answer: MGSM and MSVAMP."""

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
    cells_in,
    check_lengths,
    find_files,
    read_objects,
    text_in,
)
from workbench.tasks.scoring import answer_number

# MGSM: grade-school problems, tables of `question ⇥ number` without header, line n = line n.


_FILES_MGSM = r"mgsm_(?P<language>[\w-]+)\.tsv"


def read_mgsm(
    path: Source | None = None, seed: int = 0, template: Template = "Question: {question}\nAnswer:"
) -> AnswerTask:
    """Read `mgsm_<language>.tsv` from a folder; the only set published is cut in halves by the seed.

    An item is called by its line. Answers are kept as they are written, `2,125` too.
    """
    files = by_language(find_files(path, _FILES_MGSM, "mgsm"))
    sides = {language: _read_mgsm(file) for language, file in files.items()}
    check_lengths(sides, files)
    first, *others = files
    ids = [str(number) for number in range(1, len(sides[first]) + 1)]
    split_of = halves({name: name for name in ids}, seed)
    examples = [
        AnswerExample(name, fill(template, language, {"question": q}), (answer,), language, split_of[name])
        for language, side in sides.items()
        for name, (q, answer) in zip(ids, side, strict=True)
    ]
    notes = [f"the one published set cut into a dev and a test half with seed {seed}"]
    for language in others:
        pairs = zip(ids, sides[first], sides[language], strict=True)
        if odd := [name for name, (_, a), (_, b) in pairs if answer_number(a) != answer_number(b)]:
            notes.append(f"answers in {language} differ from {first} in {len(odd)} items, such as {odd[0]}")
    return AnswerTask("mgsm", tuple(examples), "number", tuple(notes))


def _read_mgsm(path: File) -> list[tuple[str, str]]:
    out = []
    for line, cells in cells_in(path, header=False):
        if len(cells) != 2 or not cells[0].strip():
            raise TextError(f"has {len(cells)} cells: a line is a question, a tab and a number", path, line)
        if answer_number(cells[1]) is None:
            raise TextError(f"answer {quoted(cells[1])} is no number: fetch the file again", path, line)
        out.append((cells[0], cells[1]))
    if not out:
        raise TextError("holds no items: fetch the file again", path)
    return out


# MSVAMP: short maths problems, JSON lines `m_query` and `response`, line n = line n.


_FILES_MSVAMP = r"test_(?P<language>[A-Z][a-z]+)\.json"
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
    files = by_language(find_files(path, _FILES_MSVAMP, "msvamp"), languages, odd=_CODES)
    sides = {language: _read_msvamp(file) for language, file in files.items()}
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


def _read_msvamp(path: File) -> list[Item]:
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
