"""Other tools: `workbench judge` and `workbench lm-eval`."""

import argparse
import json
import sys

from workbench.cli.options import Outcome
from workbench.cli.terminal import console
from workbench.cli.terminal import table as as_table
from workbench.core.errors import InputError
from workbench.core.numbers import interval_of, plain
from workbench.core.store import write_bytes
from workbench.interop import export_patch, judge, match_runs, read_samples
from workbench.study import load_patch

HEADS = ("task", "items", "before", "after", "gain [95 %]", "+", "−", "verdict", "p (Holm)")


def run_judge(options: argparse.Namespace) -> Outcome:
    """Run `workbench judge`."""
    if options.flips is not None and options.flips.exists() and not options.overwrite:
        raise InputError(f"{options.flips} already exists: name another file, or give --overwrite")
    pairs = [
        tuple(read_samples(path, options.metric, options.filter, options.group) for path in files)
        for files in match_runs(options.before, options.after)
    ]
    table, flips = judge(((first, second) for first, second in pairs), options.delta, options.common)
    rows = [
        (
            *(row["task"], row["items"], plain(row["before"], 2), plain(row["after"], 2)),
            interval_of(row, "gain", 2),
            *(row["gained"], row["lost"], row["holm_verdict"], f"{row['holm_p']:.3f}"),
        )
        for row in table.to_dict("records")
    ]
    metrics = ", ".join(dict.fromkeys(table.metric))
    console.print(f"{metrics}: second run minus first, paired by item", style="bold")
    console.print(as_table(HEADS, rows))
    console.print(
        f"+ and −: items that became better and worse. equivalent: within ±{options.delta:g}. Verdicts are "
        "Holm-corrected over the tasks.",
        style="dim",
    )
    for row in table.to_dict("records"):
        for count, what in (
            (row["prompts_differ"], "items had another prompt in the second run"),
            (row["left_out"], "items are in one run only, and left out"),
        ):
            if count:
                console.print(f"Note: {row['task']}: {count} {what}.", style="yellow")
    if options.flips is not None:
        lines = (json.dumps(row, ensure_ascii=False) for row in flips.to_dict("records"))
        write_bytes(options.flips, "".join(f"{line}\n" for line in lines).encode())
        console.print(f"changed items  {options.flips}", soft_wrap=True)
    return Outcome({"tasks": table, "changed": flips.drop(columns="doc")})


def run_lm_eval(options: argparse.Namespace) -> Outcome:
    """Run `workbench lm-eval`: the harness's own command line, which knows our model."""
    try:
        from lm_eval.__main__ import cli_evaluate
    except ImportError as error:
        raise InputError("lm-eval needs lm-evaluation-harness: pip install 'lm-eval[hf]'") from error
    from workbench.interop.harness import NAME, register

    register()
    words = list(options.rest)
    if not words or words[0].startswith("-"):
        words = ["run", *words]
    named = any(word.partition("=")[0] in ("--model", "-M", "--config", "-C") for word in words)
    if words[0] == "run" and not named:
        words += ["--model", NAME]
    before, sys.argv = sys.argv, ["lm_eval", *words]
    try:
        cli_evaluate()
    finally:
        sys.argv = before
    return Outcome()


def run_export(options: argparse.Namespace) -> Outcome:
    """Run `workbench export`."""
    path = options.patch / "patch.safetensors" if options.patch.is_dir() else options.patch
    files = export_patch(load_patch(path), options.to, options.out, options.overwrite)
    for file in files:
        console.print(str(file), soft_wrap=True)
    return Outcome({"format": options.to, "files": files})
