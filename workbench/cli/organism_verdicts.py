"""Studies of the organism: every pair and task, and INCLINE as in its paper and as in its released code."""

import argparse
from typing import TYPE_CHECKING

from workbench.cli.show import console, progress_bar, table
from workbench.core.numbers import estimated, interval, signed

if TYPE_CHECKING:
    from workbench.methods.compare.incline import InclineReport, Reading


def verdicts(options: argparse.Namespace) -> int:
    """A verdict for each language and task, beside what the world was made to be."""
    import pandas as pd
    import torch

    from workbench.analyses.organism.verdicts import verdicts as judged
    from workbench.models import load_model
    from workbench.organism import shipped
    from workbench.results import write_table

    torch.set_num_threads(options.threads)
    organism = shipped(options.folder)
    with progress_bar() as progress:
        found = judged(
            load_model(organism.folder),
            organism,
            options.out,
            dev=options.dev,
            test=options.items,
            prompts=options.prompts,
            progress=progress,
        )
    rows = []
    for row in found.table.to_dict("records"):
        patched = "none" if pd.isna(row["layer"]) else row["layer"]
        gain = interval(row["gain"], row["gain_low"], row["gain_high"], 2)
        gap = "" if pd.isna(row["gap"]) else signed(row["gap"], 2) + ("" if row["gap_low"] > 0 else " (none)")
        dials = f"{row['read']:g}", f"{row['taught']:g}"
        rows.append(
            (
                row["pair"],
                row["task"],
                *dials,
                gap,
                patched,
                gain,
                signed(row["best_control"], 2),
                row["verdict"],
            )
        )
    columns = ("pair", "task", "read", "taught", "gap", "layer", "gain", "control", "verdict")
    console.print(table(columns, rows, words=2))
    console.print(
        "read, taught: shares of the training text in the language, and of the task items in it. control: "
        "the largest gain of a control. Verdicts are Holm-corrected.",
        style="dim",
    )
    write_table(found.table, options.out / "verdicts.parquet")
    return 0


def incline(options: argparse.Namespace) -> int:
    """INCLINE as its paper defines it and as its released code behaves, on one language."""
    import pandas as pd
    import torch

    from workbench.methods.compare.incline import incline as compared
    from workbench.models import load_model
    from workbench.organism import shipped
    from workbench.results import write_table
    from workbench.study import Study

    torch.set_num_threads(options.threads)
    organism = shipped(options.folder)
    main, source = organism.config.main.code, organism.config.language(options.source).code
    task = organism.task("exact").first(dev=options.dev, test=options.items)
    text = organism.text().select(range(options.prompts)).only([source, main])
    with progress_bar() as progress:
        model = load_model(organism.folder)
        study = Study(model, text, task, source, main, options.out, progress=progress)
        found = compared(study)
    _print_incline(study.pair, found)
    dev = [reading.dev.assign(reading=name) for name, reading in found.readings.items()]
    write_table(pd.concat(dev, ignore_index=True), options.out / "incline.parquet")
    return 0


def _print_incline(pair: str, found: "InclineReport") -> None:
    console.print(f"{pair}: h + α W h at the last prompt token, at every layer's output\n")
    readings = found.readings.values()
    strengths = next(iter(readings)).dev.strength
    rows = [
        (
            reading.name,
            "cascade" if reading.way.cascade else "clean run",
            reading.way.fit_on,
            *(signed(gain, 2) for gain in reading.dev.gain),
        )
        for reading in readings
    ]
    columns = ("gain on dev by α", "patches", "fitted on", *(f"{alpha:g}" for alpha in strengths))
    console.print(table(columns, rows, words=3))
    console.print(table(("on test", "α", "gain", "on the target", "verdict"), map(_judged, readings)))
    console.print(f"paper − released, each at its best α of dev: {estimated(found.difference)} (95 %)")


def _judged(reading: "Reading") -> tuple[str, str, str, str, str]:
    choice = reading.choice
    if choice.layer is None:
        forced = f"(at the best α {estimated(reading.forced, 2)})"
        return (reading.name, "none", forced, "", reading.verdict.headline)
    kept = "" if reading.retention is None else estimated(reading.retention, 2)
    gain = estimated(reading.verdict.gain, 2)
    return (reading.name, f"{choice.strength:g}", gain, kept, reading.verdict.headline)
