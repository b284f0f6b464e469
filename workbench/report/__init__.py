"""The report on a study: one HTML page made from its folder, offline, with the verdict first."""

from pathlib import Path

from workbench.report.page import to_html
from workbench.report.run import Part, Run, read_run
from workbench.report.sure import how_sure
from workbench.store import write_bytes

__all__ = ["Part", "Run", "how_sure", "read_run", "to_html", "write_report"]


def write_report(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write the report on a study's folder, into it as `report.html` unless told; returns where it lies."""
    run = read_run(folder)
    path = Path(out) if out is not None else run.folder / "report.html"
    write_bytes(path, to_html(run).encode())
    return path
