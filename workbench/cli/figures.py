"""`workbench figures`, `report` and `lab`: figures of a run, one HTML page of it, and notebooks."""

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from workbench.cli import main
from workbench.cli.options import Outcome, names
from workbench.cli.terminal import console, progress, progress_bar
from workbench.core.cards import size
from workbench.core.errors import InputError, WorkbenchError
from workbench.figures import find_kind, join_runs, preset, write_figures
from workbench.figures.paper import FORMATS
from workbench.report import write_report
from workbench.results import open_run

# Runs on the organism that the gallery shows.
GALLERY = {
    "diagnose": [
        *("--pairs", "x-poor-far-x-main,x-poor-near-x-main,x-poor-fused-x-main", "--quick"),
        *("--threads", "1", "--dev", "200", "--test", "500"),
    ],
    "measure": ["--pairs", "x-poor-far-x-main,x-poor-near-x-main,x-rich-near-x-main", "--grid"],
    "fit": ["--pairs", "x-poor-far-x-main", "--curve"],
}
COMPARED = Path("runs/compare")
"""Where `workbench compare organism` leaves its table: drawn if it is there, as comparing takes too long."""


def figures(options: argparse.Namespace) -> Outcome:
    """Run `workbench figures`."""
    if options.gallery and options.runs:
        raise InputError("--gallery makes its own runs: do not give RUN")
    preset(options.preset)  # refused before minutes of work
    if options.only:
        find_kind(options.only)
    if options.top is not None and options.top < 1:
        raise InputError(f"--top {options.top}: show at least one method")
    runs = _gallery() if options.gallery else options.runs
    formats = names(options.format or ("png" if options.gallery else ",".join(FORMATS)))
    if not formats:
        raise InputError(f"--format is empty: choose from {', '.join(FORMATS)}")
    tables = join_runs(*map(open_run, runs))
    folder = options.out or Path("figures") / ("gallery" if options.gallery else tables.name)
    runs_named = "--gallery" if options.gallery else tables.name.replace("+", " ")
    command = f"workbench figures {runs_named} --preset {options.preset} --format {','.join(formats)}"
    command += f" --only {options.only}" if options.only else ""
    command += f" --dpi {options.dpi}" if options.dpi else ""
    chosen: dict[str, object] = {
        "controls": options.controls,
        "depth": options.depth,
        "measures": names(options.measures or ""),
        "top": options.top,
    }
    chosen = {name: value for name, value in chosen.items() if value}
    command += " --titled" if options.titled else ""
    command += "".join(_written(name, value) for name, value in chosen.items())
    dpi = 130 if options.gallery and options.dpi is None else options.dpi
    overwrite = options.overwrite or options.gallery
    with progress_bar():
        written = write_figures(
            tables,
            folder,
            options.preset,
            formats,
            options.only,
            command,
            progress,
            dpi,
            overwrite,
            options.titled,
            chosen,
        )
    for kind, reason in written.left_out.items():
        console.print(f"left out  {kind}: {reason}", style="dim", soft_wrap=True)
    for line in written.missing_fonts:
        console.print(f"Note: {line}.", style="yellow", soft_wrap=True)
    kinds = sum(file.suffix == ".json" for file in written.files)
    console.print(
        f"{kinds} figure{'' if kinds == 1 else 's'}, {len(written.files)} files  {folder}", soft_wrap=True
    )
    return Outcome({"folder": folder, "files": written.files, "left_out": written.left_out})


def _written(name: str, value: object) -> str:
    """An option as it is given on the command line."""
    if value is True:
        return f" --{name}"
    return f" --{name} {','.join(value) if isinstance(value, list) else value}"


def draw_figures(folder: Path, formats: Sequence[str], only: Sequence[str], command: str) -> Sequence[Path]:
    """Draw figures of a run beside its tables, and return their files."""
    tables = join_runs(open_run(folder))
    with progress_bar():
        written = write_figures(
            tables, folder / "figures", formats=formats, only=only, command=command, progress=progress
        )
    return written.files


def _gallery() -> list[Path]:
    """The folders of the runs that the gallery shows; missing runs are made."""
    folders = []
    for command, arguments in GALLERY.items():
        folder = Path("runs/gallery") / command
        if main([command, "organism", *arguments, "--out", str(folder)]):
            raise WorkbenchError(f"the gallery's `workbench {command}` did not end well")
        folders.append(folder)
    return [*folders, COMPARED] if (COMPARED / "comparison.parquet").is_file() else folders


def report(options: argparse.Namespace) -> Outcome:
    """Run `workbench report`."""
    path = write_report(options.run_folder, options.out, options.overwrite, options.other)
    console.print(f"report  {path}  ({size(path.stat().st_size)})", soft_wrap=True)
    return Outcome({"report": path, "bytes": path.stat().st_size})


# Notebooks.

_PACKAGE = Path(__file__).parents[1]
_CLONE = _PACKAGE.parent / "notebooks"
_WHEEL = _PACKAGE / "_data" / "notebooks"


def lab(options: argparse.Namespace) -> None:
    """Run `workbench lab`."""
    if find_spec("jupyterlab") is None:
        raise InputError("JupyterLab is not installed: pip install 'alignment-workbench[lab]'")
    source = notebooks_source()
    folder = options.notebooks or (source if source == _CLONE else Path("notebooks"))
    written, kept = put_notebooks(source, folder)
    counts = f"{written} written, {kept} there already"
    console.print(f"notebooks  {folder}: {counts}", soft_wrap=True)
    _open_lab(folder, options.port, options.no_browser)


def notebooks_source() -> Path:
    """The folder of the notebooks: in the clone, or in the installed wheel."""
    for place in (_CLONE, _WHEEL):
        if any(place.glob("*.ipynb")):
            return place
    raise InputError(
        "the notebooks are neither beside the package nor in it: name a folder of your own with "
        "--notebooks, or clone the project"
    )


def put_notebooks(source: Path, folder: Path) -> tuple[int, int]:
    """Copy missing files only; returns the numbers of notebooks written and already there."""
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


def _open_lab(folder: Path, port: int | None, no_browser: bool) -> None:
    from jupyterlab.labapp import main as open_lab  # an optional dependency

    arguments = [f"--ServerApp.root_dir={folder.resolve()}"]
    arguments += [] if port is None else [f"--ServerApp.port={port}"]
    open_lab([*arguments, *(["--no-browser"] if no_browser else [])])
