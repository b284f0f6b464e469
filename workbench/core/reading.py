"""Shared by all readers of text files: open files, split lines, name languages, compare."""

import csv
import gzip
import json
import lzma
import os
import re
import stat
import unicodedata
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from workbench.core.errors import InputError, TextError
from workbench.core.languages import canonical, is_language, names_language

MOST_COLUMNS = 10_000
MOST_FILES = 100_000
MOST_BYTES = 4 << 30
"""Largest size of a file that is read into memory."""
PACKED_BYTES, PACKED_RATIO = 64 << 20, 200
"""A packed file may unpack to `PACKED_BYTES`, or to `PACKED_RATIO` times its size."""
DEEPEST = 100
"""Deepest nesting of lists and objects in JSON."""

_PACKED = (".gz", ".xz")
_COLUMN_PREFIXES = ("sentence_", "text_", "translation.", "translation_")
_WITH_SCRIPT = re.compile(r"[a-z]{2,3}_[A-Z][a-z]{3}")
_AFTER_LANGUAGE = ("txt", "dev", "devtest", "test", "train")
"""What may follow the language in the name of a file: `news.sw.txt`, `sw.dev`."""
_DAMAGE = (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile, MemoryError)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def user_path(path: str | Path) -> Path:
    """The path a user gave, ~ expanded; it need not exist, but the system must take it for a path."""
    if str(path) == "":
        raise InputError("the path is empty: name a file or a folder")
    try:
        expanded = Path(path).expanduser()
        os.stat(expanded)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({_reason(error)}): check the path") from error
    return expanded


def files_in(folder: Path, deep: bool = False) -> list[Path]:
    """The files in a folder, or (`deep`) in all folders under it, sorted."""
    try:
        files = list(islice(folder.rglob("*") if deep else folder.iterdir(), MOST_FILES + 1))
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({_reason(error)}): check the folder") from error
    if len(files) > MOST_FILES:
        raise InputError(f"{folder} holds more than {MOST_FILES} files: name the folder of the text or task")
    return sorted(files)


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, unpacking gz and xz on the way."""
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):  # opening a pipe would wait for its other end
            kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, a socket or a device"
            raise TextError(f"cannot be read (it is {kind}): name a file", path)
        if path.suffix == ".gz":
            return cast(IO[bytes], gzip.open(path, "rb"))
        return lzma.open(path, "rb") if path.suffix == ".xz" else open(path, "rb")
    except (OSError, ValueError) as error:
        raise TextError(f"cannot be read ({_reason(error)})", path) from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def plain_name(path: Path) -> str:
    """Give the name of a file without the ending that says how it is packed."""
    return path.name.removesuffix(path.suffix) if path.suffix in _PACKED else path.name


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file; only LF and CRLF end one, as sentences may hold U+2028 and form feeds."""
    data = bytearray()
    for chunk in read_chunks(path):
        data += chunk
        if len(data) > MOST_BYTES:
            raise TextError(f"holds more than {MOST_BYTES} bytes: cut it into parts", path)
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
            limit = max(PACKED_BYTES, PACKED_RATIO * os.stat(path).st_size)
            size = 0
            while chunk := file.read(1 << 18):
                size += len(chunk)
                if path.suffix in _PACKED and size > limit:
                    raise TextError(f"unpacks to more than {limit} bytes: unpack it by hand", path)
                yield chunk
        except (*_DAMAGE, OSError) as error:
            raise TextError(f"is damaged ({_reason(error)}): fetch it again", path) from error


def read_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Read tab-separated cells: those of each line, with its number."""
    for number, line in enumerate(read_lines(path), 1):
        yield number, check_width(line.split("\t"), path, number)


def check_width(cells: list[str], path: Path, line: int) -> list[str]:
    """The cells of a row, if they are not too many for a table."""
    if len(cells) > MOST_COLUMNS:
        raise TextError(f"has {len(cells)} cells; a table has at most {MOST_COLUMNS} columns", path, line)
    return cells


def quoted_rows(
    path: Path, delimiter: str, problem: str, last: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Read rows whose cells may be quoted and then hold delimiters and line ends.

    Each has the number of its first line, or of its `last`; `problem` words errors, with {} for the reason.
    """
    reader = csv.reader((line + "\n" for line in read_lines(path)), delimiter=delimiter, strict=True)
    start = 1
    try:
        for row in reader:
            number = reader.line_num if last else start
            yield number, check_width(row, path, number)
            start = reader.line_num + 1
    except csv.Error as error:
        raise TextError(problem.format(error), path, reader.line_num if last else start) from error


def full_rows(
    rows: Iterable[tuple[int, list[str]]], width: int, path: object, mend: str = "mend the row"
) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table that are not blank lines, if each has as many cells as the header."""
    for number, row in rows:
        if row == [] or (row == [""] and width > 1):
            continue
        if len(row) != width:
            raise TextError(f"has {len(row)} cells but the header has {width}: {mend}", path, number)
        yield number, row


def from_datasets(call: Callable[[Any], Any], explain: Callable[[Exception], str]) -> Any:
    """The result of a call of the library `datasets`, without its bars; `explain` words its errors."""
    try:
        import datasets
    except ImportError as error:
        raise InputError("reading Hugging Face data sets needs the library: pip install datasets") from error
    bars = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()  # only the command line may write to the terminal
    try:
        return call(datasets)
    except Exception as error:  # the library lets errors of a dozen others through
        raise InputError(explain(error)) from error
    finally:
        if bars:
            datasets.enable_progress_bars()


def parse_json(text: str, path: Path, line: int | None = None, mend: str = "fetch the file again") -> Any:
    """The value of a JSON text, a line of a file or all of it; lone surrogates and depth are refused."""
    try:
        value = json.loads(text)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise TextError(f"is not JSON ({error}): {mend}", path, line or error.lineno) from error
    except UnicodeEncodeError as error:
        raise TextError("holds half a character (a lone surrogate): fix it", path, line) from error
    except RecursionError as error:
        raise TextError(f"holds lists or objects more than {DEEPEST} deep: {mend}", path, line) from error
    except ValueError as error:
        raise TextError(f"holds a number of thousands of digits: {mend}", path, line) from error
    if text.count("[") + text.count("{") > DEEPEST and _depth(value) > DEEPEST:
        raise TextError(f"holds lists or objects more than {DEEPEST} deep: {mend}", path, line)
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, list | dict)]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read JSON lines: each object with the number of its line; blank lines hold none."""
    for number, line in enumerate(read_lines(path), 1):
        if line.strip():
            record = parse_json(line, path, number, "write one object a line")
            if not isinstance(record, dict):
                raise TextError("is not a JSON object: write one object a line", path, number)
            yield number, record


def copa_items(path: Path) -> list[tuple[int, ElementTree.Element]]:
    """Read COPA's XML: each item with the number of its line. Entities of its own are not expanded."""
    text = "\n".join(read_lines(path))
    if "<!ENTITY" in text:  # one could stand for gigabytes
        raise TextError("declares an entity, which is not read: it is not COPA", path)
    try:
        found = list(ElementTree.fromstring(text).iter("item"))
    except ElementTree.ParseError as error:
        raise TextError(f"is not XML ({error}): fetch it again", path, error.position[0]) from error
    lines = [number for number, line in enumerate(text.split("\n"), 1) if "<item" in line]
    if not found or len(lines) != len(found):
        raise TextError("is not COPA: its items are <item id= asks-for= most-plausible-alternative=>", path)
    return list(zip(lines, found, strict=True))


def canonical_in(path: object, code: str, line: int | None = None) -> str:
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
    return canonical(name) if names_language(name) else None


def language_in(path: Path) -> str | None:
    """The language that the name of a one-language file shows, as it is written there.

    >>> [language_in(Path(name)) for name in ("a.swh", "swh_Latn.devtest", "newstest2019-ref.deu.txt")]
    ['swh', 'swh_Latn', 'deu']
    >>> [language_in(Path(name)) for name in ("b.zh-CN.gz", "sw.txt", "news.txt", "news.tsv")]
    ['zh-CN', 'sw', None, None]
    """
    parts = plain_name(path).split(".")
    if _WITH_SCRIPT.fullmatch(parts[0]) and is_language(parts[0]) and parts[-1] not in ("tsv", "csv", "tmx"):
        return parts[0]
    while len(parts) > 1 and parts[-1].lower() in _AFTER_LANGUAGE:
        parts.pop()
    return parts[-1] if names_language(parts[-1]) else None


def normalised(sentence: str) -> str:
    """The form of a sentence in which duplicates are looked for: NFKC, case folded, single spaces."""
    folded = unicodedata.normalize("NFKC", sentence).casefold()
    # Folding can undo composition (ΐ), and NFKC can bring new capitals (℡): once more settles both.
    return " ".join(unicodedata.normalize("NFKC", folded).casefold().split())
