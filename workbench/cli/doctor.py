"""`workbench doctor`: errors in parallel data and benchmarks, with row numbers and repairs."""

import argparse
from pathlib import Path

from rich.text import Text

from workbench.checks import Report, check, check_fields, is_benchmark, overlap
from workbench.cli.inputs import several
from workbench.cli.options import Outcome, names
from workbench.cli.terminal import console, progress, progress_bar, table
from workbench.core.numbers import spelled
from workbench.core.reading import files_in, user_path
from workbench.text import read


def run(options: argparse.Namespace) -> Outcome:
    """Run `workbench doctor`."""
    texts, benchmarks = _sorted(options)
    reports = [check_fields(benchmarks)] if benchmarks else []
    with progress_bar():
        reports += [_checked(name, options) for name in texts]
    for report in reports:
        _print(report)
    facts = [report.to_json() for report in reports]
    return Outcome(facts, code=0 if all(report.clean for report in reports) else 1)


def _sorted(options: argparse.Namespace) -> tuple[list[str], list[Path]]:
    """Parallel texts and the files of a benchmark (also those of a folder)."""
    texts: dict[str, None] = {}
    benchmarks: list[Path] = []
    for name in options.files:
        path = user_path(name)
        inside = files_in(path) if path.is_dir() else [path]
        parts = [] if options.format else [file for file in inside if is_benchmark(file)]
        # A folder of parallel text may hold tables besides; a benchmark has a file for each language.
        if parts and (not path.is_dir() or len(parts) > 1):
            benchmarks += parts
        else:
            texts[name] = None
    return list(texts), benchmarks


def _checked(name: str, options: argparse.Namespace) -> Report:
    languages, split = names(options.languages), options.text_split
    text = read(several(name), languages=languages, format=options.format, split=split, drop_missing=True)
    evidence = None
    if options.model is not None:
        from workbench.models import load_model
        from workbench.study import model_evidence

        evidence = model_evidence(load_model(options.model), text, progress=progress)
    report = check(text, evidence, progress)
    for other in options.against:
        report = report.with_(overlap(text, read(several(other), drop_missing=True)).findings)
    return report


def _print(report: Report) -> None:
    console.print(Text(report.name, style="bold"))
    if not report.findings:
        console.print(f"{report.n_rows} rows: nothing found\n")
        return
    counts = {"alarm": len(report.alarms), "notice": len(report.notices)}
    numbers = (f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items())
    console.print(f"{report.n_rows} rows: {', '.join(numbers)}")
    rows = [
        (
            Text(finding.kind, style="bold red" if finding.severity == "alarm" else ""),
            finding.severity,
            " ".join(finding.languages),
            spelled(finding.spans, 3),
            Text("\n".join((finding.evidence, f"→ {finding.repair}", *finding.places[:2]))),
        )
        for finding in report.findings
    ]
    console.print(table(("found", "", "languages", "rows", "evidence → repair"), rows, words=5))
