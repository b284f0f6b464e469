"""`workbench fit`: maps and controls at every layer, and what is printed of them."""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.diagnose import print_report
from workbench.cli.layers import Row, number, print_dense, print_layers
from workbench.cli.options import (
    add_model_options,
    add_pair_options,
    add_settings,
    add_text_options,
    load,
    read_pairs,
    read_text,
    settings_of,
    whole_numbers,
    with_room,
)
from workbench.cli.runs import add_overwrite, add_threads, threads_of, use_threads
from workbench.cli.show import caution, console, progress_bar
from workbench.core.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from workbench.study import Alignment
    from workbench.tasks import AnswerTask, ChoiceTask


# Shared by `fit` and `measure`: build alignments from model, text and pairs; write the tables.


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


# Fit maps from one language's states to another's at every layer, and evaluate them on held-out sentences.
#
# Controls are fitted as well: only the R² above that of the controls counts as evidence.


HELP = "fit a map per layer, with controls, and report held-out R²"
EXAMPLE = "workbench fit bigscience/bloomz-560m --text ntrex128 --pairs sw-en,de-en --out runs/fit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_alignment_options(parser, out="runs/fit")
    add_settings(parser, ("aligners",))
    parser.add_argument(
        "--curve",
        action="store_true",
        help="learning curve over the number of sentence pairs (curve.parquet)",
    )
    parser.add_argument(
        "--sizes", metavar="N,…", help="numbers of pairs in the curve (default: all, half, a quarter …)"
    )
    parser.add_argument(
        "--draws", type=int, default=5, help="random samples at each size of the curve (default: 5)"
    )
    parser.add_argument("--save-maps", action="store_true", help="also write the fitted maps")


def run(options: argparse.Namespace) -> int:
    """Fit, judge, print R² by layer."""
    from workbench.study.alignment import check_curve, check_names, first_aligner
    from workbench.study.patches import save_maps

    settings = check_names(settings_of(options))
    sizes = _sizes(options)
    tables: dict[str, list[pd.DataFrame]] = {"fit": [], "pca": []}

    def check(alignment: "Alignment") -> None:
        if options.curve:
            check_curve(len(alignment.split.fit), sizes, options.draws)

    for alignment in alignments(options, settings, check=check):
        states = alignment.capture()
        maps = alignment.fit(states)
        fit = alignment.fit_table(maps, states)
        tables["fit"].append(fit)
        tables["pca"].append(alignment.pca_table(maps[first_aligner(settings)], states))
        _print_fit(alignment.pair, fit)
        if options.curve:
            curve = alignment.curve_table(states, sizes, options.draws)
            tables.setdefault("curve", []).append(curve)
            _print_curve(alignment.pair, curve)
        if options.save_maps:
            card = alignment.facts | {"text_digest": alignment.text.digest, "states_digest": states.digest}
            card["weights_digest"] = alignment.model.weights_digest
            for aligner, fitted in maps.items():
                save_maps(
                    fitted, options.out / "maps" / alignment.pair / aligner, card | {"aligner": aligner}
                )
        caution(alignment.text)
    write_run(tables, options.out)
    return 0


def _sizes(options: argparse.Namespace) -> list[int] | None:
    return None if options.sizes is None else list(whole_numbers(options.sizes, "--sizes"))


def _print_fit(pair: str, fit: "pd.DataFrame") -> None:
    from workbench.align import CONTROLS

    n_fit, n_held_out = int(fit.n_fit.max()), int(fit.n_held_out.max())
    rows: list[Row] = [
        ((f"{name}" + ("*" if name in CONTROLS else ""),), [number(value) for value in some.r2], ())
        for name, some in fit.groupby(fit.aligner.astype(str), sort=False)
    ]
    print_layers(f"{pair}: R² held out, by layer", ("aligner",), list(dict.fromkeys(fit.site)), (), rows)
    console.print(f"{n_fit} sentences for fitting, {n_held_out} held out. * control", style="dim")
    for warning in dict.fromkeys(
        f"{aligner}: {warning}" for aligner, warning in zip(fit.aligner, fit.warning, strict=True) if warning
    ):
        console.print(f"Caution: {warning}", style="yellow")
    for name, some in fit[fit.at_edge.fillna(False).astype(bool)].groupby("aligner", sort=False):
        layers = ", ".join(f"{layer}" for layer in some.layer)
        console.print(
            f"Caution: the selected penalty of {name} is at the edge of its grid at layers {layers}",
            style="yellow",
        )


def _print_curve(pair: str, curve: "pd.DataFrame") -> None:
    """Each aligner at the layer where all pairs serve it best: mean over the draws ± their spread."""
    rows = []
    for name, some in curve.groupby("aligner", sort=False):
        means = some.groupby(["layer", "n_fit"]).r2.mean().unstack()
        layer = int(means.index[int(means.iloc[:, -1].to_numpy().argmax())])
        at = some[some.layer == layer].groupby("n_fit").r2
        cells = (
            f"{mean:.2f}" + ("" if math.isnan(sd) else f" ±{sd:.2f}")
            for mean, sd in zip(at.mean(), at.std(), strict=True)
        )
        rows.append((name, layer, *cells))
    heads = ("aligner", "layer", *map(str, sorted(set(curve.n_fit))))
    print_dense(f"{pair}: R² held out, by number of pairs fitted (± sd of draws)", heads, rows)
