"""`figures`: files, tables and manifests from a run's tables alone; the same bytes again."""

import hashlib
import json
import re
import shutil
import subprocess
import sys

import pytest
from made_tables import made, write

from workbench.cli import main
from workbench.core.store import digest_bytes

WITHOUT_TORCH = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "transformer_lens"):
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Refuse())
from workbench.cli import main

sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("runs") / "study", made(6, 2))


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def run(capsys, *arguments):
    code = main(["figures", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def files_in(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_kind_is_written_with_its_tables_and_a_manifest(run_folder, tmp_path, capsys):
    code, out, err = run(capsys, run_folder, "--format", "png")
    # On a slow machine the steps are told of, and nothing else.
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d figures: ", line) for line in err.splitlines()), err
    assert code == 0 and "16 figures" in out and "figures/study" in out
    written = files_in(tmp_path / "figures" / "study")
    for kind in ("layers", "gap", "lens"):
        endings = ("png", "tex", "md", "json", "caption.txt")
        assert {f"{kind}.{ending}" for ending in endings} <= set(written)
    assert written["layers.caption.txt"].startswith(b"Gain on dev by layer and pair. tiny, lookup, into en")
    manifest = json.loads(written["layers.json"])
    tables = ("exploration", "selection")
    assert manifest["tables"] == {
        f"study/{name}.parquet": hashlib.sha256((run_folder / f"{name}.parquet").read_bytes()).hexdigest()
        for name in tables
    }
    for name, digest in manifest["files"].items():
        assert hashlib.sha256(written[name]).hexdigest() == digest
    assert manifest["command"] == "workbench figures study --preset acl --format png"
    assert manifest["preset"] == "acl"


def test_a_machine_without_torch_writes_the_same_bytes(run_folder, tmp_path, capsys):
    kept = tmp_path / "copy" / "study"
    shutil.copytree(run_folder, kept)
    assert run(capsys, run_folder, "--only", "layers", "--out", "here")[0] == 0
    command = [
        sys.executable,
        "-c",
        WITHOUT_TORCH,
        "figures",
        str(kept),
        "--only",
        "layers",
        "--out",
        "there",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    here, there = files_in(tmp_path / "here"), files_in(tmp_path / "there")
    assert here == there and {"layers.pdf", "layers.svg", "layers.png"} <= set(here)


def test_another_table_gives_another_figure(run_folder, tmp_path, capsys):
    other = write(tmp_path / "study", made(6, 3))
    for folder, out in ((run_folder, "one"), (other, "two")):
        assert run(capsys, folder, "--only", "layers", "--format", "svg", "--out", out)[0] == 0
    one, two = files_in(tmp_path / "one"), files_in(tmp_path / "two")
    assert set(one) == set(two)
    assert [name for name in one if one[name] == two[name]] == ["layers.caption.txt"]


def test_what_the_tables_lack_is_said(tmp_path, capsys):
    folder = write(tmp_path / "fitted", {"fit": made(6, 1)["fit"]})
    code, out, _ = run(capsys, folder, "--format", "png")
    assert code == 0 and "1 figure," in out
    assert "figure grid needs the table grid; `workbench measure --grid` writes it" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no folder"),
        (["."], "holds no run"),
        ([], "name a folder of a run"),
        (["RUN", "--only", "layrs"], "did you mean 'layers'"),
        (["RUN", "--only", "grid"], "needs the table grid"),
        (["RUN", "--preset", "acm"], "no preset is called 'acm'"),
        (["RUN", "--format", "gif"], "no format is called 'gif'"),
        (["RUN", "--format", ","], "--format is empty"),
        (["RUN", "--dpi", "5"], "5 dots an inch"),
        (["RUN", "--gallery"], "makes its own runs"),
        (["RUN", "--only", "fit", "--controls"], "figure fit has no option controls (its options: depth)"),
        (["RUN", "--only", "fit", "--top", "3"], "figure fit has no option top"),
        (["RUN", "--top", "0"], "--top 0"),
    ],
)
def test_what_can_be_mended_is_one_line_and_code_2(arguments, said, tmp_path, capsys):
    folder = write(tmp_path / "fitted", {"fit": made(6, 1)["fit"]})
    code, out, err = run(capsys, *(folder if word == "RUN" else word for word in arguments))
    assert code == 2 and said in err and err.count("\n") == 1 and out == ""
    assert not (tmp_path / "figures").exists()


def test_options_reach_their_kinds_and_stand_in_the_manifest(run_folder, tmp_path, capsys):
    options = ["--format", "svg", "--controls", "--depth", "--titled", "--measures", "retrieval,cka"]
    assert run(capsys, run_folder, *options)[0] == 0
    plain = run(capsys, run_folder, "--format", "svg", "--out", "plain")
    assert plain[0] == 0
    shown, bare = files_in(tmp_path / "figures" / "study"), files_in(tmp_path / "plain")
    assert b"shuffled pairs" in shown["layers.md"] and b"shuffled pairs" not in bare["layers.md"]
    assert b"relative depth" in shown["fit.md"] and b"CKA" in shown["alignment.md"]
    assert b"procrustes" in bare["alignment.md"] and b"procrustes" not in shown["alignment.md"]
    assert len(shown["gap.svg"]) > len(bare["gap.svg"])  # its title is drawn
    command = json.loads(shown["gap.json"])["command"]
    assert command.endswith("--titled --controls --depth --measures retrieval,cka")


def test_a_figure_of_somebody_else_is_named_and_left_as_it_is(run_folder, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["figures", str(run_folder), "--only", "layers", "--format", "png", "--out", str(out)]
    out.mkdir()
    (out / "layers.png").write_bytes(b"mine")
    assert main(command) == 2
    assert "layers.png already exists" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["layers.png"]
    assert (out / "layers.png").read_bytes() == b"mine"
    assert main([*command, "--overwrite"]) == 0 and main(command) == 0, "ours are drawn again"
    (out / "layers.tex").write_text("edited by hand")
    assert main(command) == 2 and (out / "layers.tex").read_text() == "edited by hand"


def test_pages_that_are_no_more_are_removed(run_folder, tmp_path, capsys):
    place = tmp_path / "figures"
    draw = ["figures", str(run_folder), "--only", "layers", "--out", str(place), "--format", "png"]
    assert main(draw) == 0
    about = json.loads((place / "layers.json").read_text())
    for name in ("layers-2.png", "layers-3.png"):
        (place / name).write_bytes(b"an earlier page")
    about["files"]["layers-2.png"] = digest_bytes([b"an earlier page"])
    (place / "layers-1.pdf").write_bytes(b"another format")
    about["files"]["layers-1.pdf"] = digest_bytes([b"another format"])
    (place / "layers.json").write_text(json.dumps({k: v for k, v in about.items() if k != "digest"}))
    assert main(draw) == 0
    left = {path.name for path in place.iterdir()}
    assert "layers-2.png" not in left and {"layers.png", "layers-3.png", "layers-1.pdf"} <= left
