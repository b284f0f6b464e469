"""Damaged files and odd paths, to every reader: it reads them, or says in one line what is wrong."""

import gzip
import json
import lzma
import os
import random
import re
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from counts import count
from small_files import OTHERS, TASK_FILES, TEXTS, Small

from workbench.core import reading
from workbench.core.errors import InputError, TextError, WorkbenchError, quoted
from workbench.tasks import TASKS, read_choices, read_task
from workbench.tasks.catalogue import File, fetch
from workbench.tasks.stories import read_xcopa
from workbench.text import read
from workbench.text.readers import READERS

SMALL = {**{f"text {name}": small for name, small in TEXTS.items()}, **TASK_FILES, **OTHERS}
SLOW = ("text huggingface",)  # the library takes a second a case
SECONDS = 10

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
    places = list(_places(root))
    if not places:
        return json.dumps(rng.choice(VALUES)).encode()
    inside, key = rng.choice(places)
    if rng.random() < 0.15:
        del inside[key]
    else:
        inside[key] = rng.choice([*VALUES, "@deep", "@huge"])
    if isinstance(inside, dict) and rng.random() < 0.1:
        inside[rng.choice(["", "\x1b[0m", "sw", "\ud800", "choice" + HUGE, "translation", "k" * 5000])] = 1
    text = json.dumps(root).replace('"@deep"', DEEP).replace('"@huge"', HUGE)
    return (text if at < 0 else "\n".join([*rows[:at], text, *rows[at + 1 :]])).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in (
        list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    ):
        yield value, key
        yield from _places(value[key])


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
    """What is inside returns, or raises one printable line of bounded length, within `SECONDS`."""

    def ring(*_: object) -> None:
        raise TooLong(case)

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    except WorkbenchError as error:
        said = str(error)
        assert said.strip() and said.isprintable() and len(said) < 1000, f"{case}: {said!r}"
    except Exception as error:
        raise AssertionError(f"{case}: {type(error).__name__}: {error}"[:2000]) from error
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def lay(folder: Path, files: Files) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def place(folder: Path, small: Small) -> Path:
    """What is read: under its own name, or packed."""
    path = folder / small.path
    packed = [path.with_name(path.name + end) for end in (".gz", ".xz")]
    return next((one for one in packed if one.exists()), path)


def encoded(small: Small) -> Files:
    return {name: text.encode() for name, text in small.files.items()}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("datasets"):
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def test_every_format_is_here() -> None:
    names = {name.partition(" of ")[0] for name in (*TEXTS, *TASK_FILES)}
    assert names == {*READERS, *TASKS} - {"lm_eval"}  # the harness reads its own files


def fuzz(name: str, folder: Path, rounds: int, seed: int = 0) -> None:
    small = SMALL[name]
    if name in SLOW:
        pytest.importorskip("datasets", reason="the library datasets is not installed")
    assert small.read(lay(folder, encoded(small)) / small.path)  # what is whole is read
    for number in range(rounds):
        files = mutated(encoded(small), random.Random(f"{name} {seed} {number}"))
        lay(folder, files)
        with one_line(f"{name}, seed {seed}, case {number}"):
            small.read(place(folder, small))


@pytest.mark.parametrize("name", SMALL)
def test_damaged_files(name: str, tmp_path: Path) -> None:
    fuzz(name, tmp_path / "files", count(3, 10) if name in SLOW else count(30, 300))


def odd_places(folder: Path) -> list[str]:
    folder.mkdir()
    os.mkfifo(folder / "pipe.tsv")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "nowhere.tsv").symlink_to(folder / "nothing")
    (folder / "empty").mkdir()
    (folder / "folder.tsv").mkdir()
    (folder / "odd\x1b[31m\n\udcff.tsv").write_text("\0")
    (folder / "empty.tsv").write_text("")
    known = [
        "",
        ".",
        "~nosuchuser",
        "~nosuchuser/a.tsv",
        "a\0b",
        "\ud800",
        "a" * 300,
        "/".join(["abc"] * 2000),
    ]
    known += [
        "/proc/self/mem",
        "/dev/null",
        "/dev/zero",
        "/dev/null/x",
        "/dev/stdin/x.tsv",
        "x\x1b]0;y\x07.jsonl",
    ]
    return [*known, *(str(file) for file in folder.iterdir())]


@pytest.mark.parametrize("name", SMALL)
def test_odd_paths(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for path in odd_places(tmp_path / "odd"):
        with one_line(f"{name}, path {path[:80]!r}"):
            SMALL[name].read(path if name not in ("prompts", "scale") else Path(path))


def test_odd_paths_by_the_doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for path in odd_places(tmp_path / "odd"):
        for call in (
            lambda path: read(path),
            lambda path: read_task(path),
            lambda path: read_task("starter", prompts=path),
            *(
                lambda path, task=task: read_task(f"{task}:{path}")
                for task in ("xcopa", "choices", "hub:xcopa")
            ),
            lambda path: read_xcopa(tmp_path, english=path),
            lambda path: fetch([], path),
        ):
            with one_line(f"path {path[:80]!r}"):
                call(path)


@pytest.mark.parametrize("name", SMALL)
def test_what_is_no_file_in_place_of_one(name: str, tmp_path: Path) -> None:
    small = SMALL[name]
    for file in small.files:
        for kind in ("pipe", "socket", "folder", "device", "loop", "nowhere"):
            target = lay(tmp_path / "f", encoded(small)) / file
            target.unlink()
            listener = None
            if kind == "pipe":
                os.mkfifo(target)
            elif kind == "socket":
                listener = socket.socket(socket.AF_UNIX)
                before = os.getcwd()
                os.chdir(target.parent)  # an address may have about a hundred bytes
                listener.bind(target.name)
                os.chdir(before)
            elif kind == "folder":
                target.mkdir()
            else:
                target.symlink_to({"device": "/dev/zero", "loop": target.name, "nowhere": "nothing"}[kind])
            with one_line(f"{name}, {file} is a {kind}"):
                small.read(tmp_path / "f" / small.path)
            if listener is not None:
                listener.close()


@pytest.mark.parametrize(("end", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_a_bomb_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(reading, "PACKED_BYTES", 10_000)
    path = tmp_path / f"t.tsv{end}"
    path.write_bytes(pack(b"sw\ten\n" + b"\0" * 1_000_000))
    for call in (read, read_choices):
        with pytest.raises(TextError, match="unpacks to more than"):
            call(path)
    path.write_bytes(pack(b"sw\ten\n" + b"".join(b"a%d\tb%d\n" % (i, i) for i in range(5000))))
    assert len(read(path)) == 5000  # larger than the limit, but packed as text is


def test_a_file_that_is_too_large_or_too_wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, n in (("t.tsv", 1_000_000), ("quiz.tsv", 20_000), ("t.csv", 20_000)):
        wide = "\t".join(["sw", "en", *(f"c{i}" for i in range(n))])
        (tmp_path / name).write_text(wide.replace("\t", "," if name.endswith("csv") else "\t"))
        with pytest.raises(TextError, match="a table has at most 10000 columns"):
            read_choices(tmp_path / name) if name == "quiz.tsv" else read(tmp_path / name)
    (tmp_path / "t.jsonl").write_text(json.dumps(dict.fromkeys(wide.split("\t"), "a")))
    with pytest.raises(TextError, match="a table has at most 10000 columns"):
        read(tmp_path / "t.jsonl")
    monkeypatch.setattr(reading, "MOST_BYTES", 1000)
    with pytest.raises(TextError, match="holds more than 1000 bytes"):
        read(tmp_path / "t.tsv")
    monkeypatch.setattr(reading, "MOST_FILES", 2)
    with pytest.raises(InputError, match="holds more than 2 files"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('[template]\nsw = ["a", "b"]\nen = ["a"]', "the template for 'en' is"),
        ('[seed]\nsw = "1"', "no option 'seed'"),
        ("x = " + "[" * 3000, "is not TOML"),
        ("x = " + HUGE, "is not TOML"),
        ('[template]\nsw = "{x\x1b}"', "is not TOML"),
    ],
)
def test_prompts_that_are_no_prompts(tmp_path: Path, toml: str, message: str) -> None:
    lay(tmp_path / "m", encoded(TASK_FILES["mgsm"]))
    (tmp_path / "p.toml").write_text(toml)
    with pytest.raises(InputError, match=re.escape(message)):
        read_task(f"mgsm:{tmp_path / 'm'}", prompts=tmp_path / "p.toml")


def test_a_length_that_is_no_number_is_no_traceback(tmp_path: Path) -> None:
    class Source:
        headers = {"Content-Length": "many"}  # noqa: RUF012

        def __enter__(self) -> "Source":
            return self

        def __exit__(self, *_: object) -> None: ...

        def read(self, _: int) -> bytes:
            return b""

    with pytest.raises(InputError, match="ended after 0 of many bytes"):
        fetch([File("a", "https://a.example/a")], tmp_path, opener=lambda _: Source())


def test_what_is_quoted_is_printable_and_short() -> None:
    for value in [
        *VALUES,
        *TOKENS,
        "\x1b[31m" * 10_000,
        10**5000,
        [10**5000],
        json.loads("[" * 900 + "]" * 900),
    ]:
        assert quoted(value).isprintable() and len(quoted(value)) <= 200
    assert quoted("a" * 300, 10) == "'aaaaaaa …" and quoted("a\n") == r"'a\n'"
    for message in ("a\x1b[31m\nb", "a" * 5000, "\x1b" * 5000, "\U0010ffff" * 5000):
        said = str(TextError(message, f"/tmp/{message}", 1))
        assert said.isprintable() and len(said) < 1000 and said.startswith("/tmp/")
