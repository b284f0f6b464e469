"""`workbench doctor`: errors in parallel data and benchmarks, with row numbers and repairs."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from workbench.cli.options import FORMAT, LANGUAGES, TEXT_SPLIT, Command, names
from workbench.cli.terminal import console, progress, progress_bar, table
from workbench.core.reading import files_in, user_path

if TYPE_CHECKING:
    from workbench.checks import Report


def run(options: argparse.Namespace) -> int:
    """Check parallel data for errors: shifted, scrambled, duplicated or copied rows, wrong scripts, overlap.

    FILES are parallel texts, each checked separately (give files of one text once, by their common
    prefix), or one-language files of a benchmark (val.sw.jsonl val.th.jsonl …), whose labels are
    compared. The exit code is 1 if there is an alarm, else 0.
    """
    from workbench.checks import check_fields

    texts, benchmarks = _sorted(options)
    reports = [check_fields(benchmarks)] if benchmarks else []
    with progress_bar():
        reports += [_checked(name, options) for name in texts]
    if options.json:
        print(json.dumps([report.to_json() for report in reports], ensure_ascii=False, indent=1))
    else:
        for report in reports:
            _print(report)
    return 0 if all(report.clean for report in reports) else 1


def _sorted(options: argparse.Namespace) -> tuple[list[str], list[Path]]:
    """Parallel texts, each once, and the files of a benchmark (also those of a folder)."""
    from workbench.checks import is_benchmark

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


def _checked(name: str, options: argparse.Namespace) -> "Report":
    from workbench.checks import check, overlap
    from workbench.text import read

    languages, split = names(options.languages), options.text_split
    text = read(name, languages=languages, format=options.format, split=split, drop_missing=True)
    evidence = None
    if options.model is not None:
        from workbench.models import load_model
        from workbench.study import model_evidence

        evidence = model_evidence(load_model(options.model), text, progress=progress)
    report = check(text, evidence, progress)
    for other in options.against:
        report = report.with_(overlap(text, read(other, drop_missing=True)).findings)
    return report


def _print(report: "Report") -> None:
    from workbench.checks.report import spelled

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


COMMAND = Command(
    run,
    help="check parallel data for errors, with row numbers and repairs",
    example="workbench doctor tatoeba.swh-eng --against benchmark.tsv",
    options={
        "files FILES+": "parallel text: file, folder, prefix or name",
        **LANGUAGES,
        **FORMAT,
        **TEXT_SPLIT,
        "--against PATH": {
            "action": "append",
            "default": [],
            "help": "data that must not contain any of these sentences",
        },
        "--model MODEL": "also use the states of this model as evidence (name or directory)",
        "--json": "print the report as JSON",
    },
)
