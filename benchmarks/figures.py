"""The whole paper set of a large study, 32 layers × 8 pairs: every kind as PDF, SVG and PNG.

The tables come from a formula (tests/made_tables.py), so that no model is needed and drawing is all that
is timed.
"""

import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from made_tables import made, write

from workbench.figures import FIGURES, join_runs
from workbench.figures.writing import write_figures
from workbench.results import open_run

LAYERS, PAIRS = 32, 8
LIMIT = 30.0
"""Seconds for all of it."""


def main() -> int:
    """Time every kind by itself and all together."""
    console, table = Console(), Table("kind", "seconds", "CPU seconds", "files", title=f"{LAYERS} × {PAIRS}")
    with tempfile.TemporaryDirectory() as folder:
        run = join_runs(open_run(write(Path(folder) / "run", made(LAYERS, PAIRS))))
        write_figures(run, Path(folder) / "warm", formats=("png",), only="gap")  # fonts are looked up once
        seconds = processor = 0.0
        for kind in FIGURES:
            start, cpu = time.perf_counter(), time.process_time()
            written = write_figures(run, Path(folder) / "out", only=kind)
            took, used = time.perf_counter() - start, time.process_time() - cpu
            table.add_row(kind, f"{took:.1f}", f"{used:.1f}", str(len(written.files)))
            seconds, processor = seconds + took, processor + used
        table.add_row("all", f"{seconds:.1f}", f"{processor:.1f}", "")
    console.print(table)
    holds = seconds <= LIMIT
    console.print(f"{'holds' if holds else 'FAILS'}   all kinds, at most {LIMIT:.0f} s: {seconds:.1f}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
