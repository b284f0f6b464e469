"""Each notebook runs top to bottom, and is committed with its results but not their weight."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

import forked
import pytest
from counts import FULL
from tiny_models import HAS_HOOKED

REPO = Path(__file__).parent.parent
NOTEBOOKS = sorted((REPO / "notebooks").glob("*.ipynb"))
HEAVIEST = 400_000
IMAGES = {"image/png", "image/svg+xml"}
TEXTS = {"text/plain", "text/html", "text/markdown"}

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


FEWER = {
    "01-first-look": {
        "range(600)": "range(250)",
        "dev=300, test=1000": "dev=50, test=80",
        "dev=100, test=200": "dev=30, test=40",
    },
    "02-diagnose-your-own": {"dev=100, test=200": "dev=60, test=80"},
    "03-is-it-real": {"dev=100, test=200": "dev=60, test=80"},
    "04-paper-figures": {"dev=100, test=200": "dev=60, test=80"},
    "06-claims": {"dev=100, test=250": "dev=40, test=100, prompts=600"},
}
"""Of what a notebook works on, as much as shows that it runs."""


@each
def test_it_runs_top_to_bottom(path: Path, tmp_path: Path) -> None:
    if not HAS_HOOKED and any("hooked_transformer" in source(cell) for cell in code_cells(path)):
        pytest.skip("it shows a HookedTransformer too")
    folder = tmp_path / "notebooks"  # paths in it are relative to its folder
    folder.mkdir()
    if FULL:
        in_jupyter(path, folder)
    else:
        cells = "\0".join(map(python, code_cells(path)))
        for many, fewer in FEWER.get(path.stem, {}).items():
            assert many in cells
            cells = cells.replace(many, fewer)
        assert forked.run(run_cells, cells.split("\0"), folder)[0]
    left = {entry.name for entry in tmp_path.iterdir()}
    assert left <= {"notebooks", "runs"}, "it writes elsewhere than into runs/"


def in_jupyter(path: Path, folder: Path) -> None:
    """Run it as it stands, in a kernel of its own."""
    (folder / path.name).write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", path.name]
    done = subprocess.run(
        [*command, "--output", "executed.ipynb"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert all(cell["execution_count"] for cell in code_cells(folder / "executed.ipynb"))


def run_cells(cells: list[str], folder: Path) -> None:
    """Run them one after the other in the shell that a kernel has, in this process."""
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    os.environ["IPYTHONDIR"] = mkdtemp(prefix="workbench-ipython-")
    os.chdir(folder)
    from IPython.core.interactiveshell import InteractiveShell

    from workbench.analyses.claims import gains

    # A median of sixty runs is for a number that somebody reads.
    gains.in_turn = partial(gains.in_turn, repeats=gains.FEWEST)
    shell = InteractiveShell.instance()
    for cell in cells:
        shell.run_cell(cell, store_history=True).raise_error()


ALSO = {
    "03-is-it-real": {"numpy", "pandas"},  # noise, and tables of it
    "05-your-own-parts": {"pandas", "sklearn"},  # parts from elsewhere are what it is about
}
"""What a notebook imports beside the workbench."""


@each
def test_it_imports_the_workbench_alone(path: Path) -> None:
    imports = [node for node in nodes(path) if isinstance(node, ast.Import | ast.ImportFrom)]
    written = [ast.unparse(node) for node in imports]
    assert written.count("import workbench as wb") == 1
    others = {word.partition(".")[0] for line in written for word in [line.split()[1]]} - {"workbench"}
    assert others == ALSO.get(path.stem, set())
    assert sum("workbench" in line for line in written) == 1


def test_no_helper_is_defined_twice() -> None:
    names = [
        node.name
        for path in NOTEBOOKS
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef)
        if not node.name.startswith("__") and node.name not in ("fit", "transform")
    ]
    assert sorted(names) == sorted(set(names))


@each
def test_it_has_a_question_a_picture_and_an_answer(path: Path) -> None:
    texts = [source(cell) for cell in cells_of(path) if cell["cell_type"] == "markdown"]
    title, question = texts[0].split("\n\n")[:2]
    assert title.startswith("# ") and question.startswith("**") and question.endswith("?**")
    assert any(
        text.startswith("**") or "**The answer" in text or "## The answer" in text for text in texts[1:]
    )


@each
def test_it_is_committed_with_small_results(path: Path) -> None:
    cells = code_cells(path)
    assert path.stat().st_size < HEAVIEST
    assert any(cell["outputs"] for cell in cells)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert "error" not in {output["output_type"] for cell in cells for output in cell["outputs"]}
    # Complaints of libraries belong to the machine that they were made on.
    assert "stderr" not in {output.get("name") for cell in cells for output in cell["outputs"]}


@each
def test_its_pictures_are_images(path: Path) -> None:
    shown = {
        kind for cell in code_cells(path) for output in cell["outputs"] for kind in output.get("data", ())
    }
    assert shown & IMAGES
    assert shown <= IMAGES | TEXTS


@each
def test_it_tells_neither_time_nor_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for place in (str(REPO), str(Path.home()), sys.prefix):
        assert place not in text
    assert not any("execution" in cell["metadata"] for cell in code_cells(path))


@each
def test_what_it_points_to_is_there(path: Path) -> None:
    for cell in cells_of(path):
        for target in links(source(cell)) if cell["cell_type"] == "markdown" else ():
            assert (path.parent / target).is_file(), target


def links(text: str) -> Iterator[str]:
    """The targets of relative Markdown links."""
    for part in text.split("](")[1:]:
        target = part.partition(")")[0].partition("#")[0]
        if target and "://" not in target:
            yield target


def nodes(path: Path) -> Iterator[ast.AST]:
    """The syntax of its code."""
    for cell in code_cells(path):
        yield from ast.walk(ast.parse(python(cell)))


def source(cell: dict) -> str:
    return "".join(cell["source"])


def python(cell: dict) -> str:
    """The code without the lines for IPython, which only a kernel can follow."""
    return "\n".join(line for line in source(cell).splitlines() if not line.startswith("%"))


def code_cells(path: Path) -> list[dict]:
    return [cell for cell in cells_of(path) if cell["cell_type"] == "code"]


def cells_of(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]
