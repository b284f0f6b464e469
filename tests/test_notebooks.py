"""Each notebook runs top to bottom, and is committed with its results but not their weight."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_models import HAS_HOOKED

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.skipif(not HAS_HOOKED, reason="the notebooks show a HookedTransformer too")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_top_to_bottom(path, tmp_path):
    folder = tmp_path / "notebooks"  # paths in it are relative to its folder
    folder.mkdir()
    (folder / path.name).write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", path.name]
    done = subprocess.run(
        [*command, "--output", "executed.ipynb"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert all(cell["execution_count"] for cell in code_cells(folder / "executed.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_with_small_results(path):
    cells = code_cells(path)
    assert path.stat().st_size < 300_000
    assert any(cell["outputs"] for cell in cells)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output["output_type"] for cell in cells for output in cell["outputs"]]
    assert "error" not in outputs


def code_cells(path: Path) -> list[dict]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]
