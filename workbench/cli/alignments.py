"""What `fit` and `measure` share: model, text and pairs become alignments, tables go to one folder."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.options import (
    add_model_options,
    add_pair_options,
    add_text_options,
    load,
    read_pairs,
    read_text,
    with_room,
)
from workbench.cli.show import console, progress_bar

if TYPE_CHECKING:
    import pandas as pd

    from workbench.study import Alignment, Settings
    from workbench.tasks import AnswerTask, ChoiceTask


def add_alignment_options(parser: argparse.ArgumentParser, out: str) -> None:
    """Model, text, pairs and where the tables go."""
    add_model_options(parser)
    add_text_options(parser)
    add_pair_options(parser)
    parser.add_argument("--out", type=Path, default=Path(out), help=f"folder (default: {out})")


def alignments(
    options: argparse.Namespace, settings: "Settings", task: "ChoiceTask | AnswerTask | None" = None
) -> "Iterator[Alignment]":
    """One alignment per pair; the states of a language are captured once for all of them.

    A task must have dev items in every source language: said before anything is run.
    """
    from workbench.study import Alignment

    text = read_text(options)
    pairs = read_pairs(options, text.languages)
    if task is not None:
        task.only([source for source, _ in pairs], ["dev"])
    model = load(options)
    text = with_room(options, model, text)
    for source, target in pairs:
        with progress_bar() as progress:
            yield Alignment(model, text, source, target, options.out / "store", settings, progress)


def write_table(tables: "Sequence[pd.DataFrame]", path: Path) -> None:
    """All pairs' rows in one Parquet file."""
    import pandas as pd

    from workbench.study.writing import write_table as write

    write(pd.concat(tables, ignore_index=True), path)
    console.print(f"{path}", soft_wrap=True)
