"""XStoryCloze: which of two sentences ends a story? Tables with a header, line n = line n."""

from collections.abc import Iterable

from workbench.core.errors import InputError, TextError
from workbench.tasks.base import ChoiceTask, Example, SplitName
from workbench.tasks.prompts import Template, fill, parts_or_halves
from workbench.tasks.records import (
    File,
    Source,
    by_language,
    check_lengths,
    find_files,
    one_of,
    read_table,
    text_in,
)

_FILES = r"spring2016\.val\.(?P<language>[\w-]+)\.tsv\.split_20_80_(?P<split>train|eval)\.tsv"
_SPLITS: dict[str, SplitName] = {"train": "dev", "eval": "test"}
_STORY = tuple(f"InputSentence{i}" for i in range(1, 5))
_ENDINGS = ("RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2")
_RIGHT = "AnswerRightEnding"
_SAME = 0.9  # of the answers: fewer, and the lines do not align

Item = tuple[int, dict[str, str]]
"""The line of an item, and its texts."""


def read_xstorycloze(
    path: Source | None = None,
    seed: int = 0,
    template: Template = "{story}",
    choice: Template = " {ending}",
    languages: Iterable[str] | None = None,
) -> ChoiceTask:
    """Read `spring2016.val.<language>.tsv.split_20_80_{train,eval}.tsv`: train is dev, eval is test.

    An item is called by its part and line. {story} is its four sentences with spaces between.
    """
    found = find_files(path, _FILES, "xstorycloze")
    parts = {
        part: by_language([one for one in found if one[1]["split"] == part], languages)
        for part in _SPLITS
        if any(match["split"] == part for _, match in found)
    }
    sides = {part: {code: _read(file) for code, file in files.items()} for part, files in parts.items()}
    notes = tuple(note for part, files in parts.items() for note in _check_aligned(sides[part], files))
    part_of = {
        f"{part}-{number}": part
        for part, read in sides.items()
        for number in range(1, len(next(iter(read.values()))) + 1)
    }
    split_of, cut = parts_or_halves({name: name for name in part_of}, part_of, _SPLITS, seed)
    examples = []
    for part, read in sides.items():
        for language, side in read.items():
            for number, (line, values) in enumerate(side, 1):
                prompt = fill(template, language, values)
                choices = tuple(
                    fill(choice, language, {**values, "ending": values[ending]}) for ending in _ENDINGS
                )
                right, name = int(values[_RIGHT]) - 1, f"{part}-{number}"
                try:
                    example = Example(name, prompt, choices, right, language, split_of[name])
                except InputError as error:
                    raise TextError(f"{error}: fix the item", parts[part][language], line) from error
                examples.append(example)
    return ChoiceTask("xstorycloze", tuple(examples), notes + cut)


def _read(path: File) -> list[Item]:
    needed = (*_STORY, *_ENDINGS, _RIGHT)
    out = []
    for line, cells in read_table(path, needed, "XStoryCloze"):
        values = {key: text_in(cells, key, path, line).strip() for key in needed}
        one_of(values, _RIGHT, ("1", "2"), path, line)
        out.append((line, {**values, "story": " ".join(values[key] for key in _STORY)}))
    return out


def _check_aligned(sides: dict[str, list[Item]], files: dict[str, File]) -> tuple[str, ...]:
    """All languages have as many items with the same answers; a few that differ are told in a note."""
    check_lengths(sides, files, first_line=2)
    first, *others = sides
    notes = []
    for language in others:
        n = len(sides[language])
        pairs = zip(sides[language], sides[first], strict=True)
        odd = [here for (here, one), (_, other) in pairs if one[_RIGHT] != other[_RIGHT]]
        if len(odd) > (1 - _SAME) * n:
            raise TextError(
                f"agrees with {files[first]} in {n - len(odd)} of {n} right endings: "
                "their lines do not align; fetch both again",
                files[language],
                odd[0],
            )
        if odd:
            notes.append(
                f"answers in {language} differ from {first} in {len(odd)} items, such as line {odd[0]}"
            )
    return tuple(notes)
