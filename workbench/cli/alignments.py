"""Shared by `fit` and `measure`: build alignments from model, text and pairs; write the tables."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.findings import print_report
from workbench.cli.options import (
    add_model_options,
    add_pair_options,
    add_text_options,
    load,
    read_pairs,
    read_text,
    with_room,
)
from workbench.cli.runs import add_overwrite, add_threads, threads_of, use_threads
from workbench.cli.show import console, progress_bar
from workbench.core.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from workbench.study import Alignment
    from workbench.tasks import AnswerTask, ChoiceTask


def add_alignment_options(parser: argparse.ArgumentParser, out: str) -> None:
    """Model, text, pairs and where the tables go."""
    add_model_options(parser)
    add_text_options(parser)
    add_pair_options(parser)
    parser.add_argument("--out", type=Path, default=Path(out), help=f"folder (default: {out})")
    add_threads(parser)
    add_overwrite(parser)


def alignments(
    options: argparse.Namespace,
    settings: Settings,
    task: "ChoiceTask | AnswerTask | None" = None,
    check: "Callable[[Alignment], None]" = lambda _: None,
) -> "Iterator[Alignment]":
    """One alignment per pair; the states of a language are captured once for all of them.

    What the run is made of is written before any work, and what `check` refuses is said before that. A task
    must have dev items in every source language.
    """
    from workbench.study import Alignment, Specification

    text = read_text(options)
    pairs = read_pairs(options, text.languages)
    if task is not None:
        task.only([source for source, _ in pairs], ["dev"])
    model = load(options)
    use_threads(threads_of(options, model))
    text = with_room(options, model, text)
    spoken = text.only(dict.fromkeys(code for pair in pairs for code in pair))
    made = [Alignment(model, text, *pair, options.out / "store", settings) for pair in pairs]
    for alignment in made:
        check(alignment)
    Specification.of(model, settings, pairs, text=spoken).begin(options.out, options.overwrite)
    for alignment in made:
        with progress_bar() as alignment.progress:
            yield alignment


def write_run(tables: "Mapping[str, Sequence[pd.DataFrame]]", folder: Path) -> None:
    """All pairs' rows in one Parquet file for each table, and the page of what was found."""
    import pandas as pd

    from workbench.results import write_tables

    write_tables({name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}, folder)
    for name in tables:
        console.print(f"{folder / name}.parquet", soft_wrap=True)
    print_report(folder)
