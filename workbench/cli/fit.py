"""`workbench fit`: maps at every layer, and what is printed of them; `measure` shares its alignments."""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from workbench.cli.diagnose import print_report
from workbench.cli.inputs import load, read_pairs, read_text, threads_of, use_threads, with_room
from workbench.cli.options import (
    LOADING,
    MODEL,
    OVERWRITE,
    PAIRS,
    TEXT,
    THREADS,
    Command,
    settings_of,
    settings_options,
    whole_numbers,
)
from workbench.cli.terminal import (
    Row,
    caution,
    console,
    number,
    print_dense,
    print_layers,
    progress,
    progress_bar,
)
from workbench.core.settings import Settings
from workbench.results import write_tables

if TYPE_CHECKING:
    from workbench.study import Alignment
    from workbench.tasks import AnswerTask, ChoiceTask

INPUTS = {**LOADING, **TEXT, **PAIRS}
"""Options of model, sentences and pairs."""


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
    parts = [Alignment(model, text, *pair, options.out / "store", settings, progress) for pair in pairs]
    for alignment in parts:
        check(alignment)
    Specification.of(model, settings, pairs, text=spoken).begin(options.out, options.overwrite)
    for alignment in parts:
        with progress_bar():
            yield alignment


def write_run(tables: "Mapping[str, Sequence[pd.DataFrame]]", folder: Path) -> None:
    """All pairs' rows in one Parquet file for each table, and the page of what was found."""
    write_tables({name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}, folder)
    for name in tables:
        console.print(f"{folder / name}.parquet", soft_wrap=True)
    print_report(folder)


def run(options: argparse.Namespace) -> None:
    """Fit maps from one language's states to another's at every layer; evaluate them on held-out sentences.

    Controls are fitted as well: only the R² above that of the controls counts as evidence.
    """
    from workbench.study.estimators import check_names, first_aligner
    from workbench.study.saved import save_maps
    from workbench.study.tables import check_curve

    settings = check_names(settings_of(options))
    sizes = None if options.sizes is None else list(whole_numbers(options.sizes, "--sizes"))
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
            folder = options.out / "maps" / alignment.pair
            for aligner, fitted in maps.items():
                save_maps(fitted, folder / aligner, card | {"aligner": aligner})
        caution(alignment.text)
    write_run(tables, options.out)


def _print_fit(pair: str, fit: "pd.DataFrame") -> None:
    from workbench.align import CONTROLS

    n_fit, n_held_out = int(fit.n_fit.max()), int(fit.n_held_out.max())
    rows: list[Row] = [
        ((f"{name}" + ("*" if name in CONTROLS else ""),), [number(value) for value in own.r2], ())
        for name, own in fit.groupby(fit.aligner.astype(str), sort=False)
    ]
    print_layers(f"{pair}: R² held out, by layer", ("aligner",), fit.site, rows)
    console.print(f"{n_fit} sentences for fitting, {n_held_out} held out. * control", style="dim")
    warned = fit[fit.warning != ""]
    cautions = list(dict.fromkeys(warned.aligner.astype(str) + ": " + warned.warning))
    for name, own in fit[fit.at_edge.fillna(False).astype(bool)].groupby("aligner", sort=False):
        layers = ", ".join(map(str, own.layer))
        cautions.append(f"the selected penalty of {name} is at the edge of its grid at layers {layers}")
    for line in cautions:
        console.print(f"Caution: {line}", style="yellow")


def _print_curve(pair: str, curve: "pd.DataFrame") -> None:
    """Each aligner at the layer where all pairs serve it best: mean over the draws ± their spread."""
    rows = []
    for name, own in curve.groupby("aligner", sort=False):
        means = own.groupby(["layer", "n_fit"]).r2.mean().unstack()
        layer = int(means.index[int(means.iloc[:, -1].to_numpy().argmax())])
        at = own[own.layer == layer].groupby("n_fit").r2
        cells = (
            f"{mean:.2f}" + ("" if math.isnan(sd) else f" ±{sd:.2f}")
            for mean, sd in zip(at.mean(), at.std(), strict=True)
        )
        rows.append((name, layer, *cells))
    heads = ("aligner", "layer", *map(str, sorted(set(curve.n_fit))))
    print_dense(f"{pair}: R² held out, by number of pairs fitted (± sd of draws)", heads, rows)


COMMAND = Command(
    run,
    help="fit a map per layer, with controls, and report held-out R²",
    example="workbench fit bigscience/bloomz-560m --text ntrex128 --pairs sw-en,de-en --out runs/fit",
    options={
        **MODEL,
        "--out FOLDER": ("folder", Path("runs/fit")),
        **THREADS,
        **OVERWRITE,
        **settings_options("aligners"),
        "--curve": "learning curve over the number of sentence pairs (curve.parquet)",
        "--sizes N,…": "numbers of pairs in the curve (default: all, half, a quarter …)",
        "--draws N": ("random samples at each size of the curve", 5),
        "--save-maps": "also write the fitted maps",
    },
    groups=INPUTS,
)
