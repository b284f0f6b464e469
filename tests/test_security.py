"""What SECURITY.md promises: no network, no way out of a folder, bounded input, text that stays text."""

import json
import re
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import forked
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from organism_models import tiny_organism
from report import folders
from stage import arguments

from workbench.cli import main
from workbench.cli.terminal import as_json, console, shown
from workbench.core.errors import InputError, StoreError
from workbench.core.store import is_inside, read_json, write_json
from workbench.figures import make_spec
from workbench.figures.tables_out import to_latex, to_markdown
from workbench.results import files, open_run, read_table
from workbench.study import Specification

COMMANDS = "\x1b[2J\x1b]0;title\x07\x9b31m\x7f\r\u202e\u2066"
LATEX = r"\input{/etc/passwd} 100% $x_1^2$ #1 {~&} \write18{rm}"
TAGS = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def _diagnose_without_sockets(folder: Path) -> None:
    def refuse(*given: object, **_: object) -> None:
        raise AssertionError(f"a connection to {given[-1]}")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        setattr(socket.socket, name, refuse)
    socket.create_connection = socket.getaddrinfo = refuse  # type: ignore[assignment]
    assert main(arguments("diagnose", folder)) == 0
    assert main(["report", str(folder), "--quiet"]) == 0


def test_a_study_of_local_files_opens_no_connection(tmp_path):
    tiny_organism()
    ended, _ = forked.run(_diagnose_without_sockets, tmp_path / "run")
    assert ended and open_run(tmp_path / "run").verdicts is not None


# Names that lead out of their folder.


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "..", "/", "a/.."])
def test_a_name_with_a_way_out_is_seen(name):
    assert not is_inside(name)
    assert is_inside(name.replace("..", "b").lstrip("/"))


def _altered(folder: Path, change) -> None:
    path = folder / "specification.json"
    record = read_json(path)
    change(record)
    write_json(path, record)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a diagnosis."""
    folder = tmp_path_factory.mktemp("run") / "run"
    assert main(arguments("diagnose", folder)) == 0
    return folder


@pytest.fixture
def copied(run, tmp_path):
    """A copy that may be altered."""
    return shutil.copytree(run, tmp_path / "run")


def test_a_run_from_elsewhere_cannot_name_a_place_outside(copied):
    def climb(record):
        record["studies"][0]["folder"] = "../../elsewhere"

    _altered(copied, climb)
    with pytest.raises(StoreError, match=r"specification\.json names studies outside its folder"):
        open_run(copied)
    assert main(["compare", str(copied)]) == 2 and not (copied.parent.parent / "elsewhere").exists()


def test_a_task_or_pair_of_a_run_from_elsewhere_cannot_either(run, monkeypatch):
    whole = Specification.read(run)
    (task,) = whole.tasks
    wild = replace(task, name="../../elsewhere")
    with pytest.raises(InputError, match="name of a task"):
        Specification.of(_Model(), whole.settings, whole.pairs, [wild])
    for pairs, tasks in (([("../x", "y")], [task, wild]), ([("../../x", "y")] * 2, [task])):
        monkeypatch.setattr(Specification, "studies", [(pair, one) for pair in pairs for one in tasks])
        with pytest.raises(StoreError, match="outside its folder"):
            Specification.read(run)


class _Model:
    """A specification looks at the task's name before the model."""


def test_replacing_a_run_removes_nothing_outside_its_folder(copied, tmp_path):
    outside = tmp_path / "other" / "choices.json"
    write_json(outside, {"mine": True})

    def climb(record):
        record["studies"][0]["folder"] = "../other"
        record["settings"]["seed"] = 7

    _altered(copied, climb)
    assert main([*arguments("diagnose", copied), "--overwrite"]) == 0
    assert read_json(outside) == {"mine": True}


# Input that would fill memory.


def test_a_small_table_of_too_many_values_is_not_read(tmp_path, monkeypatch):
    table = pa.table({"a": pa.array(["x"] * 200_000).dictionary_encode()})
    pq.write_table(table, tmp_path / "fit.parquet")
    assert (tmp_path / "fit.parquet").stat().st_size < 2000
    monkeypatch.setattr(files, "MOST_VALUES", 100_000)
    with pytest.raises(StoreError, match="holds more than 100,000 values"):
        read_table(tmp_path / "fit.parquet")


DEEP = ("[" * 100_000, '{"a":' * 100_000, '{"a": ' + "9" * 5000 + "}", '{"a": 1e999}')


@pytest.mark.parametrize("text", DEEP, ids=["lists", "objects", "whole number", "number"])
def test_deep_or_huge_json_is_one_line(tmp_path, text):
    for name in ("specification.json", "manifest.json", "verdict.json"):
        (tmp_path / name).write_text(text)
        with pytest.raises(StoreError, match="is damaged"):
            read_json(tmp_path / name)
    with pytest.raises(StoreError, match="is damaged"):
        open_run(tmp_path)


# Text from data, where it is shown.


def test_a_terminal_is_given_nothing_that_it_obeys(capsys):
    for kind in (COMMANDS, f"[bold]{COMMANDS}[/nothing]"):
        console.print(kind)
        console.print(kind, style="bold", soft_wrap=True)
        said = capsys.readouterr().out
        assert said.replace("\n", "").isprintable() and r"\x1b[2J" in said
        assert shown(shown(kind)) == shown(kind)
    assert "[/nothing]" in said
    text = as_json({COMMANDS: [COMMANDS], "table": pd.DataFrame({"a": [COMMANDS]})})
    assert text.replace("\n", "").isprintable()
    assert json.loads(text) == {COMMANDS: [COMMANDS], "table": [{"a": COMMANDS}]}


def test_joiners_and_spaces_of_scripts_are_shown_as_they_are():
    for text in ("می\u200cخواهم", "क्\u200dष", "a\u00a0b", "a\u00adb", "日本語\u3000"):
        assert shown(text) == text


def test_names_are_no_commands_of_latex_or_markdown(tmp_path):
    name = f"{LATEX} {TAGS} [a](javascript:x) |"
    tables = folders.study(tmp_path, model=name, task=name)
    spec = make_spec("layers", tables)
    spec = replace(spec, title=name, subtitle=name)
    tex, markdown = to_latex(spec), to_markdown(spec)
    for bare in (r"\input", r"\write", "100% ", "$x_1", "#1 {~&}"):
        assert bare not in tex, bare
    assert r"\textbackslash{}input\{/etc/passwd\} 100\%" in tex
    assert "<script" not in markdown and "<img" not in markdown and not re.search(r"(?<!\\)\]\(", markdown)
    for line in markdown.splitlines():
        assert not line.startswith("|") or line.replace(r"\|", "").endswith("|")
