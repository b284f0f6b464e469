"""What every reader of a corpus hands on, and the checks on what was read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.core.errors import InputError, TextError
from workbench.core.languages import canonical, is_language
from workbench.core.reading import canonical_in
from workbench.text.parallel import ParallelText

_EDGES = " \t\r\n"  # not str.strip(): a no-break space or U+2028 at an edge is the corpus's own


@dataclass(frozen=True)
class Request:
    """What the caller of `read` asked for."""

    languages: tuple[str, ...] | None = None
    split: str | None = None
    revision: str | None = None
    config: str | None = None

    def wants(self, code: str) -> bool:
        """Whether a side under this code is to be read; an unknown code never is, if others are named."""
        if self.languages is None:
            return True
        return is_language(code) and canonical(code) in self.languages


@dataclass(frozen=True)
class Side:
    """One language as read: blank sentences are missing ones."""

    path: str
    sentences: Sequence[str]
    lines: Sequence[int] | None = None
    """The line of the file each sentence is on (0: on none); None where line n is sentence n."""

    def line(self, row: int) -> int:
        """Give the line of the file that a row is on, or 0."""
        return row + 1 if self.lines is None else self.lines[row]


@dataclass(frozen=True)
class Raw:
    """What a reader hands back: not yet checked for alignment and missing sides."""

    sides: dict[str, Side]
    groups: Sequence[str] | None = None


def by_language(files: Iterable[tuple[str, Path]], request: Request) -> dict[str, Path]:
    """The files of the wanted languages, given with their codes; two files of one are one too many."""
    out: dict[str, Path] = {}
    for code, path in files:
        if request.wants(code):
            language = canonical_in(path, code)
            if other := out.get(language):
                raise InputError(f"{other} and {path} are both {language!r}: keep one of them in the folder")
            out[language] = path
    return out


def finish(name: str, raw: Raw, request: Request, drop_missing: bool) -> ParallelText:
    """Check what was read and make a text of it."""
    for language in request.languages or ():
        if language not in raw.sides:
            known = ", ".join(raw.sides) or "no language known"
            raise InputError(f"{name} has no {language!r}: it has {known}")
    order = list(request.languages or raw.sides)
    if len(order) < 2 and request.languages is None:
        has = f"only {order[0]!r}" if order else "no language"
        raise InputError(f"{name} has {has}: a parallel text needs two (or ask for one with languages=[…])")
    sides = {
        language: replace(side, sentences=[sentence.strip(_EDGES) for sentence in side.sentences])
        for language, side in ((language, raw.sides[language]) for language in order)
    }
    _check_lengths(sides, raw.groups, name)
    first = sides[order[0]]
    if not (keep := _complete_rows(sides, drop_missing)):
        raise TextError(f"has no row that is whole in {', '.join(order)}: nothing to read", first.path)
    groups = raw.groups
    return ParallelText(
        {language: tuple(side.sentences[row] for row in keep) for language, side in sides.items()},
        groups=None if groups is None else tuple(groups[row] for row in keep),
        sources=tuple(dict.fromkeys(side.path for side in sides.values())),
        dropped=len(first.sentences) - len(keep),
    )


def _check_lengths(sides: dict[str, Side], groups: Sequence[str] | None, name: str) -> None:
    first, *others = sides.values()
    n = len(first.sentences)
    for side in others:
        if len(side.sentences) != n:
            raise TextError(
                f"has {len(side.sentences)} lines but {first.path} has {n}: they must align line by line; "
                "fetch both again",
                side.path,
                min(len(side.sentences), n) + 1,
            )
    if groups is not None and len(groups) != n:
        raise TextError(f"{len(groups)} document names for {n} rows of {first.path}: give one a line", name)


def _complete_rows(sides: dict[str, Side], drop_missing: bool) -> list[int]:
    n = len(next(iter(sides.values())).sentences)
    keep = [row for row in range(n) if all(side.sentences[row].strip() for side in sides.values())]
    if len(keep) == n or drop_missing:
        return keep
    row = next(i for i, kept in enumerate([*keep, n]) if i != kept)
    language, side = next((code, s) for code, s in sides.items() if not s.sentences[row].strip())
    raise TextError(
        f"no sentence in {language!r}; {n - len(keep)} of {n} rows lack a side: "
        "fix them, or leave them out with drop_missing=True (--drop-missing)",
        side.path,
        side.line(row) or None,
    )
