"""What every reader shares: opening files, splitting lines, and the checks on what was read."""

import gzip
import lzma
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from workbench.errors import InputError, TextError
from workbench.text.languages import canonical, is_language
from workbench.text.parallel import ParallelText

_PACKED = (".gz", ".xz")
_DAMAGE = (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile)
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

    def order(self, found: Sequence[str]) -> list[str]:
        """Sort the languages found in the order asked for."""
        return sorted(found, key=self.languages.index) if self.languages else list(found)


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

    def trimmed(self) -> "Side":
        """Cut off blanks at the edges of sentences."""
        return Side(self.path, [sentence.strip(_EDGES) for sentence in self.sentences], self.lines)


@dataclass(frozen=True)
class Raw:
    """What a reader hands back: not yet checked for alignment and missing sides."""

    sides: dict[str, Side]
    groups: Sequence[str] | None = None


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, unpacking gz and xz on the way."""
    try:
        if path.suffix == ".gz":
            return cast(IO[bytes], gzip.open(path, "rb"))
        return lzma.open(path, "rb") if path.suffix == ".xz" else open(path, "rb")
    except OSError as error:
        raise TextError(f"cannot be read ({error.strerror or error})", path) from error


def plain_name(path: Path) -> str:
    """Give the name of a file without the ending that says how it is packed."""
    return path.name.removesuffix(path.suffix) if path.suffix in _PACKED else path.name


def read_lines(path: Path) -> list[str]:
    """Read the lines of a UTF-8 file, without line ends or byte-order mark.

    Only LF and CRLF end a line: corpora hold U+2028, U+0085 and form feeds inside sentences.
    """
    with open_bytes(path) as file:
        try:
            data = file.read()
        except (*_DAMAGE, OSError) as error:
            raise TextError(f"is damaged ({error}): fetch it again", path) from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TextError("is UTF-16: save it as UTF-8", path, 1)
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise TextError(f"byte 0x{byte:02x} is not UTF-8: save the file as UTF-8", path, line) from error
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def read_chunks(path: Path) -> Iterator[bytes]:
    """Read the bytes of a file, unpacked, a piece at a time."""
    with open_bytes(path) as file:
        try:
            while chunk := file.read(1 << 16):
                yield chunk
        except (*_DAMAGE, OSError) as error:
            raise TextError(f"is damaged ({error}): fetch it again", path) from error


def claim(files: dict[str, Path], code: str, path: Path) -> None:
    """Note the file of a language; two files for one language are one too many."""
    language = canonical_in(path, code)
    if other := files.get(language):
        raise InputError(f"{other} and {path} are both {language!r}: keep one of them in the folder")
    files[language] = path


def canonical_in(path: Path, code: str, line: int | None = None) -> str:
    """`canonical`, with the file named where the code is unknown."""
    try:
        return canonical(code)
    except InputError as error:
        raise TextError(f"{error}; or choose the languages with languages=[…]", path, line) from error


def finish(name: str, raw: Raw, request: Request, drop_missing: bool) -> ParallelText:
    """Check what was read and make a text of it."""
    found = raw.sides
    for language in request.languages or ():
        if language not in found:
            raise InputError(f"{name} has no {language!r}: it has {', '.join(found) or 'no language known'}")
    order = request.order(list(found))
    if len(order) < 2 and request.languages is None:
        has = f"only {order[0]!r}" if order else "no language"
        raise InputError(f"{name} has {has}: a parallel text needs two (or ask for one with languages=[…])")
    sides = {language: found[language].trimmed() for language in order}
    _check_lengths(sides, raw.groups, name)
    keep = _complete_rows(sides, drop_missing)
    first = sides[order[0]]
    if not keep:
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
        "mend them, or leave them out with drop_missing=True (--drop-missing)",
        side.path,
        side.line(row) or None,
    )
