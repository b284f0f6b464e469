"""Tasks with a fixed set of labels: XNLI, PAWS-X, SIB-200."""

from collections.abc import Iterable

from workbench.core.errors import TextError, quoted
from workbench.core.reading import canonical_in
from workbench.tasks.base import ChoiceTask, Example, SplitName
from workbench.tasks.prompts import Template, Words, fill, parts_or_halves, words_for
from workbench.tasks.records import File, Source, by_folder, find_files, one_of, read_table, same_ids, text_in
from workbench.tasks.stories import clause

# XNLI: does a premise entail a hypothesis? Tables that hold all languages, one for dev and one for test.


_FILES_XNLI = r"xnli\.(?P<split>dev|test)\.tsv"
_SPLITS_XNLI: dict[str, SplitName] = {"dev": "dev", "test": "test"}
_NEEDED_XNLI = ("language", "gold_label", "sentence1", "sentence2", "promptID", "pairID")
_LABELS_XNLI = ("entailment", "neutral", "contradiction")

Rows = dict[str, dict[str, tuple[int, dict[str, str]]]]
"""For each language, for each item, its line and cells."""


def read_xnli(
    path: Source | None = None,
    template: Template = "{premise}, right?",
    choice: Template = " {word}, {hypothesis}",
    words: Words = ("Yes", "Also", "No"),
) -> ChoiceTask:
    """Read `xnli.dev.tsv` and `xnli.test.tsv` from a folder (XNLI 1.0); `group` is the premise.

    `words` stand for entailment, neutral and contradiction, or are such three for each language.
    """
    examples = []
    parts = set()
    for file, match in find_files(path, _FILES_XNLI, "xnli"):
        part = match["split"]
        if part in parts:
            raise TextError(f"is a second file of {part}: name the folder of one of them", file)
        parts.add(part)
        rows = _read_xnli(file)
        every = dict.fromkeys(name for side in rows.values() for name in side)
        for language, side in rows.items():
            if lost := next((name for name in every if name not in side), None):
                raise TextError(
                    f"item {quoted(lost)} is not there in {language!r}: fetch the file again", file
                )
            for name in every:
                line, cells = side[name]
                premise, hypothesis = (text_in(cells, key, file, line) for key in ("sentence1", "sentence2"))
                values = {"premise": premise, "hypothesis": hypothesis}
                prompt = fill(template, language, values)
                said = words_for(words, language, len(_LABELS_XNLI))
                choices = tuple(fill(choice, language, {**values, "word": word}) for word in said)
                label = _LABELS_XNLI.index(one_of(cells, "gold_label", _LABELS_XNLI, file, line))
                group = f"{part}-{text_in(cells, 'promptID', file, line)}"
                item = f"{part}-{name}"
                examples.append(Example(item, prompt, choices, label, language, _SPLITS_XNLI[part], group))
    return ChoiceTask("xnli", tuple(examples))


def _read_xnli(path: File) -> Rows:
    rows: Rows = {}
    for number, cells in read_table(path, _NEEDED_XNLI, "XNLI 1.0"):
        language = canonical_in(path, cells["language"], number)
        name = text_in(cells, "pairID", path, number)
        if name in rows.setdefault(language, {}):
            raise TextError(f"item {quoted(name)} occurs twice in {language!r}: keep one", path, number)
        rows[language][name] = number, cells
    return rows


# PAWS-X: do two sentences say the same? A folder for each language, tables of pairs for dev and test.


_FILES_PAWSX = r"(?P<split>dev_2k|test_2k)\.tsv"
_SPLITS_PAWSX: dict[str, SplitName] = {"dev_2k": "dev", "test_2k": "test"}
_NEEDED_PAWSX = ("id", "sentence1", "sentence2", "label")
_LABELS_PAWSX = ("0", "1")
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
    for part, files in by_folder(path, _FILES_PAWSX, "pawsx", languages).items():
        read = {language: _read_pawsx(file, part) for language, file in files.items()}
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
    split_of, cut = parts_or_halves({name: name for name in part_of}, part_of, _SPLITS_PAWSX, seed)
    examples = []
    for read in sides.values():
        for language, side in read.items():
            said = words_for(words, language, len(_LABELS_PAWSX))
            for name, cells in side.items():
                values = {key: cells[key] for key in ("sentence1", "sentence2")}
                values["clause"] = clause(values["sentence1"])
                choices = tuple(fill(choice, language, {**values, "word": word}) for word in said)
                prompt = fill(template, language, values)
                label = _LABELS_PAWSX.index(cells["label"])
                examples.append(Example(name, prompt, choices, label, language, split_of[name]))
    return ChoiceTask("pawsx", tuple(examples), notes + cut)


def _read_pawsx(path: File, part: str) -> Side:
    side: Side = {}
    for line, cells in read_table(path, _NEEDED_PAWSX, "PAWS-X"):
        name = f"{part}-{text_in(cells, 'id', path, line)}"
        if name in side:
            raise TextError(f"pair {quoted(name)} occurs twice: keep one", path, line)
        side[name] = {key: cells[key].strip() for key in _NEEDED_PAWSX}
    return side


def _is_whole(cells: dict[str, str] | None) -> bool:
    if cells is None:
        return False
    sentences = (cells["sentence1"], cells["sentence2"])
    return cells["label"] in _LABELS_PAWSX and not any(one in _UNTRANSLATED for one in sentences)


# SIB-200: what a sentence is about, one of seven topics; a folder of tables for each language.


_FILES_SIB200 = r"(?P<split>train|dev|test)\.tsv"
_SPLITS_SIB200: dict[str, SplitName] = {"train": "fit", "dev": "dev", "test": "test"}
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
    found = by_folder(path, _FILES_SIB200, "sib200", languages)
    sides: dict[str, dict[str, dict[str, Item]]] = {}
    part_of: dict[str, str] = {}
    for part, files in found.items():
        sides[part] = {language: _read_sib200(file) for language, file in files.items()}
        for name in same_ids(sides[part], files):
            if other := part_of.get(name):
                raise TextError(
                    f"item {name} is in {other} too: fetch both again", next(iter(files.values()))
                )
            part_of[name] = part
        _check_topics(sides[part], files)
    split_of, notes = parts_or_halves({name: name for name in part_of}, part_of, _SPLITS_SIB200, seed)
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


def _read_sib200(path: File) -> dict[str, Item]:
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
