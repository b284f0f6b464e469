"""`workbench lab`: the notebooks, put in place and opened in JupyterLab."""

import argparse
from importlib.util import find_spec
from pathlib import Path

from workbench.cli.options import Command
from workbench.cli.terminal import console
from workbench.core.errors import InputError

_PACKAGE = Path(__file__).parents[1]
_CLONE = _PACKAGE.parent / "notebooks"
_WHEEL = _PACKAGE / "_data" / "notebooks"


def run(options: argparse.Namespace) -> None:
    """Open JupyterLab on the notebooks: introduction, own models, controls, figures, own components, claims.

    In a clone, the notebooks of the clone are opened. From an installed wheel they are first copied to
    a folder; existing files are never overwritten.
    """
    if find_spec("jupyterlab") is None:
        raise InputError("JupyterLab is not installed: pip install 'alignment-workbench[lab]'")
    source = notebooks_source()
    folder = options.notebooks or (source if source == _CLONE else Path("notebooks"))
    written, kept = put_notebooks(source, folder)
    line = f"notebooks  {folder}: {written} written, {kept} there already"
    console.print(line, soft_wrap=True, markup=False)
    _open(folder, options.port, options.no_browser)


def notebooks_source() -> Path:
    """Where the project's notebooks lie: in the clone, or in the installed wheel."""
    for place in (_CLONE, _WHEEL):
        if any(place.glob("*.ipynb")):
            return place
    raise InputError(
        "the notebooks are neither beside the package nor in it: name a folder of your own with "
        "--notebooks, or clone the project"
    )


def put_notebooks(source: Path, folder: Path) -> tuple[int, int]:
    """Copy what is not there, and touch nothing that is; how many were written, and how many were there."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--notebooks {folder} is a file: name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    written = kept = 0
    for path in sorted(file for file in source.iterdir() if file.suffix in (".ipynb", ".png")):
        try:
            with open(folder / path.name, "xb") as file:
                file.write(path.read_bytes())
            written += path.suffix == ".ipynb"
        except FileExistsError:
            kept += path.suffix == ".ipynb"
    return written, kept


def _open(folder: Path, port: int | None, no_browser: bool) -> None:
    from jupyterlab.labapp import main

    arguments = [f"--ServerApp.root_dir={folder.resolve()}"]
    arguments += [] if port is None else [f"--ServerApp.port={port}"]
    main([*arguments, *(["--no-browser"] if no_browser else [])])


COMMAND = Command(
    run,
    help="open JupyterLab on the notebooks",
    example="workbench lab --notebooks notebooks",
    options={
        "--notebooks FOLDER": "folder to open; missing notebooks are copied into it "
        "(default: a clone's own, or else ./notebooks)",
        "--port N": "port (default: 8888, or the next free one)",
        "--no-browser": "print the address without opening a browser",
    },
)
