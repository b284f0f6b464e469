"""`workbench figures` and `workbench report`: a run's tables as figures of a paper, or as one HTML page."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from workbench.cli.options import OVERWRITE, Command, names
from workbench.cli.terminal import console, progress, progress_bar, size
from workbench.core.errors import InputError, WorkbenchError
from workbench.results import open_run

GALLERY = {
    "diagnose": [
        *("--pairs", "x-poor-far-x-main,x-poor-near-x-main,x-poor-fused-x-main", "--quick"),
        *("--threads", "1", "--dev", "200", "--test", "500"),
    ],
    "measure": ["--pairs", "x-poor-far-x-main,x-poor-near-x-main,x-rich-near-x-main", "--grid"],
    "fit": ["--pairs", "x-poor-far-x-main", "--curve"],
}
"""What the gallery is made from: three runs on the organism."""
COMPARED = Path("runs/compare")
"""Where `workbench compare organism` leaves its table, which the gallery draws too if it is there: comparing
all methods takes a quarter of an hour or more, which is too long to be a part of it."""


def figures(options: argparse.Namespace) -> None:
    """Draw publication figures from the tables of a run; needs no model, torch or browser.

    Each kind becomes PDF, SVG and PNG, a LaTeX and a Markdown table of the same numbers, and a manifest
    with the digests of the tables. Built again from the same tables, they are the same bytes.
    """
    from workbench.figures import find_kind, join_runs, preset, write_figures
    from workbench.figures.paper import FORMATS

    if options.gallery and options.runs:
        raise InputError("--gallery makes its own runs: do not give RUN")
    preset(options.preset)  # refused before minutes of work
    if options.only:
        find_kind(options.only)
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
    dpi = 130 if options.gallery and options.dpi is None else options.dpi
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
            options.overwrite or options.gallery,
        )
    for kind, reason in written.left_out.items():
        console.print(f"left out  {kind}: {reason}", style="dim", soft_wrap=True)
    for line in written.missing_fonts:
        console.print(f"Note: {line}.", style="yellow", soft_wrap=True)
    kinds = sum(file.suffix == ".json" for file in written.files)
    console.print(
        f"{kinds} figure{'' if kinds == 1 else 's'}, {len(written.files)} files  {folder}", soft_wrap=True
    )


def draw_figures(folder: Path, formats: Sequence[str], only: Sequence[str], command: str) -> Sequence[Path]:
    """Draw figures of a run beside its tables; returns their files."""
    from workbench.figures import join_runs, write_figures

    tables = join_runs(open_run(folder))
    with progress_bar():
        written = write_figures(
            tables, folder / "figures", formats=formats, only=only, command=command, progress=progress
        )
    return written.files


def _gallery() -> list[Path]:
    """The folders of the runs that the gallery shows, made where they are not there."""
    from workbench.cli import main

    folders = []
    for command, arguments in GALLERY.items():
        folder = Path("runs/gallery") / command
        if main([command, "organism", *arguments, "--out", str(folder)]):
            raise WorkbenchError(f"the gallery's `workbench {command}` did not end well")
        folders.append(folder)
    return [*folders, COMPARED] if (COMPARED / "comparison.parquet").is_file() else folders


def report(options: argparse.Namespace) -> None:
    """Write the report of a run: one HTML file that works offline.

    RUN is the folder of a run, as written by diagnose, demo, fit or measure.
    """
    from workbench.report import write_report

    path = write_report(options.run_folder, options.out, options.overwrite)
    console.print(f"report  {path}  ({size(path.stat().st_size)})", soft_wrap=True, markup=False)


FIGURES = Command(
    figures,
    help="draw publication figures of a run: PDF, SVG, PNG, LaTeX and Markdown tables",
    example="""workbench figures runs/demo --preset acl
  workbench figures runs/bloomz runs/measured --only alignment --format pdf""",
    options={
        "runs RUN*": {"type": Path, "help": "folders of diagnose, demo, measure or fit, joined"},
        "--preset PRESET": ("acl (default), acl-wide, neurips, slide or notebook", "acl"),
        "--format FORMAT": "formats, separated by commas (default: pdf,svg,png; of the gallery: png)",
        "--dpi N": "of PNG files (default: the preset's; of the gallery: 130)",
        "--only KIND": "one kind (default: all kinds the tables allow)",
        "--out FOLDER": "folder (default: figures/NAME_OF_RUN)",
        **OVERWRITE,
        "--gallery": "run the organism into runs/gallery, then draw it into figures/gallery (minutes)",
    },
)
REPORT = Command(
    report,
    help="write an HTML report of a run: verdict, layers, evidence, items",
    example="workbench report runs/diagnose",
    options={
        "run_folder RUN": {"type": Path, "help": "folder of a run"},
        "--out FILE": "default: RUN/report.html",
        **OVERWRITE,
    },
)
