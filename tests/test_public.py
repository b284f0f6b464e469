"""Public names are there, whatever was imported before them; pages and notebooks need no others."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import forked
import pytest
from architecture import ROOMS

REPO = Path(__file__).parent.parent


def call_after(before):
    assert "workbench" not in sys.modules
    exec(f"import workbench as wb; {before}; assert callable(wb.capture), wb.capture")


@pytest.mark.parametrize(
    "before",
    [
        "pass",
        "from workbench.states import Activations",
        "from workbench.study import Study",
        "wb.states, wb.align, wb.measures, wb.sweeps",
    ],
)
def test_capture_can_be_called_after_any_import(before):
    assert forked.run(call_after, before)[0]


@pytest.mark.parametrize(
    ("line", "heavy"),
    [
        ("dir(wb)", ("torch", "transformers", "transformer_lens", "numpy", "pandas", "plotly", "matplotlib")),
        ("wb.Settings, wb.Site, wb.WorkbenchError", ("torch", "transformers", "transformer_lens", "plotly")),
        ("wb.plot", ("torch", "transformers", "transformer_lens", "matplotlib")),
    ],
)
def test_a_name_loads_no_more_than_it_needs(line, heavy):
    code = f"import sys, workbench as wb; {line}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO)
    assert not set(done.stdout.split()) & set(heavy)


def test_every_public_name_is_found():
    import workbench as wb

    for name in wb.__all__:
        assert getattr(wb, name) is not None
        assert name in dir(wb)
    with pytest.raises(AttributeError, match="no attribute 'captured'"):
        wb.captured  # noqa: B018


def test_editors_are_told_what_is_found_at_run_time():
    import workbench as wb

    tree = ast.parse(Path(wb.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    told = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert told - {"workbench"} == set(wb._HOMES) == set(wb.__all__) - {"__version__"}


def test_no_room_is_called_like_a_public_name():
    import workbench as wb

    assert not set(ROOMS) & set(wb.__all__)
    assert set(wb._ROOMS) <= set(ROOMS)


CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
PAGES = [REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))]
NOTEBOOKS = sorted((REPO / "notebooks").glob("*.ipynb"))


def examples(path: Path) -> list[str]:
    """The Python code of a page or a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return CODE.findall(text)
    cells = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    return ["".join(line for line in cell if not line.startswith("%")) for cell in cells]


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=lambda path: path.name)
def test_examples_import_from_the_face_only(path):
    found = [
        line for code in examples(path) for line in re.findall(r".*\b(?:from|import) workbench\..*", code)
    ]
    assert not found, "write `import workbench as wb`, and wb.ROOM.NAME for what is in a room"


def attributes(code: str) -> set[str]:
    """`wb.a.b` as it is written, the longest of each chain."""
    chains = set()
    for node in ast.walk(ast.parse(code)):
        name = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if re.fullmatch(r"wb(\.\w+)+", name):
            chains.add(name)
    return chains


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=lambda path: path.name)
def test_examples_name_what_there_is(path):
    import workbench as wb

    for code in examples(path):
        for name in sorted(attributes(code)):
            found = wb
            for part in name.split(".")[1:]:
                found = getattr(found, part, None)
                assert found is not None, name
                if not isinstance(found, type(wb) | type):
                    break
