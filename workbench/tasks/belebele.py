"""Belebele: four answers to a question on a passage, JSON lines, one file for each language."""

from collections.abc import Iterable

from workbench.core.errors import InputError, TextError, quoted
from workbench.tasks.base import ChoiceTask, Example
from workbench.tasks.prompts import Template, fill, halves
from workbench.tasks.records import (
    File,
    Source,
    by_language,
    find_files,
    one_of,
    read_objects,
    same_ids,
    text_in,
)

_FILES = r"(?P<language>[a-z]{3}_[A-Za-z][a-z]{3})\.jsonl"
_ANSWERS = ("mc_answer1", "mc_answer2", "mc_answer3", "mc_answer4")
_LETTERS = ("A", "B", "C", "D")

Item = tuple[dict[str, str], int]
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
    files = by_language(find_files(path, _FILES, "belebele"), languages)
    sides = {language: _read(file) for language, file in files.items()}
    names = same_ids(sides, files)
    split_of = halves({name: name.rpartition("#")[0] for name in names}, seed)
    examples = []
    for language, side in sides.items():
        for name in names:
            values, right = side[name]
            prompt = fill(template, language, values)
            choices = tuple(
                fill(choice, language, {**values, "letter": letter, "answer": values[letter]})
                for letter in _LETTERS
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


def _read(path: File) -> dict[str, Item]:
    side: dict[str, Item] = {}
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
                for letter, key in zip(_LETTERS, _ANSWERS, strict=True)
            },
        }
        side[name] = values, int(one_of(record, "correct_answer_num", ("1", "2", "3", "4"), path, line)) - 1
    return side
