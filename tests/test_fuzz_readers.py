"""Damaged files and odd paths, to every reader: it reads them, or says in one line what is wrong."""

import gzip
import json
import lzma
import os
import random
import re
import shutil
import socket
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from counts import count
from mutations import HUGE, TOKENS, VALUES, Files, mutated, one_line
from small_files import OTHERS, TASK_FILES, TEXTS, Small

from workbench.core import reading
from workbench.core.errors import InputError, TextError, quoted
from workbench.tasks import TASKS, read_choices, read_task
from workbench.tasks.catalogue import File, fetch
from workbench.tasks.stories import read_xcopa
from workbench.text import read
from workbench.text.readers import READERS

SMALL = {**{f"text {name}": small for name, small in TEXTS.items()}, **TASK_FILES, **OTHERS}
SLOW = ("text huggingface",)  # the library takes a second a case


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
    fuzz(name, tmp_path / "files", count(3, 10) if name in SLOW else count(30, 1660))


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
