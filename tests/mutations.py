"""Random damage to files, and what a reader may make of it: a value, or one line within bounds."""

import copy
import gzip
import json
import lzma
import random
import re
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from workbench.core.errors import WorkbenchError

SECONDS, BYTES = 10, 1 << 30
"""What a reader may take for one case."""

Files = dict[str, bytes]
HUGE = "9" * 5000
DEEP = "[" * 3000 + "]" * 3000
TOKENS = [
    *(
        b"\0",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\r",
        b"\n",
        b"\r\n",
        b"\t",
        b"\t" * 50_000,
        b'"',
        b"'",
        b"\\",
        b",",
    ),
    *(
        b"\x1b[31m",
        b"\xc2\x9b2J",
        b"\xe2\x80\xa8",
        b"\xe2\x80\xae",
        b"\xc2\x85",
        b"\x0c",
        b"\xf0\x9f\x98\x80",
    ),
    *(
        rb"\ud800",
        rb"\udc00\ud800",
        b"\xed\xa0\x80",
        b"\xff",
        b"{",
        b"}",
        b"[]",
        b"<",
        b"&",
        b"&b;",
        b"%s{0}",
    ),
    *(b"1e999", b"-1", b"NaN", b"Infinity", b"true", b"null", b"0x10", b"1_0", "١".encode(), "²".encode()),
    *(
        HUGE.encode(),
        DEEP.encode(),
        b"a" * 100_000,
        b'{"a":' * 3000,
        b"<a>" * 3000,
        b"<!-- ",
        b"]]>",
        b"<![CDATA[",
    ),
    *(b"<range>", b"..", b"/", b"_", b"{question}", b"sw", b"qqq", b"x-" + b"a" * 300),
]
VALUES: list[Any] = [
    *(True, False, None, 0, -1, 7, 1.5, float("inf"), float("nan"), 10**4000, -(10**20)),
    *("", " ", "\ud800", "\x1b[2J", "\0", "a\nb\tc", "\u2028", "x" * 50_000, "1e999", "9" * 5000, "sw", "0"),
    *([], {}, [None], [[]], {"": None}, ["\udfff"], {"text": 3}, {"en": {"en": 1}}, [1, "a"]),
]
ENCODINGS = ["utf-16", "utf-16-be", "utf-32", "utf-7", "latin-1", "cp1252", "utf-8-sig", "cp500"]
NAMED_ENCODINGS = [
    b"utf-16",
    b"UTF-7",
    b"utf-32",
    b"klingon",
    b"hex",
    b"shift_jis",
    b"idna",
    b"",
    b"\0",
    b"cp500",
]


def flip(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data or b"\0")
    for _ in range(rng.choice([1, 1, 3, 20])):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def remove(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice([1, 5, 50]) :]


def insert(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice([1, 1, 4])):
        at = rng.choice([0, len(data), rng.randrange(len(data) + 1)])
        data = data[:at] + rng.choice(TOKENS) + data[at:]
    return data


def lines(data: bytes, rng: random.Random) -> bytes:
    rows = data.split(b"\n")
    at, to = rng.randrange(len(rows)), rng.randrange(len(rows))
    kind = rng.randrange(4)
    if kind == 0:
        rows.insert(to, rows[at])
    elif kind == 1:
        del rows[at]
    elif kind == 2:
        rows[at], rows[to] = rows[to], rows[at]
    else:
        rows[at] = rng.choice([b"", b" ", rows[at] + b" " + rows[to]])
    return rng.choice([b"\n", b"\n", b"\r\n", b"\r"]).join(rows)


def cells(data: bytes, rng: random.Random) -> bytes:
    """Replace a cell, or take away, double or swap columns of all rows."""
    rows = [line.split(b"\t") for line in data.split(b"\n")]
    at, column, kind = rng.randrange(len(rows)), rng.randrange(max(map(len, rows))), rng.randrange(4)
    if kind == 0:
        rows[at][rng.randrange(len(rows[at]))] = rng.choice(TOKENS)
    for row in rows:
        if kind == 1:
            del row[column : column + 1]
        elif kind == 2:
            row[column:column] = row[column : column + 1]
        elif kind == 3:
            row.reverse()
    return b"\n".join(map(b"\t".join, rows))


def encode(data: bytes, rng: random.Random) -> bytes:
    text = data.decode(errors="replace")
    if rng.random() < 0.5:
        data = re.sub(
            rb'encoding="[^"]*"', lambda _: b'encoding="' + rng.choice(NAMED_ENCODINGS) + b'"', data
        )
        return data if rng.random() < 0.5 else text.encode(rng.choice(ENCODINGS), errors="replace")
    return text.encode(rng.choice(ENCODINGS), errors="replace")


def values(data: bytes, rng: random.Random) -> bytes:
    """Give a JSON value another type, take it away, or put something very deep or large in its place."""
    rows = data.decode(errors="replace").split("\n")
    at = rng.randrange(len(rows))
    try:
        root, at = (
            (json.loads(rows[at]), at) if rows[at].startswith("{") else (json.loads("\n".join(rows)), -1)
        )
    except (ValueError, RecursionError):
        return insert(data, rng)
    known = list(places(root))
    if not known:
        return json.dumps(rng.choice(VALUES)).encode()
    inside, key = rng.choice(known)
    if rng.random() < 0.15:
        del inside[key]
    else:
        inside[key] = copy.deepcopy(rng.choice([*VALUES, "@deep", "@huge"]))
    if isinstance(inside, dict) and rng.random() < 0.1:
        inside[rng.choice(["", "\x1b[0m", "sw", "\ud800", "choice" + HUGE, "translation", "k" * 5000])] = 1
    text = json.dumps(root).replace('"@deep"', DEEP).replace('"@huge"', HUGE)
    return (text if at < 0 else "\n".join([*rows[:at], text, *rows[at + 1 :]])).encode()


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in (
        list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    ):
        yield value, key
        yield from places(value[key])


def xml(data: bytes, rng: random.Random) -> bytes:
    bomb = b'<!DOCTYPE tmx [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]>'
    steal = b'<!DOCTYPE tmx [<!ENTITY b SYSTEM "file:///etc/hostname">]>'
    tag = rng.choice([b"<seg>", b"<tuv", b"<tu>", b"<item", b"<p>", b"</tu>", b'id="', b'xml:lang="'])
    kind = rng.randrange(3)
    if kind == 0:
        return re.sub(rb"<!DOCTYPE[^>]*>|(?<=\?>)\n", rng.choice([bomb, steal]), data, count=1)
    return data.replace(
        tag, rng.choice([b"", tag + rng.choice(TOKENS), b"<tu>", b"<item>&b;"]), rng.choice([1, 99])
    )


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [flip, cut, remove, insert, lines, cells, encode]


def mutated(files: Files, rng: random.Random) -> Files:
    """One or a few of the files, damaged; some are packed, and some of these are damaged afterwards."""
    files = dict(files)
    for _ in range(rng.choice([1, 1, 2, 3])):
        name = rng.choice(list(files))
        known = list(MUTATIONS)
        known += [values] * 5 if "json" in name else [xml] * 4 if name.endswith(("xml", "tmx")) else []
        files[name] = rng.choice(known)(files[name], rng)
    if rng.random() < 0.1:
        name = rng.choice(list(files))
        end, pack = rng.choice([(".gz", gzip.compress), (".xz", lzma.compress)])
        packed = pack(files.pop(name))
        files[name + end] = rng.choice([flip, cut, insert])(packed, rng) if rng.random() < 0.7 else packed
    return files


class TooLong(BaseException):
    """Raised by the clock; no reader takes it for an error of its own."""


@contextmanager
def one_line(case: str) -> Iterator[None]:
    """What is inside returns, or raises one printable line, within `SECONDS` and `BYTES`."""

    def ring(*_: object) -> None:
        raise TooLong(case)

    before = signal.signal(signal.SIGALRM, ring)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.alarm(SECONDS)
    try:
        yield
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) << 10
        assert grown <= BYTES, f"{case}: {grown:,} bytes"
    except WorkbenchError as error:
        said = str(error)
        assert said.strip() and said.isprintable() and len(said) < 1000, f"{case}: {said!r}"
    except Exception as error:
        raise AssertionError(f"{case}: {type(error).__name__}: {error}"[:2000]) from error
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
