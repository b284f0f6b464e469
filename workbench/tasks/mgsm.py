"""MGSM: grade-school problems, tables of `question ⇥ number` without header, line n = line n."""

from workbench.core.errors import TextError, quoted
from workbench.tasks.base import AnswerExample, AnswerTask
from workbench.tasks.prompts import Template, fill, halves
from workbench.tasks.records import File, Source, by_language, cells_in, check_lengths, find_files
from workbench.tasks.scoring import answer_number

_FILES = r"mgsm_(?P<language>[\w-]+)\.tsv"


def read_mgsm(
    path: Source | None = None, seed: int = 0, template: Template = "Question: {question}\nAnswer:"
) -> AnswerTask:
    """Read `mgsm_<language>.tsv` from a folder; the only set published is cut in halves by the seed.

    An item is called by its line. Answers are kept as they are written, `2,125` too.
    """
    files = by_language(find_files(path, _FILES, "mgsm"))
    sides = {language: _read(file) for language, file in files.items()}
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


def _read(path: File) -> list[tuple[str, str]]:
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
