"""PAWS-X: do two sentences say the same? A folder for each language, tables of pairs for dev and test."""

from collections.abc import Iterable

from workbench.core.errors import TextError, quoted
from workbench.tasks.base import ChoiceTask, Example, SplitName
from workbench.tasks.copa import clause
from workbench.tasks.prompts import Template, Words, fill, parts_or_halves, words_for
from workbench.tasks.records import File, Source, by_folder, read_table, text_in

_FILES = r"(?P<split>dev_2k|test_2k)\.tsv"
_SPLITS: dict[str, SplitName] = {"dev_2k": "dev", "test_2k": "test"}
_NEEDED = ("id", "sentence1", "sentence2", "label")
_LABELS = ("0", "1")
_UNTRANSLATED = ("", "NS")

Side = dict[str, dict[str, str]]


def read_pawsx(
    path: Source | None = None,
    seed: int = 0,
    template: Template = "{clause}, right?",
    choice: Template = " {word}, {sentence2}",
    words: Words = ("No", "Yes"),
    languages: Iterable[str] | None = None,
) -> ChoiceTask:
    """Read `<language>/dev_2k.tsv` and `<language>/test_2k.tsv` (the folder x-final); no training pairs.

    `words` stand for different (0) and for the same meaning (1), or are such two for each language. A pair
    that some language lacks (or has with an empty sentence, with NS, or with a label other than 0 and 1) is
    left out in all.
    """
    sides: dict[str, dict[str, Side]] = {}
    notes: tuple[str, ...] = ()
    for part, files in by_folder(path, _FILES, "pawsx", languages).items():
        read = {language: _read(file, part) for language, file in files.items()}
        every = dict.fromkeys(name for side in read.values() for name in side)
        whole = [name for name in every if all(_is_whole(side.get(name)) for side in read.values())]
        if 2 * len(whole) < len(every):
            fewest = min(read, key=lambda code: sum(_is_whole(read[code].get(name)) for name in every))
            raise TextError(
                f"only {len(whole)} of {len(every)} pairs are whole in all of {', '.join(read)}: "
                "fetch it again",
                files[fewest],
            )
        if len(whole) < len(every):
            notes += (f"{len(every) - len(whole)} pairs of {part} left out: some language lacks them",)
        sides[part] = {code: {name: side[name] for name in whole} for code, side in read.items()}
    part_of = {name: part for part, read in sides.items() for name in next(iter(read.values()))}
    split_of, cut = parts_or_halves({name: name for name in part_of}, part_of, _SPLITS, seed)
    examples = []
    for read in sides.values():
        for language, side in read.items():
            said = words_for(words, language, len(_LABELS))
            for name, cells in side.items():
                values = {key: cells[key] for key in ("sentence1", "sentence2")}
                values["clause"] = clause(values["sentence1"])
                choices = tuple(fill(choice, language, {**values, "word": word}) for word in said)
                prompt = fill(template, language, values)
                label = _LABELS.index(cells["label"])
                examples.append(Example(name, prompt, choices, label, language, split_of[name]))
    return ChoiceTask("pawsx", tuple(examples), notes + cut)


def _read(path: File, part: str) -> Side:
    side: Side = {}
    for line, cells in read_table(path, _NEEDED, "PAWS-X"):
        name = f"{part}-{text_in(cells, 'id', path, line)}"
        if name in side:
            raise TextError(f"pair {quoted(name)} occurs twice: keep one", path, line)
        side[name] = {key: cells[key].strip() for key in _NEEDED}
    return side


def _is_whole(cells: dict[str, str] | None) -> bool:
    if cells is None:
        return False
    sentences = (cells["sentence1"], cells["sentence2"])
    return cells["label"] in _LABELS and not any(one in _UNTRANSLATED for one in sentences)
