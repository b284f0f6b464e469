"""SIB-200: what a sentence is about, one of seven topics; a folder of tables for each language."""

from collections.abc import Iterable

from workbench.core.errors import TextError, quoted
from workbench.tasks.base import ChoiceTask, Example, SplitName
from workbench.tasks.prompts import Template, Words, fill, parts_or_halves, words_for
from workbench.tasks.records import File, Source, by_folder, one_of, read_table, same_ids, text_in

_FILES = r"(?P<split>train|dev|test)\.tsv"
_SPLITS: dict[str, SplitName] = {"train": "fit", "dev": "dev", "test": "test"}
TOPICS = ("entertainment", "geography", "health", "politics", "science/technology", "sports", "travel")

Item = tuple[str, str]
"""Topic and text."""


def read_sib200(
    path: Source | None = None,
    seed: int = 0,
    template: Template = "{text}\nTopic:",
    choice: Template = " {topic}",
    words: Words = TOPICS,
    languages: Iterable[str] | None = None,
) -> ChoiceTask:
    """Read `<language>/{train,dev,test}.tsv` (the folder data/annotated): train is fit.

    `words` stand for the topics in the order of their English names, or are such seven for each language.
    An item is called by its number in FLORES.
    """
    found = by_folder(path, _FILES, "sib200", languages)
    sides: dict[str, dict[str, dict[str, Item]]] = {}
    part_of: dict[str, str] = {}
    for part, files in found.items():
        sides[part] = {language: _read(file) for language, file in files.items()}
        for name in same_ids(sides[part], files):
            if other := part_of.get(name):
                raise TextError(
                    f"item {name} is in {other} too: fetch both again", next(iter(files.values()))
                )
            part_of[name] = part
        _check_topics(sides[part], files)
    split_of, notes = parts_or_halves({name: name for name in part_of}, part_of, _SPLITS, seed)
    examples = []
    for language in dict.fromkeys(code for read in sides.values() for code in read):
        said = words_for(words, language, len(TOPICS))
        choices = tuple(fill(choice, language, {"topic": word}) for word in said)
        for name, part in part_of.items():
            topic, text = sides[part][language][name]
            prompt = fill(template, language, {"text": text})
            label = TOPICS.index(topic)
            examples.append(Example(name, prompt, choices, label, language, split_of[name]))
    return ChoiceTask("sib200", tuple(examples), notes)


def _read(path: File) -> dict[str, Item]:
    side: dict[str, Item] = {}
    for line, cells in read_table(path, ("index_id", "category", "text"), "SIB-200", quoted_cells=True):
        name = text_in(cells, "index_id", path, line)
        if name in side:
            raise TextError(f"item {quoted(name)} occurs twice: keep one", path, line)
        side[name] = one_of(cells, "category", TOPICS, path, line), text_in(cells, "text", path, line).strip()
    return side


def _check_topics(sides: dict[str, dict[str, Item]], files: dict[str, File]) -> None:
    first = next(iter(sides))
    for language, side in sides.items():
        for name, (topic, _) in side.items():
            if topic != sides[first][name][0]:
                raise TextError(
                    f"item {name} is {topic!r} but {sides[first][name][0]!r} in {files[first]}: "
                    "fetch both again",
                    files[language],
                )
