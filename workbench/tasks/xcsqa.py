"""X-CSQA: common-sense questions with five answers; a folder for each language, JSON lines."""

from collections.abc import Iterable
from typing import Any

from workbench.core.errors import InputError, TextError, quoted
from workbench.tasks.base import ChoiceTask, Example
from workbench.tasks.prompts import Template, fill, halves
from workbench.tasks.records import File, Source, by_folder, one_of, read_objects, same_ids, text_in

_FILES = r"(?P<split>dev)\.jsonl"
_LETTERS = ("A", "B", "C", "D", "E")
_ODD = {"jap": "ja"}

Item = tuple[int, dict[str, str], int]
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
    files = by_folder(path, _FILES, "xcsqa", languages, _ODD)["dev"]
    sides = {language: _read(file) for language, file in files.items()}
    names = same_ids(sides, files)
    split_of = halves({name: name for name in names}, seed)
    examples = []
    for language, side in sides.items():
        for name in names:
            line, values, right = side[name]
            choices = tuple(
                fill(choice, language, {**values, "letter": letter, "answer": values[letter]})
                for letter in _LETTERS
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


def _read(path: File) -> dict[str, Item]:
    side: dict[str, Item] = {}
    for line, record in read_objects(path):
        name = text_in(record, "id", path, line)
        if name in side:
            raise TextError(f"item {quoted(name)} occurs twice: keep one", path, line)
        question = record.get("question")
        if not isinstance(question, dict):
            raise TextError(f"'question' is {quoted(question)}: it must hold stem and choices", path, line)
        values = {"question": text_in(question, "stem", path, line).strip(), **_answers(question, path, line)}
        right = _LETTERS.index(one_of(record, "answerKey", _LETTERS, path, line))
        side[name] = line, values, right
    return side


def _answers(question: dict[str, Any], path: File, line: int) -> dict[str, str]:
    choices = question.get("choices")
    if not isinstance(choices, list) or not all(isinstance(one, dict) for one in choices):
        raise TextError(f"'choices' is {quoted(choices)}: it must be a list of label and text", path, line)
    answers = {text_in(one, "label", path, line): text_in(one, "text", path, line).strip() for one in choices}
    if sorted(answers) != list(_LETTERS) or len(choices) != len(_LETTERS):
        raise TextError(f"has the answers {', '.join(answers)}: they must be A to E", path, line)
    return answers
