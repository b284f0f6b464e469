"""XCOPA: the makers' JSON lines, with the kind of question mended and English taken from COPA.

The `question` field (cause or effect) is wrong in the Thai, Turkish, Swahili, Indonesian and Italian
validation files; in Thai every item is called an effect. It is taken from English where there is a file of
it, else from what most of the other languages say.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from workbench.core.errors import InputError, TextError, quoted
from workbench.core.languages import canonical
from workbench.core.reading import copa_items, user_path
from workbench.tasks.base import ChoiceTask, Example, SplitName
from workbench.tasks.copa import Connectors, CopaItem, Wording
from workbench.tasks.prompts import Template, halves
from workbench.tasks.records import (
    File,
    Source,
    by_language,
    find_files,
    number_in,
    one_of,
    read_objects,
    text_in,
)

_FILES = r"(?P<split>val|test)\.(?P<language>[\w-]+)\.jsonl"
_FIRST = {"val": 401, "test": 501}
"""The number that COPA gives to XCOPA's item 0."""
_COPA = {"val": "copa-dev.xml", "test": "copa-test.xml"}
_SPLITS: dict[str, SplitName] = {"val": "dev", "test": "test"}
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_QUESTIONS = ("cause", "effect")
_FAULTY = ("th", "tr", "sw", "id", "it")

Side = dict[int, CopaItem]


def read_xcopa(
    path: Source | None = None,
    seed: int = 0,
    english: str | Path | None = None,
    template: Template = Wording.template,
    choice: Template = Wording.choice,
    connectors: Connectors | None = None,
    languages: Iterable[str] | None = None,
) -> ChoiceTask:
    """Read `val.<language>.jsonl` and `test.<language>.jsonl` from a folder, or by the beginning of names.

    `english` is COPA's XML file (or the folder of copa-dev.xml and copa-test.xml); without one, it is looked
    for in the folder and in a folder beside it whose name starts with `copa`. Validation items are dev
    and test items are test; with only one of the two, the seed cuts it into a dev and a test half, and the
    task is called xcopa-val or xcopa-test. A set that some of `languages` lack is left out.
    """
    wording = Wording(template, choice, connectors)
    parts, notes = _parts(find_files(path, _FILES, "xcopa"), languages)
    examples: list[Example] = []
    for part, found in parts.items():
        sides = {language: _read(file, language, part) for language, file in found.items()}
        _check_whole(sides, found)
        if "en" not in sides:
            if copa := _copa(path, english, part, sides):
                sides = {"en": copa, **sides}
            else:
                notes.append(f"no English for {part}: put COPA's {_COPA[part]} into the folder")
        sides, note = _mended(sides, part)
        notes.append(note)
        ids = [item.id for item in next(iter(sides.values())).values()]
        split_of = dict.fromkeys(ids, _SPLITS[part])
        if len(parts) == 1:
            split_of = halves({name: name for name in ids}, seed)
            notes.append(f"{part} cut into a dev and a test half with seed {seed}")
        for side in sides.values():
            examples += [item.example(wording, split_of[item.id]) for item in side.values()]
    name = "xcopa" if len(parts) > 1 else f"xcopa-{next(iter(parts))}"
    return ChoiceTask(name, tuple(examples), tuple(notes))


def _parts(
    files: list[tuple[File, re.Match[str]]], languages: Iterable[str] | None
) -> tuple[dict[str, dict[str, File]], list[str]]:
    """The files of val and test by language, without a set that a language (of all, or of these) lacks."""
    named = {part: [file for file in files if file[1]["split"] == part] for part in _FIRST}
    parts = {part: by_language(found) for part, found in named.items() if found}
    has = {language for found in parts.values() for language in found}
    # English comes from COPA, so XCOPA has no file of it.
    asked = has if languages is None else has & set(map(canonical, languages))
    lacking = {part: sorted(asked - found.keys() - {"en"}) for part, found in parts.items()}
    whole = {part: found for part, found in parts.items() if not lacking[part]}
    if not whole:
        return parts, []
    return whole, [
        f"{part} left out: no file of it for {' '.join(lost)}" for part, lost in lacking.items() if lost
    ]


def _read(path: File, language: str, part: str) -> Side:
    side: Side = {}
    for line, record in read_objects(path):
        index = number_in(record, "idx", 10**9, path, line)
        if index in side:
            raise TextError(f"item {index} occurs twice: keep one", path, line)
        premise, one, two = (text_in(record, key, path, line) for key in ("premise", "choice1", "choice2"))
        if one == two:
            raise TextError("both choices are the same: fetch the file again or mend the item", path, line)
        label = number_in(record, "label", 2, path, line)
        question = one_of(record, "question", _QUESTIONS, path, line)
        side[index] = CopaItem(f"{part}-{index}", language, premise, (one, two), label, question)
    return dict(sorted(side.items()))


def _check_whole(sides: dict[str, Side], files: dict[str, File]) -> None:
    every = {index for side in sides.values() for index in side}
    for language, side in sides.items():
        if lost := sorted(every - side.keys()):
            raise TextError(
                f"lacks {len(lost)} items that other languages have, such as {lost[0]}: fetch the file again",
                files[language],
            )


def _copa(path: Source | None, english: str | Path | None, part: str, sides: dict[str, Side]) -> Side:
    """The English items of a part, from whichever of COPA's files has them; empty where none does."""
    wanted = {index: index + _FIRST[part] for index in next(iter(sides.values()))}
    labels = {
        index: Counter(side[index].label for side in sides.values()).most_common(1)[0][0] for index in wanted
    }
    for file in _copa_files(path, english):
        items = _read_copa(file)
        if not all(number in items for number in wanted.values()):
            continue
        side = {
            index: replace(items[number], id=f"{part}-{index}", language="en")
            for index, number in wanted.items()
        }
        agreed = sum(side[index].label == labels[index] for index in wanted)
        if agreed < 0.9 * len(wanted):
            raise TextError(
                f"agrees with XCOPA in {agreed} of {len(wanted)} labels: it is another COPA", file
            )
        return side
    if english is not None:
        raise InputError(f"{english} has no English for XCOPA's {part}: it is in COPA's {_COPA[part]}")
    return {}


def _copa_files(path: Source | None, english: str | Path | None) -> Iterable[Path]:
    if english is not None:
        chosen = user_path(english)
        return sorted(chosen.glob("*.xml*")) if chosen.is_dir() else [chosen]
    if path is not None and not isinstance(path, str | Path):
        return []
    path = user_path(path or ".")
    folder = path if path.is_dir() else path.parent
    near = [*folder.glob("copa*.xml*"), *folder.glob("*/copa*.xml*")]
    return sorted(near) or sorted(folder.resolve().parent.glob("copa*/copa*.xml*"))


def _read_copa(path: Path) -> dict[int, CopaItem]:
    items = {}
    for line, item in copa_items(path):
        record = {**item.attrib, **{child.tag: child.text or "" for child in item}}
        question = one_of(record, "asks-for", _QUESTIONS, path, line)
        right = one_of(record, "most-plausible-alternative", ("1", "2"), path, line)
        premise, one, two = (text_in(record, key, path, line) for key in ("p", "a1", "a2"))
        number = text_in(record, "id", path, line)
        if not _NUMBER.fullmatch(number):
            raise TextError(f"item {quoted(number)} has no number: fetch the file again", path, line)
        items[int(number)] = CopaItem(number, "en", premise, (one, two), int(right) - 1, question)
    return items


def _mended(sides: dict[str, Side], part: str) -> tuple[dict[str, Side], str]:
    """The sides with the kind of question that is right, and a note that says what was changed."""
    sound = ["en"] if "en" in sides else [language for language in sides if language not in _FAULTY]
    if not sound:
        raise InputError(
            f"XCOPA's question field cannot be trusted in {', '.join(sides)}: put val.et.jsonl (or ht qu ta "
            "vi zh) or COPA's copa-dev.xml into the folder, from which it is taken"
        )
    right: dict[int, str] = {}
    for index in sides[sound[0]]:
        said = Counter(sides[language][index].question for language in sound)
        word, votes = said.most_common(1)[0]
        if 2 * votes <= said.total():
            raise InputError(
                f"item {index} of XCOPA's {part} is a cause in as many languages ({', '.join(sound)}) as an "
                "effect: put COPA's English file into the folder"
            )
        right[index] = word
    wrong = {
        language: sum(item.question != right[index] for index, item in side.items())
        for language, side in sides.items()
    }
    mended = ", ".join(f"{language} {n}" for language, n in sorted(wrong.items()) if n) or "no language"
    out = {
        language: {index: replace(item, question=right[index]) for index, item in side.items()}
        for language, side in sides.items()
    }
    return out, f"question in {part} taken from {' '.join(sound)}; items mended: {mended}"
