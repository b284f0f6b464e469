"""The laws of the house: the package keeps them, and each is caught when it is broken."""

import subprocess
import sys
from pathlib import Path

import pytest
from architecture import MAX_FILE_LINES, MAX_FUNCTION_LINES, SMALL_FILE_LINES, check, small_files

REPO = Path(__file__).parent.parent

# A small tree that keeps every law. `align` holds two aligners and a shared file.
LAWFUL = {
    "__init__.py": '_HOMES = {"fit": "workbench.align"}\n',
    "core/errors.py": "class WorkbenchError(Exception): ...\n",
    "core/types.py": "from workbench.core.errors import WorkbenchError\n",
    "stats.py": "import numpy\n",
    "core/store.py": "from pathlib import Path\n",
    "models/__init__.py": "import transformer_lens\n",
    "align/__init__.py": (
        "from workbench.align.ridge import Ridge\n"
        "from workbench.align.procrustes import Procrustes\n"
        "from workbench.align.solvers import solve\n"
        'ALIGNERS = {"ridge": Ridge, "procrustes": Procrustes}\n'
    ),
    "align/solvers.py": "import torch\nsolve = None\n",
    "align/ridge.py": "from workbench.align.solvers import solve\nclass Ridge: ...\n",
    "align/procrustes.py": "from workbench.align.solvers import solve\nclass Procrustes: ...\n",
    "measures/__init__.py": "import torch\n",
    "intervene/__init__.py": "from workbench.intervene.apply import place\n",
    "intervene/apply.py": "from workbench.models import transformer_lens\nplace = None\n",
    "figures/__init__.py": "import plotly\nfrom workbench.core.types import WorkbenchError\n",
    "cli/__init__.py": "import argparse\nimport sys\nprint(sys.argv)\nsys.exit(0)\n",
}

# (law, file, its content, what the message says); the violation is in that file.
PLANTED = [
    ("order", "core/types.py", "from workbench.models import transformer_lens\n", "a room below it"),
    ("order", "core/types.py", "def f():\n    import workbench.models\n", "a room below it"),
    (
        "order",
        "core/types.py",
        "from importlib import import_module\nimport_module('workbench.cli')\n",
        "below",
    ),
    ("order", "models/__init__.py", "from ..align import ALIGNERS\n", "a room below it"),
    ("order", "stats.py", "import workbench\n", "imports the root package"),
    ("order", "cli/__init__.py", "from workbench import core\n", "imports the root package"),
    ("order", "__init__.py", "from workbench.core.errors import WorkbenchError\n", "must load nothing"),
    ("order", "lounge/__init__.py", "\n", "add it to ROOMS"),
    ("pure", "stats.py", "import transformers\n", "sees tensors only"),
    ("pure", "align/solvers.py", "import torch\nfrom workbench.core.store import Path\n", "tensors only"),
    ("pure", "measures/geometry.py", "from workbench.models import load_model\n", "tensors only"),
    ("pure", "measures/geometry.py", "open('states')\n", "opens a file"),
    ("pure", "intervene/add.py", "import tokenizers\n", "tensors only"),
    ("pure", "intervene/add.py", "from workbench.intervene.apply import place\n", "tensors only"),
    ("heavy", "states/run.py", "import transformer_lens.hook_points\n", "only models may"),
    ("heavy", "cli/__init__.py", "def f():\n    import transformer_lens\n", "only models may"),
    ("heavy", "checks/__init__.py", "from matplotlib import pyplot\n", "only figures and report may"),
    ("heavy", "figures/heat.py", "def f():\n    import torch\n", "without torch"),
    ("heavy", "figures/heat.py", "from workbench.measures import cka\n", "importing it loads torch"),
    ("heavy", "figures/heat.py", "from workbench.align.ridge import Ridge\n", "importing it loads torch"),
    ("output", "states/run.py", "print('captured')\n", "prints"),
    ("output", "states/run.py", "def f(progress=print): ...\n", "prints"),
    ("output", "states/run.py", "import argparse\n", "imports argparse"),
    ("output", "states/run.py", "from rich.console import Console\n", "imports rich"),
    ("output", "states/run.py", "import sys\nsys.exit(2)\n", "uses sys.exit"),
    ("output", "states/run.py", "from sys import exit\n", "imports sys.exit"),
    ("output", "states/run.py", "raise SystemExit(2)\n", "raises SystemExit"),
    ("names", "stats.py", "LEAST = 20\nLEAST, FEWEST = 10, 6\n", "bound in line 1 too"),
    ("names", "stats.py", "from math import sqrt\ndef sqrt(x): ...\n", "bound in line 1 too"),
    ("size", "states/run.py", "pass\n" * (MAX_FILE_LINES + 1), "split it"),
    ("size", "states/run.py", "def f():\n" + "    pass\n" * MAX_FUNCTION_LINES, "name its steps"),
]


def plant(root: Path, files: dict[str, str]) -> Path:
    """Write a package under `root`."""
    for name, text in files.items():
        path = root / "workbench" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_the_package_keeps_every_law() -> None:
    broken = check(REPO)
    assert not broken, "laws broken:\n" + "\n".join(map(str, broken))


def test_a_lawful_tree_passes(tmp_path: Path) -> None:
    assert check(plant(tmp_path, LAWFUL)) == []


@pytest.mark.parametrize(("law", "file", "text", "says"), PLANTED)
def test_a_broken_law_is_caught(tmp_path: Path, law: str, file: str, text: str, says: str) -> None:
    caught = [
        violation
        for violation in check(plant(tmp_path, LAWFUL | {file: text}))
        if violation.law == law and violation.path == f"workbench/{file}" and says in violation.message
    ]
    assert caught, f"not caught: {law} in {file}"
    assert all(str(violation).startswith(f"workbench/{file}:{violation.line}: ") for violation in caught)


def test_an_import_cycle_is_caught_once(tmp_path: Path) -> None:
    text = "from workbench.align import ridge\nsolve = None\n"
    caught = check(plant(tmp_path, LAWFUL | {"align/solvers.py": text}))
    assert len(cycles := [violation for violation in caught if "import cycle" in violation.message]) == 1
    assert "workbench.align.ridge → workbench.align.solvers → workbench.align.ridge" in cycles[0].message


def test_small_files_that_hold_code_are_listed(tmp_path: Path) -> None:
    files = {"states/run.py": "pass\n" * SMALL_FILE_LINES, "core/types.py": "pass\n" * (SMALL_FILE_LINES - 1)}
    listed = dict(small_files(plant(tmp_path, LAWFUL | files)))
    assert listed["workbench/core/types.py"] == SMALL_FILE_LINES - 1
    assert "workbench/states/run.py" not in listed and "workbench/align/__init__.py" not in listed


def test_imports_for_type_checking_still_point_up(tmp_path: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from workbench.models import Model\n"
    caught = check(plant(tmp_path, LAWFUL | {"core/types.py": text}))
    assert [(violation.law, violation.line) for violation in caught] == [("order", 3)]


@pytest.mark.parametrize("module", ["workbench", "workbench.figures"])
def test_torch_stays_unloaded(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, check=False)
    assert done.returncode == 0, f"importing {module} loads torch"
