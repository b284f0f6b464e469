"""Write the report on a run: one HTML file with the verdict first, which works offline.

RUN is the folder of a run: of one study or several, or of `workbench fit` or `measure`.
"""

import argparse
from pathlib import Path

from workbench.cli.runs import add_overwrite
from workbench.cli.show import console, size

HELP = "one HTML page of a run: verdict, layers, evidence, items"
EXAMPLE = "workbench report runs/diagnose"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="folder of a run")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: RUN/report.html")
    add_overwrite(parser)


def run(options: argparse.Namespace) -> int:
    """Write it, say where it lies."""
    from workbench.report import write_report

    path = write_report(options.run_folder, options.out, options.overwrite)
    console.print(f"report  {path}  ({size(path.stat().st_size)})", soft_wrap=True, markup=False)
    return 0
