"""Write the report of a run: one HTML file that works offline.

RUN is the folder of a run, as written by diagnose, demo, fit or measure.
"""

import argparse
from pathlib import Path

from workbench.cli.runs import add_overwrite
from workbench.cli.show import console, size

HELP = "write an HTML report of a run: verdict, layers, evidence, items"
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
