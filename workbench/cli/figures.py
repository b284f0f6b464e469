"""Draw publication figures from the tables of a run; needs no model, torch or browser.

Each kind becomes PDF, SVG and PNG, a LaTeX and a Markdown table of the same numbers, and a manifest with
the digests of the tables. Built again from the same tables, they are the same bytes.
"""

import argparse
from pathlib import Path

from workbench.cli.runs import add_overwrite

HELP = "draw publication figures of a run: PDF, SVG, PNG, LaTeX and Markdown tables"
EXAMPLE = """workbench figures runs/demo --preset acl
  workbench figures runs/bloomz runs/measured --only alignment --format pdf"""

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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "runs", metavar="RUN", nargs="*", type=Path, help="folders of diagnose, demo, measure or fit, joined"
    )
    parser.add_argument("--preset", default="acl", help="acl (default), acl-wide, neurips, slide or notebook")
    parser.add_argument(
        "--format", help="formats, separated by commas (default: pdf,svg,png; of the gallery: png)"
    )
    parser.add_argument("--dpi", type=int, help="of PNG files (default: the preset's; of the gallery: 130)")
    parser.add_argument("--only", metavar="KIND", help="one kind (default: all kinds the tables allow)")
    parser.add_argument("--out", type=Path, help="folder (default: figures/NAME_OF_RUN)")
    add_overwrite(parser)
    parser.add_argument(
        "--gallery",
        action="store_true",
        help="run the organism into runs/gallery, then draw it into figures/gallery (minutes)",
    )


def run(options: argparse.Namespace) -> int:
    """Read, draw, write, say where."""
    from workbench.cli.show import console, progress_bar
    from workbench.core.errors import InputError
    from workbench.figures.frames import join_runs
    from workbench.figures.kinds import find_kind
    from workbench.figures.look import preset
    from workbench.figures.paper import FORMATS
    from workbench.figures.writing import write_figures
    from workbench.results import open_run

    if options.gallery and options.runs:
        raise InputError("--gallery makes its own runs: do not give RUN")
    preset(options.preset)  # refused before minutes of work
    if options.only:
        find_kind(options.only)
    runs = _gallery() if options.gallery else options.runs
    asked = options.format or ("png" if options.gallery else ",".join(FORMATS))
    formats = [name.strip() for name in asked.split(",") if name.strip()]
    if not formats:
        raise InputError(f"--format is empty: choose from {', '.join(FORMATS)}")
    tables = join_runs(*map(open_run, runs))
    folder = options.out or Path("figures") / ("gallery" if options.gallery else tables.name)
    named = ["--gallery"] if options.gallery else tables.name.split("+")
    command = ["workbench figures", *named, f"--preset {options.preset}"]
    command += [f"--format {','.join(formats)}", *([f"--only {options.only}"] if options.only else [])]
    command += [f"--dpi {options.dpi}"] if options.dpi else []
    dpi = 130 if options.gallery and options.dpi is None else options.dpi
    with progress_bar() as progress:
        written = write_figures(
            tables,
            folder,
            options.preset,
            formats,
            options.only,
            " ".join(command),
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
    return 0


def _gallery() -> list[Path]:
    """The folders of the runs that the gallery shows, made where they are not there."""
    from workbench.cli import main
    from workbench.core.errors import WorkbenchError

    folders = []
    for command, arguments in GALLERY.items():
        folder = Path("runs/gallery") / command
        if main([command, "organism", *arguments, "--out", str(folder)]):
            raise WorkbenchError(f"the gallery's `workbench {command}` did not end well")
        folders.append(folder)
    return [*folders, COMPARED] if (COMPARED / "comparison.parquet").is_file() else folders
