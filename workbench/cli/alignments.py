"""`workbench fit` and `workbench measure`: maps and similarity by layer, and what is printed of them."""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from workbench.cli.diagnose import print_report
from workbench.cli.inputs import load, read_pairs, read_text, threads_of, use_threads, with_room
from workbench.cli.options import INPUTS, Command, settings_of, settings_options, study_options, whole_numbers
from workbench.cli.terminal import (
    Row,
    caution,
    console,
    number,
    print_dense,
    print_layers,
    progress,
    progress_bar,
    site_name,
    table,
)
from workbench.core.numbers import interval, plain
from workbench.core.settings import Settings
from workbench.results import write_tables

if TYPE_CHECKING:
    from workbench.study import Alignment
    from workbench.tasks import AnswerTask, ChoiceTask


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


def write_run(tables: Mapping[str, Sequence[pd.DataFrame]], folder: Path) -> None:
    """All pairs' rows in one Parquet file for each table, and the page of what was found."""
    write_tables({name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}, folder)
    for name in tables:
        console.print(f"{folder / name}.parquet", soft_wrap=True)
    print_report(folder)


def fit(options: argparse.Namespace) -> None:
    """Fit maps from one language's states to another's at every layer; evaluate them on held-out sentences.

    Controls are fitted as well: only the R² above that of the controls counts as evidence.
    """
    from workbench.study.alignment import check_curve, check_names, first_aligner
    from workbench.study.patches import save_maps

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


def _print_fit(pair: str, fit: pd.DataFrame) -> None:
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


def _print_curve(pair: str, curve: pd.DataFrame) -> None:
    """Each aligner at the layer where all pairs serve it best: mean over the draws ± their spread."""
    rows = []
    for name, own in curve.groupby("aligner", sort=False):
        means = own.groupby(["layer", "n_fit"]).r2.mean().unstack()
        layer = means.iloc[:, -1].idxmax()
        at = own[own.layer == layer].groupby("n_fit").r2
        cells = (
            f"{mean:.2f}" + ("" if math.isnan(sd) else f" ±{sd:.2f}")
            for mean, sd in zip(at.mean(), at.std(), strict=True)
        )
        rows.append((name, layer, *cells))
    heads = ("aligner", "layer", *map(str, sorted(set(curve.n_fit))))
    print_dense(f"{pair}: R² held out, by number of pairs fitted (± sd of draws)", heads, rows)


FIT = Command(
    fit,
    help="fit a map per layer, with controls, and report held-out R²",
    example="workbench fit bigscience/bloomz-560m --text ntrex128 --pairs sw-en,de-en --out runs/fit",
    options={
        **study_options("runs/fit"),
        **settings_options("aligners"),
        "--curve": "learning curve over the number of sentence pairs (curve.parquet)",
        "--sizes N,…": "numbers of pairs in the curve (default: all, half, a quarter …)",
        "--draws N": ("random samples at each size of the curve", 5),
        "--save-maps": "also write the fitted maps",
    },
    groups=INPUTS,
)


# `measure`: short forms of its tables are printed; the files hold them in full.


def print_curves(pair: str, similarity: pd.DataFrame) -> None:
    """Each measure over the layers, and its best value with where it is."""
    from workbench.measures import METRICS

    rows: list[Row] = []
    for metric in METRICS.values():
        own = similarity[similarity.measure == metric.name]
        best = _best(own, metric.higher_is_better)
        bounds = interval(best.value, best.low, best.high, 2, sign=False)
        last = ("", "") if math.isnan(best.value) else (bounds, site_name(best.site))
        rows.append(((metric.name,), [number(v) for v in own.value], last))
    title = f"{pair}: {int(similarity.n.iloc[0])} held-out sentences"
    print_layers(title, ("measure",), similarity.site, rows, ("best [95 %]", "at"))


def print_null(pair: str, null: pd.DataFrame) -> None:
    """Each measure at its best layer, with its null distribution."""
    from workbench.measures import METRICS

    rows = []
    for metric in METRICS.values():
        own = null[null.measure == metric.name]
        best = _best(own, metric.higher_is_better)
        if math.isnan(best.value):
            continue
        limit = best.null_high if metric.higher_is_better else best.null_low
        cells = (number(best.value), site_name(best.site), number(best.null_mean), number(limit))
        layers = f"{int((own.p <= 0.05).sum())} of {len(own)}"
        rows.append((metric.name, *cells, f"{best.p:.3f}", layers))
    heads = ("measure", "best", "at", "random", "95 % within", "p", "layers p ≤ 0.05")
    print_dense(f"{pair}: null distribution from {int(null.draws.iloc[0])} random pairings", heads, rows)


def print_grid(grid: pd.DataFrame) -> None:
    """For each layer of the source, the layer of the target that it is most like."""
    from workbench.states import named_metric

    name, source = grid.measure.iloc[0], grid.language.iloc[0]
    target = grid.other_language[grid.other_language != source].iloc[0]
    across = grid[(grid.language == source) & (grid.other_language == target)]
    rows = []
    for site, own in across.groupby("site", sort=False):
        best = _best(own, named_metric(name).higher_is_better)
        same = float(own.value[own.other_site == site].iloc[0])
        if not math.isnan(best.value):
            rows.append((site_name(str(site)), site_name(best.other_site), number(best.value), number(same)))
    heads = (f"layer of {source}", f"most similar layer of {target}", name, "same layer")
    print_dense(f"{name}, all pairs of layers", heads, rows)


def print_geometry(pair: str, geometry: pd.DataFrame) -> None:
    """Geometry of the states, layer by layer."""
    rows = _by_language(geometry, _short)
    print_layers(f"{pair}: geometry of the states", ("geometry", "of"), geometry.site, rows)


def print_feed_forward(pair: str, feed_forward: pd.DataFrame) -> None:
    """Statistics of feed-forward neurons, layer by layer; then why a layer has no value."""
    rows = _by_language(feed_forward, lambda value: number(value, 3))
    layers = feed_forward.layer.astype(str)
    print_layers(f"{pair}: feed-forward neurons", ("of neurons", "of"), layers, rows)
    for note in feed_forward.note[feed_forward.value.isna()].unique():
        console.print(note, style="dim")
    console.print("rank_correlation of one language: between halves of its sentences", style="dim")


def _by_language(values: pd.DataFrame, text: Callable[[float], str]) -> list[Row]:
    """A row for each measure and language: the values by layer."""
    whose = values.language.fillna("both")
    return [
        ((str(name), str(language)), [text(value) for value in own.value], ())
        for (name, language), own in values.groupby(["measure", whose], sort=False)
    ]


def print_mismatch(pair: str, mismatch: pd.DataFrame) -> None:
    """Distance of prompts from the sentences used for fitting, layer by layer."""
    titles = {
        "ratio": "ratio, prompts",
        "ratio_held_out": "ratio, held-out sentences",
        "shift": "shift of the mean",
        "outside": "share outside the range",
    }
    rows: list[Row] = [((title,), [_short(v) for v in mismatch[name]], ()) for name, title in titles.items()]
    task, n = mismatch.task.iloc[0], int(mismatch.n.iloc[0])
    print_layers(f"{pair}: mismatch of {n} dev prompts of {task}", ("",), mismatch.site, rows)
    fitted = f"the {int(mismatch.n_fit.iloc[0])} sentences used for fitting"
    console.print(f"ratio: distance from the mean of {fitted}, relative to their own", style="dim")


def print_confounds(pair: str, confounds: pd.DataFrame) -> None:
    """For each property of sentences, the measure with the largest correlation."""
    rows = []
    for name, own in confounds.groupby("confound", sort=False):
        mean = plain(own["mean"].iloc[0], 2)
        if own.rho.isna().all():
            rows.append((name, mean, "does not vary", "", ""))
            continue
        most = own.iloc[int(own.rho.astype(float).fillna(0.0).abs().to_numpy().argmax())]
        bounds = interval(most.rho, most.low, most.high, 2)
        rows.append((name, mean, bounds, most.measure, site_name(most.site)))
    heads = ("property of sentences", "mean", "largest ρ [95 %]", "with", "at")
    print_dense(f"{pair}: confounds, the largest correlation for each", heads, rows)
    if confounds.rho.notna().any():
        console.print(
            "|ρ| near 0: no confounding; otherwise compare sentences with similar values", style="dim"
        )


def _best(rows: pd.DataFrame, higher_is_better: bool) -> pd.Series:
    """The row with the best value; any row where there is none."""
    values = rows.value if higher_is_better else -rows.value
    return rows.iloc[int(values.fillna(-math.inf).to_numpy().argmax())]


def _short(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.3g}" if value == 0 or abs(value) >= 0.001 else f"{value:.3f}"


def measure(options: argparse.Namespace) -> None:
    """Measure the similarity of two languages' states at every layer, with intervals.

    Also reports confounds: correlations of each measure with length, fertility, shared tokens and script.
    """
    from workbench.measures import METRICS
    from workbench.states import named_metric
    from workbench.tasks import read_task

    if options.grid is not None:
        named_metric(options.grid)
    task = None if options.task is None else read_task(options.task, splits=["dev"])
    tables: dict[str, list[pd.DataFrame]] = {}
    for alignment in alignments(options, settings_of(options), task):
        for name, rows in _tables(alignment, options, task).items():
            tables.setdefault(name, []).append(rows)
        caution(alignment.text)
    if options.readings:
        readings = [(metric.name, metric.reading) for metric in METRICS.values()]
        console.print(table(("measure", "how to read it"), readings, words=2))
    write_run(tables, options.out)


def _tables(
    alignment: "Alignment", options: argparse.Namespace, task: "ChoiceTask | AnswerTask | None"
) -> dict[str, pd.DataFrame]:
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


MEASURE = Command(
    measure,
    help="similarity per layer, with intervals and confounds",
    example="workbench measure bigscience/bloomz-560m --text ntrex128 --pairs sw-en --out runs/measure",
    options={
        **study_options("runs/measure"),
        "--blocks N": ("blocks of the jackknife intervals of set-based measures; 0: none", 20),
        "--readings": "print how to interpret each measure",
    },
    groups={
        **INPUTS,
        "more tables": {
            "--null N": {"default": 0, "help": "null distribution from N random pairings (null.parquet)"},
            "--grid MEASURE?": {
                "const": "cka_debiased",
                "help": "compare all pairs of layers by this measure (default: cka_debiased) (grid.parquet)",
            },
            "--feed-forward": "flatness, sparsity and rank correlation of feed-forward neurons "
            "(feed_forward.parquet)",
            "--task NAME[:PATH]": "distance of its dev prompts from the sentences used for fitting "
            "(mismatch.parquet)",
        },
    },
)
