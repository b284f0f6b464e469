"""The report on a study: one HTML page made from its folder, offline, with the verdict first."""

from pathlib import Path

from workbench.core.store import write_bytes
from workbench.report.page import to_html
from workbench.report.verdict import evidence_sentences
from workbench.results import claim, open_run

__all__ = ["evidence_sentences", "to_html", "write_report"]


def write_report(folder: str | Path, out: str | Path | None = None, overwrite: bool = False) -> Path:
    """Write the report on a run's folder, into it as `report.html` unless told; returns where it lies.

    A file of that name that is no report of ours is refused, unless it is to be overwritten.
    """
    run = open_run(folder)
    path = Path(out) if out is not None else run.folder / "report.html"
    claim(path.parent, [path.name], overwrite)
    write_bytes(path, to_html(run).encode())
    return path
