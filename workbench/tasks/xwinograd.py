"""XWinograd: whom does a pronoun mean? The makers' table, or JSON lines with a gap for each language."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.core.errors import InputError, TextError, quoted
from workbench.core.languages import canonical
from workbench.core.reading import canonical_in, parse_json, read_cells
from workbench.tasks.base import ChoiceTask, Example
from workbench.tasks.prompts import halves
from workbench.tasks.records import File, Source, by_language, find_files, one_of, read_objects, text_in

_FILES = r"dataset\.tsv|xwinograd\.tsv|(?P<language>[a-z]{2})\.jsonl"
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
    files = find_files(path, _FILES, "xwinograd")
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
