"""Measure the similarity of two languages' states at every layer, with intervals.

Also reports confounds: correlations of each measure with length, fertility, shared tokens and script.
"""

import argparse
from typing import TYPE_CHECKING

from workbench.cli.alignments import add_alignment_options, alignments, write_run
from workbench.cli.measured import (
    print_confounds,
    print_curves,
    print_feed_forward,
    print_geometry,
    print_grid,
    print_mismatch,
    print_null,
)
from workbench.cli.settings import settings_of
from workbench.cli.show import caution, console, table

if TYPE_CHECKING:
    import pandas as pd

    from workbench.study import Alignment
    from workbench.tasks import AnswerTask, ChoiceTask

HELP = "similarity per layer, with intervals and confounds"
EXAMPLE = "workbench measure bigscience/bloomz-560m --text ntrex128 --pairs sw-en --out runs/measure"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_alignment_options(parser, out="runs/measure")
    parser.add_argument(
        "--blocks",
        type=int,
        default=20,
        help="blocks of the jackknife intervals of set-based measures; 0: none (default: 20)",
    )
    parser.add_argument("--readings", action="store_true", help="print how to interpret each measure")
    more = parser.add_argument_group("more tables")
    more.add_argument(
        "--null",
        metavar="N",
        type=int,
        default=0,
        help="null distribution from N random pairings (null.parquet)",
    )
    more.add_argument(
        "--grid",
        metavar="MEASURE",
        nargs="?",
        const="cka_debiased",
        help="compare all pairs of layers by this measure (default: cka_debiased) (grid.parquet)",
    )
    more.add_argument(
        "--feed-forward",
        action="store_true",
        help="flatness, sparsity and rank correlation of feed-forward neurons (feed_forward.parquet)",
    )
    more.add_argument(
        "--task",
        metavar="NAME[:PATH]",
        help="distance of its dev prompts from the sentences used for fitting (mismatch.parquet)",
    )


def run(options: argparse.Namespace) -> int:
    """Measure and print the curves."""
    from workbench.measures import METRICS
    from workbench.states import named_metric
    from workbench.tasks import read_task

    if options.grid is not None:
        named_metric(options.grid)
    task = None if options.task is None else read_task(options.task, splits=["dev"])
    settings = settings_of(options)
    tables: dict[str, list[pd.DataFrame]] = {}
    for alignment in alignments(options, settings, task):
        for name, made in _tables(alignment, options, task).items():
            tables.setdefault(name, []).append(made)
        caution(alignment.text)
    if options.readings:
        console.print(
            table(("measure", "how to read it"), [(m.name, m.reading) for m in METRICS.values()], 2)
        )
    write_run(tables, options.out)
    return 0


def _tables(
    alignment: "Alignment", options: argparse.Namespace, task: "ChoiceTask | AnswerTask | None"
) -> "dict[str, pd.DataFrame]":
    """Every table that was asked for of one pair, printed as soon as it is there."""
    states, pair = alignment.capture(), alignment.pair
    tables = {"similarity": alignment.similarity_table(states, options.blocks or None)}
    print_curves(pair, tables["similarity"])
    if options.null:
        tables["null"] = alignment.null_table(states, options.null)
        print_null(pair, tables["null"])
    if options.grid is not None:
        tables["grid"] = alignment.grid_table(states, options.grid)
        print_grid(tables["grid"])
    tables["geometry"] = alignment.geometry_table(states)
    print_geometry(pair, tables["geometry"])
    if options.feed_forward:
        tables["feed_forward"] = alignment.feed_forward_table()
        print_feed_forward(pair, tables["feed_forward"])
    if task is not None:
        tables["mismatch"] = alignment.mismatch_table(states, task)
        print_mismatch(pair, tables["mismatch"])
    tables["confounds"] = alignment.confounds_table(states)
    print_confounds(pair, tables["confounds"])
    return tables
