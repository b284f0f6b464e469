"""Tasks of common sense with two or more endings: COPA, XCOPA, XStoryCloze, XWinograd."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from statistics import mode
from typing import Any, Literal

from workbench.core.errors import InputError, TextError, quoted
from workbench.core.languages import canonical
from workbench.core.reading import canonical_in, copa_items, parse_json, read_cells, user_path
from workbench.tasks.base import ChoiceTask, SplitName
from workbench.tasks.prompts import NATIVE, Template, clause, for_language, parts_or_halves
from workbench.tasks.records import (
    ODD_CODES,
    File,
    Item,
    Named,
    Record,
    Side,
    Sides,
    Source,
    by_field,
    by_language,
    by_name,
    by_part,
    by_place,
    choice_task,
    file_of,
    find_files,
    joined,
    one_set,
    read_objects,
    read_table,
    same_lengths,
)

# Items in the manner of COPA: a premise, and which of two sentences is its cause or its effect.


Connectors = Mapping[str, tuple[str, str]] | Literal["item"]
"""For each language what joins a premise to its cause and to its effect; or those of the project."""
_ENGLISH = ("because", "so")
COPA_TEMPLATE = "{clause} {connector}"
COPA_CHOICE = " {choice}"


def copa_item(
    record: Record, label: int, fields: Iterable[str] = ("premise", "choice1", "choice2", "question")
) -> Item:
    """The item of a record; `fields` are what it calls the premise, both choices and the question."""
    *texts, asked = fields
    premise, one, two = map(record.text, texts)
    question = record.one_of(asked, ("cause", "effect"))
    if one == two:
        raise record.error("both choices are the same: fetch the file again or mend the item")
    values = {"premise": premise, "clause": clause(premise), "choice1": one, "choice2": two}
    return Item(record, {**values, "question": question}, label)


def copa_task(
    name: str,
    sides: Sides,
    split_of: Mapping[str, SplitName],
    template: Template,
    choice: Template,
    connectors: Connectors | None,
    notes: Iterable[str],
) -> ChoiceTask:
    """A task of items in the manner of COPA.

    Placeholders: {premise} as published, {clause} the premise without the mark at its end, {connector},
    {choice1}, {choice2} and {question} (cause or effect); in `choice` also {choice} as published, {lower},
    the same with a small first letter, and {letter} (A or B). Without `connectors` all languages have the
    English ones; with "item" those languages have that the project has none for, and a note says so.
    """
    joining: Sides = {}
    known = NATIVE["xcopa"]["connectors"]
    if not (connectors in (None, "item") or isinstance(connectors, Mapping)):
        raise InputError(f"connectors are a pair for each language, or 'item'; {quoted(connectors)} given")
    if connectors == "item" and (lost := [language for language in sides if language not in known]):
        notes = [*notes, f"English connectors in {' '.join(lost)}: the project has no others"]
    for language, side in sides.items():
        words = (
            _ENGLISH
            if connectors is None
            else known.get(language, _ENGLISH)
            if connectors == "item"
            else for_language(connectors, language, "connectors")
        )
        if isinstance(words, str) or len(words) != 2:
            raise InputError(f"connectors are two, for the cause and for the effect; {quoted(words)} given")
        connector = dict(zip(("cause", "effect"), words, strict=True))
        joining[language] = {
            id: replace(item, values={**item.values, "connector": connector[item.values["question"]]})
            for id, item in side.items()
        }
    return choice_task(name, joining, split_of, template, choice, _copa_choices, notes)


def _copa_choices(language: str, values: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    for letter, text in (("A", values["choice1"]), ("B", values["choice2"])):
        yield {"choice": text, "lower": text[:1].lower() + text[1:], "letter": letter}


# XCOPA: the makers' JSON lines, with the kind of question mended and English taken from COPA.
#
# The `question` field (cause or effect) is wrong in the Thai, Turkish, Swahili, Indonesian and Italian
# validation files; in Thai every item is called an effect. It is taken from English where there is a file of
# it, else from what most of the other languages say.


_FIRST = {"val": 401, "test": 501}
"""The number that COPA gives to XCOPA's item 0."""
_COPA = {"val": "copa-dev.xml", "test": "copa-test.xml"}
_FAULTY = ("th", "tr", "sw", "id", "it")

Numbered = dict[int, Item]
"""The items of a language by XCOPA's numbers."""


def read_xcopa(
    path: Source | None = None,
    seed: int = 0,
    english: str | Path | None = None,
    template: Template = COPA_TEMPLATE,
    choice: Template = COPA_CHOICE,
    connectors: Connectors | None = None,
    languages: Iterable[str] | None = None,
) -> ChoiceTask:
    """Read `val.<language>.jsonl` and `test.<language>.jsonl` from a folder, or by the beginning of names.

    `english` is COPA's XML file (or the folder of copa-dev.xml and copa-test.xml); without one, it is looked
    for in the folder and in a folder beside it whose name starts with `copa`. Validation items are dev
    and test items are test; with only one of the two, the seed cuts it into a dev and a test half, and the
    task is called xcopa-val or xcopa-test. A set that some of `languages` lack is left out.
    """
    named = find_files(path, r"(?P<split>val|test)\.(?P<language>[\w-]+)\.jsonl", "xcopa")
    files, notes = _whole_parts(named, languages)
    parts: dict[str, dict[str, Numbered]] = {}
    for part, named_files in files.items():
        sides = {language: _read_xcopa(file) for language, file in named_files.items()}
        every = {index for side in sides.values() for index in side}
        for language, side in sides.items():
            if lost := sorted(every - side.keys()):
                raise TextError(
                    f"lacks {len(lost)} items that other languages have, such as {lost[0]}: "
                    "fetch the file again",
                    named_files[language],
                )
        if "en" not in sides:
            if copa := _copa(path, english, part, sides):
                sides = {"en": copa, **sides}
            else:
                notes.append(f"no English for {part}: put COPA's {_COPA[part]} into the folder")
        parts[part], note = _mended(sides, part)
        notes.append(note)
    all_sides, part_of = joined(parts)
    split_of, cut = parts_or_halves(part_of, {"val": "dev", "test": "test"}, seed)
    asked = set(all_sides) if languages is None else set(map(canonical, languages))
    if asked <= set(all_sides):  # the others have helped to mend the question
        all_sides = {language: side for language, side in all_sides.items() if language in asked}
    name = "xcopa" if len(parts) > 1 else f"xcopa-{next(iter(parts))}"
    return copa_task(name, all_sides, split_of, template, choice, connectors, [*notes, *cut])


def _whole_parts(
    files: list[Named], languages: Iterable[str] | None
) -> tuple[dict[str, dict[str, File]], list[str]]:
    """The files of val and test by language, without a set that a language (of all, or of these) lacks."""
    parts = by_part(sorted(files, key=lambda file: file[1]["split"] != "val"))
    has = {language for named in parts.values() for language in named}
    # English comes from COPA, so XCOPA has no file of it.
    asked = has if languages is None else has & set(map(canonical, languages))
    lacking = {part: sorted(asked - named.keys() - {"en"}) for part, named in parts.items()}
    if all(lacking.values()):
        return parts, []
    whole = {part: named for part, named in parts.items() if not lacking[part]}
    return whole, [
        f"{part} left out: no file of it for {' '.join(lost)}" for part, lost in lacking.items() if lost
    ]


def _read_xcopa(path: File) -> Numbered:
    items = by_name(
        (record.number("idx", 10**9), copa_item(record, record.number("label", 2)))
        for record in read_objects(path)
    )
    return dict(sorted(items.items()))


def _copa(path: Source | None, english: str | Path | None, part: str, sides: dict[str, Numbered]) -> Numbered:
    """The English items of a part, from whichever of COPA's files has them; empty where none does."""
    labels = {
        index: mode(side[index].right for side in sides.values()) for index in next(iter(sides.values()))
    }
    for file in _copa_files(path, english):
        items = _read_copa(file)
        if any(index + _FIRST[part] not in items for index in labels):
            continue
        side = {index: items[index + _FIRST[part]] for index in labels}
        agreed = sum(side[index].right == label for index, label in labels.items())
        if agreed < 0.9 * len(labels):
            raise TextError(
                f"agrees with XCOPA in {agreed} of {len(labels)} labels: it is another COPA", file
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


def _read_copa(path: Path) -> Numbered:
    items = {}
    for line, element in copa_items(path):
        texts = {child.tag: child.text or "" for child in element}
        record = Record(path, line, {**element.attrib, **texts})
        label = int(record.one_of("most-plausible-alternative", ("1", "2"))) - 1
        item = copa_item(record, label, ("p", "a1", "a2", "asks-for"))
        number = record.text("id")
        if not re.fullmatch(r"\d{1,9}", number, re.ASCII):
            raise record.error(f"item {quoted(number)} has no number: fetch the file again")
        items[int(number)] = item
    return items


def _mended(sides: dict[str, Numbered], part: str) -> tuple[dict[str, Numbered], str]:
    """The sides with the kind of question that is right, and a note that says what was changed."""
    sound = ["en"] if "en" in sides else [language for language in sides if language not in _FAULTY]
    if not sound:
        raise InputError(
            f"XCOPA's question field cannot be trusted in {', '.join(sides)}: put val.et.jsonl (or ht qu ta "
            "vi zh) or COPA's copa-dev.xml into the folder, from which it is taken"
        )
    right: dict[int, str] = {}
    for index in sides[sound[0]]:
        counts = Counter(sides[language][index].values["question"] for language in sound)
        right[index], votes = counts.most_common(1)[0]
        if 2 * votes <= counts.total():
            raise InputError(
                f"item {index} of XCOPA's {part} is a cause in as many languages ({', '.join(sound)}) as an "
                "effect: put COPA's English file into the folder"
            )
    wrong = {
        language: sum(item.values["question"] != right[index] for index, item in side.items())
        for language, side in sides.items()
    }
    mended = {
        language: {
            index: replace(item, values={**item.values, "question": right[index]})
            for index, item in side.items()
        }
        for language, side in sides.items()
    }
    told = ", ".join(f"{language} {n}" for language, n in sorted(wrong.items()) if n) or "no language"
    return mended, f"question in {part} taken from {' '.join(sound)}; items mended: {told}"


# XStoryCloze: which of two sentences ends a story? Tables with a header, line n = line n.


_SPLITS_XSTORYCLOZE: dict[str, SplitName] = {"train": "dev", "eval": "test"}
_STORY = tuple(f"InputSentence{i}" for i in range(1, 5))
_ENDINGS = ("RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2")
_SAME = 0.9  # of the answers: fewer, and the lines do not align


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
    pattern = r"spring2016\.val\.(?P<language>[\w-]+)\.tsv\.split_20_80_(?P<split>train|eval)\.tsv"
    files = by_part(find_files(path, pattern, "xstorycloze"), languages)
    parts = {
        part: {language: by_place(_read_xstorycloze(file)) for language, file in files[part].items()}
        for part in _SPLITS_XSTORYCLOZE
        if part in files
    }
    notes = [note for read in parts.values() for note in _check_endings(read)]
    sides, part_of = joined(parts)
    split_of, cut = parts_or_halves(part_of, _SPLITS_XSTORYCLOZE, seed)
    return choice_task(
        "xstorycloze", sides, split_of, template, choice, by_field("ending", _ENDINGS), [*notes, *cut]
    )


def _read_xstorycloze(path: File) -> Iterator[Item]:
    needed = (*_STORY, *_ENDINGS, "AnswerRightEnding")
    for record in read_table(path, needed, "XStoryCloze"):
        values = {key: record.text(key).strip() for key in needed}
        right = int(replace(record, fields=values).one_of("AnswerRightEnding", ("1", "2"))) - 1
        yield Item(record, {**values, "story": " ".join(values[key] for key in _STORY)}, right)


def _check_endings(sides: Sides) -> Iterator[str]:
    """All languages have as many items with the same answers; a few that differ are told in a note."""
    same_lengths(sides, first_line=2)
    first = next(iter(sides))
    for language, side in sides.items():
        odd = [item.record for name, item in side.items() if item.right != sides[first][name].right]
        if len(odd) > (1 - _SAME) * len(side):
            raise odd[0].error(
                f"agrees with {file_of(sides[first])} in {len(side) - len(odd)} of {len(side)} "
                "right endings: their lines do not align; fetch both again"
            )
        if odd:
            yield f"answers in {language} differ from {first} in {len(odd)} items, such as line {odd[0].line}"


# XWinograd: whom does a pronoun mean? The makers' table, or JSON lines with a gap for each language.


_OPTIONS = ("option1", "option2")


def read_xwinograd(
    path: Source | None = None, seed: int = 0, languages: Iterable[str] | None = None
) -> ChoiceTask:
    """Read `dataset.tsv` (or `xwinograd.tsv`), or `<language>.jsonl` from a folder; halves by the seed.

    The prompt is the sentence up to the pronoun; a choice is a candidate with the rest of the sentence.
    Languages share no items: each is called by its language and its number there. `group` is the schema,
    neighbours with the same two candidates. A sentence that begins with the pronoun has no prompt and is
    left out.
    """
    files = find_files(path, r"dataset\.tsv|xwinograd\.tsv|(?P<language>[a-z]{2})\.jsonl", "xwinograd")
    tables = [file for file, match in files if match["language"] is None and isinstance(file, Path)]
    if tables and len(files) > 1:
        raise InputError(f"{files[0][0]} and {files[1][0]} are both XWinograd: name one of them")
    if tables:
        wanted = None if languages is None else set(map(canonical, languages))
        items = {
            code: side for code, side in _from_table(tables[0]).items() if wanted is None or code in wanted
        }
    else:
        items = {code: list(_from_lines(file)) for code, file in by_language(files, languages).items()}
    sides = {
        language: {name: item for name, item in _named(language, side).items() if item.values["before"]}
        for language, side in items.items()
    }
    split_of, *notes = one_set(sides, seed, "schema")
    if lost := sum(map(len, items.values())) - len(split_of):
        notes.append(f"{lost} sentences that begin with the pronoun left out")
    template, choice = "{before}", "{space}{option}{after}"
    return choice_task("xwinograd", sides, split_of, template, choice, by_field("option", _OPTIONS), notes)


def _named(language: str, items: list[Item]) -> Side:
    """Each item with its group, which is called as its first item."""
    side: Side = {}
    numbered = ((f"{language}-{number}", item) for number, item in enumerate(items, 1))
    for _, schema in groupby(numbered, lambda named: {named[1].values[option] for option in _OPTIONS}):
        first, *others = schema
        side |= {name: replace(item, group=first[0]) for name, item in (first, *others)}
    return side


def _schema(record: Record, before: str, after: str, options: Iterable[str], right: int) -> Item:
    prompt = before.rstrip()
    values = {"before": prompt, "space": before[len(prompt) :], "after": after}
    return Item(record, values | dict(zip(_OPTIONS, options, strict=True)), right)


def _from_lines(path: File) -> Iterator[Item]:
    for record in read_objects(path):
        before, gap, after = record.text("sentence").partition("_")
        if not gap:
            raise record.error("the sentence has no _: fetch the file again")
        options = [record.text(option) for option in _OPTIONS]
        yield _schema(record, before, after, options, int(record.one_of("answer", ("1", "2"))) - 1)


def _from_table(path: Path) -> dict[str, list[Item]]:
    """Columns: language, source, reference, sentence, its tokens, the pronoun and the candidates, as JSON."""
    items: dict[str, list[Item]] = {}
    for line, cells in read_cells(path):
        record = Record(path, line, {})
        try:
            language, _, _, sentence, *parsed = cells
            values = [parse_json(cell, path, line) for cell in parsed]
            tokens, (pronoun, (at, _), _), ((one, *_, first), (two, *_, second)) = values
            if not isinstance(tokens, list) or type(at) is not int or at < 0:
                raise ValueError("the place of the pronoun is no number, or there are no tokens")
            if not all(isinstance(text, str) for text in (*tokens, pronoun, one, two)):
                raise ValueError("a token, the pronoun or a candidate is no text")
            start = _start_of(sentence, tokens, at, pronoun)
        except (ValueError, TypeError, AttributeError) as error:
            raise record.error(f"is no row of XWinograd ({error}): fetch the file again") from error
        if first is second or not {type(first), type(second)} == {bool}:
            raise record.error("does not have one right candidate of two: fix the row")
        code = canonical_in(path, ODD_CODES.get(language, language), line)
        item = _schema(record, sentence[:start], sentence[start + len(pronoun) :], (one, two), int(second))
        items.setdefault(code, []).append(item)
    return items


def _start_of(sentence: str, tokens: list[Any], at: int, pronoun: str) -> int:
    """Where in the sentence its token number `at` stands, which is the pronoun."""
    position = 0
    for token in tokens[:at]:
        if (start := sentence.find(token, position)) >= 0:  # a quote is written otherwise as a token
            position = start + len(token)
    if (start := sentence.find(pronoun, position)) < 0:
        raise ValueError(f"there is no {quoted(pronoun)} after token {at}")
    return start
