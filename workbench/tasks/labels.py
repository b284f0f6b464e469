"""Tasks with a fixed set of labels: XNLI, PAWS-X, SIB-200."""

from collections.abc import Iterable, Iterator

from workbench.core.errors import TextError
from workbench.tasks.base import ChoiceTask, SplitName
from workbench.tasks.prompts import Template, Words, clause, parts_or_halves
from workbench.tasks.records import (
    File,
    Item,
    Side,
    Sides,
    Source,
    by_label,
    by_language_and_name,
    by_name,
    by_part,
    choice_task,
    file_of,
    find_files,
    joined,
    read_table,
    same_ids,
    same_languages,
)

# XNLI: does a premise entail a hypothesis? Tables that hold all languages, one for dev and one for test.


_LABELS_XNLI = ("entailment", "neutral", "contradiction")


def read_xnli(
    path: Source | None = None,
    template: Template = "{premise}, right?",
    choice: Template = " {word}, {hypothesis}",
    words: Words = ("Yes", "Also", "No"),
) -> ChoiceTask:
    """Read `xnli.dev.tsv` and `xnli.test.tsv` from a folder (XNLI 1.0); `group` is the premise.

    `words` stand for entailment, neutral and contradiction, or are such three for each language.
    """
    parts: dict[str, Sides] = {}
    for file, match in find_files(path, r"xnli\.(?P<split>dev|test)\.tsv", "xnli"):
        if (part := match["split"]) in parts:
            raise TextError(f"is a second file of {part}: name the folder of one of them", file)
        parts[part] = by_language_and_name(_read_xnli(file, part))
    sides, part_of = joined(parts)
    split_of: dict[str, SplitName] = {
        name: "dev" if part == "dev" else "test" for name, part in part_of.items()
    }
    return choice_task("xnli", sides, split_of, template, choice, by_label(words, len(_LABELS_XNLI)))


def _read_xnli(path: File, part: str) -> Iterator[tuple[str, Item]]:
    needed = ("language", "gold_label", "sentence1", "sentence2", "promptID", "pairID")
    for record in read_table(path, needed, "XNLI 1.0"):
        values = {"premise": record.text("sentence1"), "hypothesis": record.text("sentence2")}
        label = _LABELS_XNLI.index(record.one_of("gold_label", _LABELS_XNLI))
        yield record.text("pairID"), Item(record, values, label, f"{part}-{record.text('promptID')}")


# PAWS-X: do two sentences say the same? A folder for each language, tables of pairs for dev and test.


_LABELS_PAWSX = ("0", "1")
_UNTRANSLATED = ("", "NS")


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
    parts: dict[str, Sides] = {}
    notes = []
    files = by_part(find_files(path, r"(?P<split>dev_2k|test_2k)\.tsv", "pawsx", deep=True), languages)
    for part, named in same_languages(files).items():
        sides = {language: by_name(_read_pawsx(file)) for language, file in named.items()}
        every = dict.fromkeys(name for side in sides.values() for name in side)
        whole = [name for name in every if all(_is_whole(side, name) for side in sides.values())]
        if 2 * len(whole) < len(every):
            fewest = min(sides, key=lambda code: sum(_is_whole(sides[code], name) for name in every))
            raise TextError(
                f"only {len(whole)} of {len(every)} pairs are whole in all of {', '.join(sides)}: "
                "fetch it again",
                named[fewest],
            )
        if len(whole) < len(every):
            notes.append(f"{len(every) - len(whole)} pairs of {part} left out: some language lacks them")
        parts[part] = {code: {name: side[name] for name in whole} for code, side in sides.items()}
    sides, part_of = joined(parts)
    split_of, cut = parts_or_halves(part_of, {"dev_2k": "dev", "test_2k": "test"}, seed)
    options = by_label(words, len(_LABELS_PAWSX))
    return choice_task("pawsx", sides, split_of, template, choice, options, (*notes, *cut))


def _read_pawsx(path: File) -> Iterator[tuple[str, Item]]:
    for record in read_table(path, ("id", "sentence1", "sentence2", "label"), "PAWS-X"):
        values = {key: record.fields[key].strip() for key in ("sentence1", "sentence2")}
        values["clause"] = clause(values["sentence1"])
        label = record.fields["label"].strip()
        right = _LABELS_PAWSX.index(label) if label in _LABELS_PAWSX else None
        yield record.text("id"), Item(record, values, right)


def _is_whole(side: Side, name: str) -> bool:
    if name not in side or side[name].right is None:
        return False
    return not any(side[name].values[key] in _UNTRANSLATED for key in ("sentence1", "sentence2"))


# SIB-200: what a sentence is about, one of seven topics; a folder of tables for each language.


TOPICS = ("entertainment", "geography", "health", "politics", "science/technology", "sports", "travel")


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
    files = by_part(find_files(path, r"(?P<split>train|dev|test)\.tsv", "sib200", deep=True), languages)
    sides: Sides = {}
    part_of: dict[str, str] = {}
    for part, named in same_languages(files).items():
        read = same_ids({language: by_name(_read_sib200(file)) for language, file in named.items()})
        first = next(iter(read.values()))
        for name in first:
            if other := part_of.get(name):
                raise TextError(f"item {name} is in {other} too: fetch both again", file_of(first))
            part_of[name] = part
        for language, side in read.items():
            if odd := next((name for name in first if side[name].right != first[name].right), None):
                raise TextError(
                    f"item {odd} is {TOPICS[side[odd].right]!r} but {TOPICS[first[odd].right]!r} in "
                    f"{file_of(first)}: fetch both again",
                    file_of(side),
                )
            sides.setdefault(language, {}).update(side)
    split_of, notes = parts_or_halves(part_of, {"train": "fit", "dev": "dev", "test": "test"}, seed)
    options = by_label(words, len(TOPICS), "topic")
    return choice_task("sib200", sides, split_of, template, choice, options, notes)


def _read_sib200(path: File) -> Iterator[tuple[str, Item]]:
    for record in read_table(path, ("index_id", "category", "text"), "SIB-200", quoted_cells=True):
        topic = TOPICS.index(record.one_of("category", TOPICS))
        yield record.text("index_id"), Item(record, {"text": record.text("text").strip()}, topic)
