"""The files around the package agree with each other."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from counts import FULL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPO = Path(__file__).parent.parent
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = [f"requirements{name}.lock" for name in ("", "-tl4", "-docs", "-lm-eval")]


def pins(lock: str) -> dict[str, Version]:
    """The packages of a lock file and their versions."""
    lines = (REPO / lock).read_text(encoding="utf-8").splitlines()
    found = [line.partition("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, _, version in found}


def requirements() -> list[tuple[str, Requirement]]:
    """Every requirement with the lock that pins it."""
    parts = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    locks = {"docs": "requirements-docs.lock"}
    return [
        (locks.get(extra, "requirements.lock"), Requirement(line))
        for extra, lines in parts.items()
        for line in lines
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_exact_public_pins_and_nothing_else(lock: str) -> None:
    for number, line in enumerate((REPO / lock).read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("#"):
            assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.!]*", line), f"{lock}:{number}: {line}"


@pytest.mark.parametrize(("lock", "requirement"), requirements(), ids=str)
def test_a_lock_satisfies_every_requirement(lock: str, requirement: Requirement) -> None:
    locked = pins(lock)
    name = canonicalize_name(requirement.name)
    assert name in locked, f"{requirement.name} is not in {lock}: make lock"
    assert requirement.specifier.contains(locked[name], prereleases=True), f"{requirement}: {locked[name]}"


def test_the_locks_cover_both_major_versions_of_transformer_lens() -> None:
    assert pins("requirements.lock")["transformer-lens"].release[:2] == (3, 9)
    assert pins("requirements-tl4.lock")["transformer-lens"].major == 4
    allowed = next(one for _, one in requirements() if one.name == "transformer-lens").specifier
    assert all(allowed.contains(pins(lock)["transformer-lens"]) for lock in LOCKS[:2])


def test_the_changelog_tells_of_this_version() -> None:
    tree = ast.parse((REPO / "workbench" / "__init__.py").read_text(encoding="utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    version = next(ast.literal_eval(node.value) for node in assigned if "__version__" in ast.unparse(node))
    changelog = (REPO / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d[^\]]*)\]", changelog, flags=re.MULTILINE)
    assert newest, "CHANGELOG.md has no version"
    assert newest.group(1) == version


def test_make_lists_its_commands() -> None:
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    assert phony
    described = set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, flags=re.MULTILINE))
    assert described == set(phony.group(1).split())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, and an sdist."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=REPO, check=True, capture_output=True)
    return folder


def test_a_wheel_brings_what_commands_need_without_a_clone(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    needed = ["organism/model.safetensors", "organism/truth.json", "organism/tasks/exact.tsv.gz"]
    needed += ["organism/parallel.tsv.gz", "starter/sentences.tsv", "starter/choices.tsv"]
    needed += ["studies/smollm2-sib200/specification.json", "studies/smollm2-sib200/selection.parquet"]
    assert {f"workbench/_data/{name}" for name in needed} <= names
    assert {"workbench/cli/__init__.py", "workbench/core/languages.tsv", "workbench/py.typed"} <= names
    assert not any(name.startswith("tests/") for name in names)


def test_wheel_and_sdist_run_from_a_folder_of_their_own(built: Path, tmp_path: Path) -> None:
    """Installed without dependencies: these are the ones of this environment. Any connection is an error."""
    (sdist,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
    for source in (wheel, *([sdist] if FULL else [])):
        place, work = tmp_path / source.name, tmp_path / f"{source.name}.work"
        work.mkdir()
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*pip, "--target", str(place), str(source)], check=True)
        code = f"""
import socket, sys
sys.path.insert(0, {str(place)!r})
def refuse(*given, **more):
    raise AssertionError(f"a connection to {{given[-1]}}")
socket.socket.connect = socket.socket.connect_ex = socket.create_connection = refuse
import workbench
assert workbench.__file__.startswith({str(place)!r}), workbench.__file__
from workbench.cli import main
code = main(sys.argv[1:])
assert "wandb" not in sys.modules
sys.exit(code)
"""
        demo = ["demo", "--source", "x-poor-far", "--out", "demo", "--threads", "1"]
        for words in (
            ["data"],
            ["fit", "organism", "--pairs", "x-poor-far-x-main"],
            *([demo] if FULL else []),
        ):
            ran = subprocess.run(
                [sys.executable, "-c", code, *words], cwd=work, capture_output=True, text=True
            )
            assert ran.returncode == 0, ran.stderr


def test_the_citation_names_this_version() -> None:
    import workbench

    citation = (REPO / "CITATION.cff").read_text(encoding="utf-8")
    readme = (REPO / "README.md").read_text(encoding="utf-8")
    assert f"\nversion: {workbench.__version__}\n" in citation
    assert f"version = {{{workbench.__version__}}}" in readme
