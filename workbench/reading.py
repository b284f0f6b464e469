"""What every reader of text files shares: opening them, splitting lines, naming languages and comparing."""

import gzip
import lzma
import unicodedata
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from workbench.errors import InputError, TextError
from workbench.languages import canonical, is_language

_PACKED = (".gz", ".xz")
_COLUMN_PREFIXES = ("sentence_", "text_", "translation.", "translation_")
_DAMAGE = (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile)


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


def canonical_in(path: Path, code: str, line: int | None = None) -> str:
    """`canonical`, with the file named where the code is unknown."""
    try:
        return canonical(code)
    except InputError as error:
        raise TextError(f"{error}; or choose the languages with languages=[…]", path, line) from error


def language_of(column: str) -> str | None:
    """Name the language a column holds, judged by its name: `sw`, `swh_Latn`, `sentence_swh_Latn`."""
    name = column.strip()
    for prefix in _COLUMN_PREFIXES:
        name = name.removeprefix(prefix)
    return canonical(name) if is_language(name) else None


def normalised(sentence: str) -> str:
    """Bring a sentence to the form compared when looking for duplicates: NFKC, case folded, single spaces."""
    folded = unicodedata.normalize("NFKC", sentence).casefold()
    # Folding can undo composition (ΐ), and NFKC can bring new capitals (℡): once more settles both.
    return " ".join(unicodedata.normalize("NFKC", folded).casefold().split())
