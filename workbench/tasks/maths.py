"""Mathematical problems with a number as the answer: MGSM and MSVAMP."""

from collections.abc import Iterable, Iterator

from workbench.core.errors import TextError, quoted
from workbench.core.languages import NAMES
from workbench.tasks.base import AnswerTask
from workbench.tasks.prompts import Template
from workbench.tasks.records import (
    File,
    Item,
    Record,
    Source,
    answer_task,
    by_language,
    by_place,
    cells_in,
    file_of,
    find_files,
    one_set,
    read_objects,
    same_lengths,
)
from workbench.tasks.scoring import answer_number

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
    out = []
    for line, cells in cells_in(path, header=False):
        if len(cells) != 2 or not cells[0].strip():
            raise TextError(f"has {len(cells)} cells: a line is a question, a tab and a number", path, line)
        if answer_number(cells[1]) is None:
            raise TextError(f"answer {quoted(cells[1])} is no number: fetch the file again", path, line)
        out.append(Item(Record(path, line, {}), {"question": cells[0]}, (cells[1],)))
    if not out:
        raise TextError("holds no items: fetch the file again", path)
    return out


# MSVAMP: short maths problems, JSON lines `m_query` and `response`, line n = line n.


_CODES = {name: code for code, name in NAMES.items()}


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
    files = by_language(named, languages, _CODES)
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
