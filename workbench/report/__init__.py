"""The report on a run: one HTML page made from its folder, offline, with the map of layers first."""

from pathlib import Path

from workbench.core.store import write_bytes
from workbench.report.page import to_html
from workbench.report.two_runs import compare
from workbench.report.verdict import evidence_sentences
from workbench.results import claim, open_run

__all__ = ["evidence_sentences", "to_html", "write_report"]


def write_report(
    folder: str | Path,
    out: str | Path | None = None,
    overwrite: bool = False,
    other: str | Path | None = None,
) -> Path:
    """Write the report on a run's folder, into it as `report.html` unless told; returns where it lies.

    With the folder of an `other` run, both stand side by side, in `report-with-OTHER.html`. A file of that
    name that is no report of ours is refused, unless it is to be overwritten.
    """
    run = open_run(folder)
    second = None if other is None else open_run(other)
    name = "report.html" if second is None else f"report-with-{second.folder.resolve().name}.html"
    path = Path(out) if out is not None else run.folder / name
    page = to_html(run) if second is None else compare(run, second)
    claim(path.parent, [path.name], overwrite)
    write_bytes(path, page.encode())
    return path
