"""`workbench merge` and `workbench diff`: runs made one, and two runs compared."""

import argparse
import shlex
from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.text import Text

from workbench.cli.diagnose import print_report
from workbench.cli.options import Outcome
from workbench.cli.terminal import console, table
from workbench.core.numbers import NONE, interval_of, probability, with_cost
from workbench.core.store import write_bytes
from workbench.figures.markup import count
from workbench.results import StudyDifference, differences, open_run
from workbench.study import merge_runs


def run_merge(options: argparse.Namespace) -> Outcome:
    """Run `workbench merge`."""
    merged = merge_runs(options.runs, options.out, options.overwrite)
    words = ["workbench", "merge", *map(str, options.runs), "--out", str(options.out)]
    write_bytes(options.out / "command.txt", f"{shlex.join(words)}\n".encode())
    verdicts = open_run(options.out).verdicts if merged.origins else pd.DataFrame()
    rows = [
        (
            f"{row['pair']} · {row['task']}",
            with_cost(row["holm_verdict"], row["retention"], row["noninferior"]),
            *(interval_of(row, "gain", 2), probability(row["holm_p"])),
        )
        for row in verdicts.to_dict("records")
    ]
    if rows:
        console.print(table(("pair and task", "verdict", "gain [95 %]", "p (Holm)"), rows, 2))
    for title, runs in merged.origins.items():
        console.print(f"{title}: {' = '.join(map(str, runs))}", style="dim", soft_wrap=True, markup=False)
    for line in (
        *(f"{title} has no verdict in any of the runs" for title in merged.unfinished),
        *merged.cautions,
        *(f"{path} is not merged: give its command the merged run" for path in merged.left_behind),
    ):
        console.print(f"Note: {line}.", style="yellow", markup=False)
    report = print_report(options.out)
    return Outcome({**vars(merged), "report": report, "verdicts": verdicts})


_KEY = (
    "largest: largest difference of a number, and its column; other rows: the rows do not match one by one. "
    "changed: rows in which anything else differs."
)


def run_diff(options: argparse.Namespace) -> Outcome:
    """Run `workbench diff`."""
    found = differences(open_run(options.run_folder), open_run(options.other))
    for name, folder in (("first", options.run_folder), ("second", options.other)):
        console.print(f"{name:<7} {folder}", soft_wrap=True, markup=False)
    _print_facts("Inputs that differ", found.inputs)
    _print_facts("Circumstances that differ", found.circumstances)
    if sum(_print_study(study) for study in found.studies):
        console.print(_KEY, style="dim")
    apart = sum(not study.same for study in found.studies)
    said = "The same: inputs and results."
    if not found.same:
        changed = count(len(found.inputs), "input")
        said = (
            f"Not the same: {changed} and {apart} of {count(len(found.studies), 'study', 'studies')} differ."
        )
    console.print(f"\n{said}", style="bold")
    folders = {"first": options.run_folder, "second": options.other}
    return Outcome(folders | found.to_json(), 0 if found.same else 1)


def _print_facts(title: str, facts: pd.DataFrame) -> None:
    if len(facts):
        named = facts["part"] + ": " + facts["name"]
        console.print(f"\n{title}", style="bold")
        rows = zip(named, map(_short, facts["first"]), map(_short, facts["second"]), strict=True)
        console.print(table(("", "first", "second"), rows, words=3))


def _print_study(study: StudyDifference) -> bool:
    """Print a study; returns whether its tables could be compared and differ."""
    sides = [_words(side) for side in (study.first, study.second)]
    if study.same:
        found = ", ".join(filter(None, (sides[0]["verdict"], sides[0]["gain on test"])))
        console.print(f"\n{study.title}: the same", markup=False)
        console.print(found, style="dim")
        return False
    console.print(Text(f"\n{study.title}", style="bold"))
    if study.first or study.second:
        rows = [(name, *(side[name] for side in sides)) for name in sides[0]]
        console.print(table(("", "first", "second"), rows, words=3))
    if study.only is not None:
        console.print(f"In the {study.only} run alone.")
        return False
    others = study.tables[~study.tables.same].to_dict("records")
    console.print(f"{len(study.tables) - len(others)} of {len(study.tables)} tables are the same.")
    heads = ("differs", "rows", "in second", "largest", "in column", "changed")
    console.print(table(heads, map(_table_row, others)))
    return True


def _words(side: Mapping[str, Any] | None) -> dict[str, str]:
    """Choice, gain and verdict of one run."""
    if side is None:
        return {"choice": "no verdict", "gain on test": "", "verdict": ""}
    choice = f"{side['aligner']}, no patch chosen"
    if side["layer"] is not None:
        where = f"layer {side['layer']}" if side["joint"] == "one" else f"layers {side['joint']}"
        choice = f"{side['aligner']} {side['intervention']}, {where}, α = {side['strength']:g}"
    return {
        "choice": choice.replace("_", " "),
        "gain on test": interval_of(side, "gain"),
        "verdict": str(side["verdict"]),
    }


def _table_row(row: Mapping[Any, Any]) -> tuple[str, ...]:
    counts = (NONE if pd.isna(row[name]) else f"{row[name]:,.0f}" for name in ("rows", "other_rows"))
    if pd.isna(row["largest"]):
        return (row["table"], *counts, "other rows", "", "")
    return (row["table"], *counts, f"{row['largest']:.1e}", row["column"] or "", f"{row['changed']}")


def _short(value: Any) -> str:
    """A value in a few letters: of a digest the beginning."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else NONE if value is None else str(value)
    return f"{text[:12]}…" if len(text) == 64 and text.isalnum() else text
