"""Tasks of common sense with two or more endings: COPA, XCOPA, XStoryCloze, XWinograd."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench.core.errors import InputError, TextError, quoted
from workbench.core.languages import canonical
from workbench.core.reading import canonical_in, copa_items, parse_json, read_cells, user_path
from workbench.tasks.base import ChoiceTask, Example, SplitName
from workbench.tasks.prompts import Template, fill, for_language, halves, parts_or_halves
from workbench.tasks.records import (
    File,
    Source,
    by_language,
    check_lengths,
    find_files,
    number_in,
    one_of,
    read_objects,
    read_table,
    text_in,
)

# Items in the manner of COPA: a premise, and which of two sentences is its cause or its effect.


_MARKS = ".。．!！?？।॥"

Connectors = Mapping[str, tuple[str, str]]
"""For each language what joins a premise to its cause and to its effect."""
ENGLISH = ("because", "so")


@dataclass(frozen=True)
class Wording:
    """How an item becomes `prompt + choice`.

    Placeholders: {premise} as published, {clause} the premise without the mark at its end, {connector},
    {choice1}, {choice2} and {question} (cause or effect); in `choice` also {choice} as published, {lower},
    the same with a small first letter, and {letter} (A or B). Without `connectors` all languages have the
    English ones.
    """

    template: Template = "{clause} {connector}"
    choice: Template = " {choice}"
    connectors: Connectors | None = None


@dataclass(frozen=True)
class CopaItem:
    """One item in one language; `question` is cause or effect."""

    id: str
    language: str
    premise: str
    choices: tuple[str, str]
    label: int
    question: str

    def example(self, wording: Wording, split: SplitName) -> Example:
        """The item as the model reads it."""
        words = ENGLISH
        if wording.connectors is not None:
            words = for_language(wording.connectors, self.language, "connectors")
        if isinstance(words, str) or len(words) != 2:
            raise InputError(f"connectors are two, for the cause and for the effect; {quoted(words)} given")
        values = {
            "premise": self.premise,
            "clause": clause(self.premise),
            "connector": words[self.question == "effect"],
            "choice1": self.choices[0],
            "choice2": self.choices[1],
            "question": self.question,
        }
        prompt = fill(wording.template, self.language, values)
        choices = tuple(
            fill(
                wording.choice,
                self.language,
                {**values, "choice": one, "lower": one[:1].lower() + one[1:], "letter": letter},
            )
            for one, letter in zip(self.choices, "AB", strict=True)
        )
        return Example(self.id, prompt, choices, self.label, self.language, split)


def clause(sentence: str) -> str:
    """A sentence without the mark at its end, so that it can go on.

    >>> clause("The man turned on the faucet.")
    'The man turned on the faucet'
    """
    return sentence.rstrip().rstrip(_MARKS).rstrip() or sentence


# XCOPA: the makers' JSON lines, with the kind of question mended and English taken from COPA.
#
# The `question` field (cause or effect) is wrong in the Thai, Turkish, Swahili, Indonesian and Italian
# validation files; in Thai every item is called an effect. It is taken from English where there is a file of
# it, else from what most of the other languages say.


_FILES_XCOPA = r"(?P<split>val|test)\.(?P<language>[\w-]+)\.jsonl"
_FIRST = {"val": 401, "test": 501}
"""The number that COPA gives to XCOPA's item 0."""
_COPA = {"val": "copa-dev.xml", "test": "copa-test.xml"}
_SPLITS_XCOPA: dict[str, SplitName] = {"val": "dev", "test": "test"}
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
    parts, notes = _parts(find_files(path, _FILES_XCOPA, "xcopa"), languages)
    examples: list[Example] = []
    for part, found in parts.items():
        sides = {language: _read_xcopa(file, language, part) for language, file in found.items()}
        _check_whole(sides, found)
        if "en" not in sides:
            if copa := _copa(path, english, part, sides):
                sides = {"en": copa, **sides}
            else:
                notes.append(f"no English for {part}: put COPA's {_COPA[part]} into the folder")
        sides, note = _mended(sides, part)
        notes.append(note)
        ids = [item.id for item in next(iter(sides.values())).values()]
        split_of = dict.fromkeys(ids, _SPLITS_XCOPA[part])
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


def _read_xcopa(path: File, language: str, part: str) -> Side:
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


# XStoryCloze: which of two sentences ends a story? Tables with a header, line n = line n.


_FILES_XSTORYCLOZE = r"spring2016\.val\.(?P<language>[\w-]+)\.tsv\.split_20_80_(?P<split>train|eval)\.tsv"
_SPLITS_XSTORYCLOZE: dict[str, SplitName] = {"train": "dev", "eval": "test"}
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
    found = find_files(path, _FILES_XSTORYCLOZE, "xstorycloze")
    parts = {
        part: by_language([one for one in found if one[1]["split"] == part], languages)
        for part in _SPLITS_XSTORYCLOZE
        if any(match["split"] == part for _, match in found)
    }
    sides = {
        part: {code: _read_xstorycloze(file) for code, file in files.items()} for part, files in parts.items()
    }
    notes = tuple(note for part, files in parts.items() for note in _check_aligned(sides[part], files))
    part_of = {
        f"{part}-{number}": part
        for part, read in sides.items()
        for number in range(1, len(next(iter(read.values()))) + 1)
    }
    split_of, cut = parts_or_halves({name: name for name in part_of}, part_of, _SPLITS_XSTORYCLOZE, seed)
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


def _read_xstorycloze(path: File) -> list[Item]:
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


# XWinograd: whom does a pronoun mean? The makers' table, or JSON lines with a gap for each language.


_FILES_XWINOGRAD = r"dataset\.tsv|xwinograd\.tsv|(?P<language>[a-z]{2})\.jsonl"
_ODD = {"jp": "ja"}
_GAP = "_"


@dataclass(frozen=True)
class _Schema:
    """A sentence with a gap, and what may fill it."""

    language: str
    path: File
    line: int
    before: str
    after: str
    options: tuple[str, str]
    right: int


def read_xwinograd(
    path: Source | None = None, seed: int = 0, languages: Iterable[str] | None = None
) -> ChoiceTask:
    """Read `dataset.tsv` (or `xwinograd.tsv`), or `<language>.jsonl` from a folder; halves by the seed.

    The prompt is the sentence up to the pronoun; a choice is a candidate with the rest of the sentence.
    Languages share no items: each is called by its language and its number there. `group` is the schema,
    neighbours with the same two candidates. A sentence that begins with the pronoun has no prompt and is
    left out.
    """
    files = find_files(path, _FILES_XWINOGRAD, "xwinograd")
    tables = [file for file, match in files if match["language"] is None and isinstance(file, Path)]
    if len(tables) > 1 or (tables and len(files) > 1):
        raise InputError(f"{files[0][0]} and {files[1][0]} are both XWinograd: name one of them")
    wanted = None if languages is None else {canonical(code) for code in languages}
    if tables:
        schemas = [one for one in _from_table(tables[0]) if wanted is None or one.language in wanted]
    else:
        named = by_language(files, languages, _ODD)
        schemas = [one for language, file in named.items() for one in _from_lines(file, language)]
    names, groups = _named(schemas)
    kept = [(name, one) for name, one in zip(names, schemas, strict=True) if one.before.strip()]
    split_of = halves({name: groups[name] for name, _ in kept}, seed)
    examples = []
    for name, one in kept:
        space = one.before[len(one.before.rstrip()) :]
        choices = tuple(space + option + one.after for option in one.options)
        try:
            example = Example(
                name, one.before.rstrip(), choices, one.right, one.language, split_of[name], groups[name]
            )
        except InputError as error:
            raise TextError(f"{error}: fix the item", one.path, one.line) from error
        examples.append(example)
    notes = [f"the one published set cut into a dev and a test half by schema with seed {seed}"]
    if lost := len(schemas) - len(kept):
        notes.append(f"{lost} sentences that begin with the pronoun left out")
    return ChoiceTask("xwinograd", tuple(examples), tuple(notes))


def _named(schemas: list[_Schema]) -> tuple[list[str], dict[str, str]]:
    """Each item's name, and its group, which is called as its first item."""
    names: list[str] = []
    groups: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for i, one in enumerate(schemas):
        numbers[one.language] = numbers.get(one.language, 0) + 1
        names.append(f"{one.language}-{numbers[one.language]}")
        last = schemas[i - 1] if i else None
        same = last and (last.language, set(last.options)) == (one.language, set(one.options))
        groups[names[i]] = groups[names[i - 1]] if same else names[i]
    return names, groups


def _from_lines(path: File, language: str) -> Iterator[_Schema]:
    for line, record in read_objects(path):
        before, gap, after = text_in(record, "sentence", path, line).partition(_GAP)
        if not gap:
            raise TextError(f"the sentence has no {_GAP}: fetch the file again", path, line)
        options = (text_in(record, "option1", path, line), text_in(record, "option2", path, line))
        right = int(one_of(record, "answer", ("1", "2"), path, line)) - 1
        yield _Schema(language, path, line, before, after, options, right)


def _from_table(path: Path) -> Iterator[_Schema]:
    """Columns: language, source, reference, sentence, its tokens, the pronoun and the candidates, as JSON."""
    for line, cells in read_cells(path):
        try:
            language, _, _, sentence, *parsed = cells
            values = [parse_json(one, path, line) for one in parsed]
            tokens, (pronoun, (at, _), _), ((one, *_, first), (two, *_, second)) = values
            if not isinstance(tokens, list) or type(at) is not int or at < 0:
                raise ValueError("the place of the pronoun is no number, or there are no tokens")
            if not all(isinstance(text, str) for text in (*tokens, pronoun, one, two)):
                raise ValueError("a token, the pronoun or a candidate is no text")
            start = _place(sentence, tokens, at, pronoun)
        except (ValueError, TypeError, AttributeError) as error:
            raise TextError(f"is no row of XWinograd ({error}): fetch the file again", path, line) from error
        if first is second or not {type(first), type(second)} == {bool}:
            raise TextError("does not have one right candidate of two: fix the row", path, line)
        code = canonical_in(path, _ODD.get(language, language), line)
        end = start + len(pronoun)
        yield _Schema(code, path, line, sentence[:start], sentence[end:], (one, two), int(second))


def _place(sentence: str, tokens: list[Any], at: int, pronoun: str) -> int:
    """Where in the sentence its token number `at` stands, which is the pronoun."""
    position = 0
    for token in tokens[:at]:
        found = sentence.find(token, position)
        position = position if found < 0 else found + len(token)  # a quote is written otherwise as a token
    start = sentence.find(pronoun, position)
    if start < 0:
        raise ValueError(f"there is no {quoted(pronoun)} after token {at}")
    return start
