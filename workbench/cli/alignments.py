"""`workbench fit` and `workbench measure`: maps and similarity by layer, and what is printed of them."""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
import torch

from workbench.align import CONTROLS
from workbench.cli.diagnose import print_report
from workbench.cli.inputs import helped, load, read_pairs, read_text, threads_of, writing
from workbench.cli.options import Outcome, settings_of, whole_numbers
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
from workbench.measures import METRICS, Metric
from workbench.results import write_tables
from workbench.states import fitting, named_metric
from workbench.study import Alignment, Specification
from workbench.study.alignment import check_curve, checked, first_aligner
from workbench.study.patches import save_maps
from workbench.tasks import AnswerTask, ChoiceTask, read_task


def alignments(
    options: argparse.Namespace,
    settings: Settings,
    task: ChoiceTask | AnswerTask | None = None,
    check: Callable[[Alignment], None] = lambda _: None,
) -> Iterator[Alignment]:
    """One alignment per pair, each passed to `check` before the specification of the run is written."""
    text = read_text(options)
    pairs = read_pairs(options, text.languages)
    if task is not None:
        task.only([source for source, _ in pairs], ["dev"])
    model = load(options)
    torch.set_num_threads(threads_of(options, model))
    model = helped(options, model)
    text = fitting(model, text) if options.drop_long else text
    spoken = text.only(dict.fromkeys(code for pair in pairs for code in pair))
    parts = [Alignment(model, text, *pair, options.out / "store", settings, progress) for pair in pairs]
    for alignment in parts:
        check(alignment)
    Specification.of(model, settings, pairs, text=spoken).begin(options.out, options.overwrite)
    for alignment in parts:
        with progress_bar():
            yield alignment


def write_run(tables: Mapping[str, Sequence[pd.DataFrame]], folder: Path) -> Outcome:
    """All pairs' rows in one Parquet file for each table, and the page of what was found."""
    joined = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    write_tables(joined, folder)
    for name in tables:
        console.print(f"{folder / name}.parquet", soft_wrap=True)
    return Outcome({"folder": folder, "report": print_report(folder), "tables": joined})


@writing
def fit(options: argparse.Namespace) -> Outcome:
    """Run `workbench fit`."""
    settings = checked(settings_of(options))
    sizes = None if options.sizes is None else list(whole_numbers(options.sizes, "--sizes"))
    tables: dict[str, list[pd.DataFrame]] = {"fit": [], "pca": []}

    def check(alignment: Alignment) -> None:
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
    return write_run(tables, options.out)


def _print_fit(pair: str, fit: pd.DataFrame) -> None:
    rows: list[Row] = [
        ((f"{name}" + ("*" if name in CONTROLS else ""),), [number(value) for value in own.r2], ())
        for name, own in fit.groupby(fit.aligner.astype(str), sort=False)
    ]
    print_layers(f"{pair}: R² held out, by layer", ("aligner",), fit.site, rows)
    console.print(
        f"{fit.n_fit.max()} sentences for fitting, {fit.n_held_out.max()} held out. * control", style="dim"
    )
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


# `measure` prints short forms of its tables.


def _print_curves(pair: str, similarity: pd.DataFrame) -> None:
    """Each measure over the layers, and its best value with where it is."""
    rows: list[Row] = []
    for metric, own, best in _by_measure(similarity):
        bounds = interval(best.value, best.low, best.high, 2, sign=False)
        last = ("", "") if math.isnan(best.value) else (bounds, site_name(best.site))
        rows.append(((metric.name,), [number(v) for v in own.value], last))
    title = f"{pair}: {int(similarity.n.iloc[0])} held-out sentences"
    print_layers(title, ("measure",), similarity.site, rows, ("best [95 %]", "at"))


def _print_null(pair: str, null: pd.DataFrame) -> None:
    """Each measure at its best layer, with its null distribution."""
    rows = []
    for metric, own, best in _by_measure(null):
        if math.isnan(best.value):
            continue
        limit = best.null_high if metric.higher_is_better else best.null_low
        cells = (number(best.value), site_name(best.site), number(best.null_mean), number(limit))
        layers = f"{int((own.p <= 0.05).sum())} of {len(own)}"
        rows.append((metric.name, *cells, f"{best.p:.3f}", layers))
    heads = ("measure", "best", "at", "random", "95 % within", "p", "layers p ≤ 0.05")
    print_dense(f"{pair}: null distribution from {int(null.draws.iloc[0])} random pairings", heads, rows)


def _by_measure(table: pd.DataFrame) -> Iterator[tuple[Metric, pd.DataFrame, pd.Series]]:
    for metric in METRICS.values():
        own = table[table.measure == metric.name]
        yield metric, own, _best(own, metric.higher_is_better)


def _print_grid(_: str, grid: pd.DataFrame) -> None:
    """For each layer of the source, the layer of the target that it is most like."""
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


def _print_geometry(pair: str, geometry: pd.DataFrame) -> None:
    title = f"{pair}: geometry of the states"
    print_layers(title, ("geometry", "of"), geometry.site, _by_language(geometry, _short))


def _print_feed_forward(pair: str, feed_forward: pd.DataFrame) -> None:
    """Statistics of feed-forward neurons, layer by layer; then why a layer has no value."""
    rows, layers = _by_language(feed_forward, lambda value: number(value, 3)), feed_forward.layer.astype(str)
    print_layers(f"{pair}: feed-forward neurons", ("of neurons", "of"), layers, rows)
    for note in feed_forward.note[feed_forward.value.isna()].unique():
        console.print(note, style="dim")
    console.print("rank_correlation of one language: between halves of its sentences", style="dim")


def _by_language(values: pd.DataFrame, text: Callable[[float], str]) -> list[Row]:
    whose = values.language.fillna("both")
    return [
        ((str(name), str(language)), [text(value) for value in own.value], ())
        for (name, language), own in values.groupby(["measure", whose], sort=False)
    ]


def _print_mismatch(pair: str, mismatch: pd.DataFrame) -> None:
    titles = {
        "ratio": "ratio, prompts",
        "ratio_held_out": "ratio, held-out sentences",
        "shift": "shift of the mean",
        "outside": "share outside the range",
    }
    rows: list[Row] = [((title,), [_short(v) for v in mismatch[name]], ()) for name, title in titles.items()]
    first = mismatch.iloc[0]
    print_layers(f"{pair}: mismatch of {first.n} dev prompts of {first.task}", ("",), mismatch.site, rows)
    fitted = f"the {first.n_fit} sentences used for fitting"
    console.print(f"ratio: distance from the mean of {fitted}, relative to their own", style="dim")


def _print_confounds(pair: str, confounds: pd.DataFrame) -> None:
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
    shown = f"{value:.3g}" if value == 0 or abs(value) >= 0.001 else f"{value:.3f}"
    return "" if math.isnan(value) else shown


@writing
def measure(options: argparse.Namespace) -> Outcome:
    """Run `workbench measure`."""
    if options.grid is not None:
        named_metric(options.grid)
    task = None if options.task is None else read_task(options.task, splits=["dev"])
    tables: dict[str, list[pd.DataFrame]] = {}
    for alignment in alignments(options, settings_of(options), task):
        for name, rows in _tables(alignment, options, task):
            tables.setdefault(name, []).append(rows)
            _PRINTERS[name](alignment.pair, rows)
        caution(alignment.text)
    if options.readings:
        readings = [(metric.name, metric.reading) for metric in METRICS.values()]
        console.print(table(("measure", "how to read it"), readings, words=2))
    return write_run(tables, options.out)


def _tables(
    alignment: Alignment, options: argparse.Namespace, task: ChoiceTask | AnswerTask | None
) -> Iterator[tuple[str, pd.DataFrame]]:
    states = alignment.capture()
    yield "similarity", alignment.similarity_table(states, options.blocks or None)
    if options.null:
        yield "null", alignment.null_table(states, options.null)
    if options.grid is not None:
        yield "grid", alignment.grid_table(states, options.grid)
    yield "geometry", alignment.geometry_table(states)
    if options.feed_forward:
        yield "feed_forward", alignment.feed_forward_table()
    if task is not None:
        yield "mismatch", alignment.mismatch_table(states, task)
    yield "confounds", alignment.confounds_table(states)


_PRINTERS: dict[str, Callable[[str, pd.DataFrame], None]] = {
    "similarity": _print_curves,
    "null": _print_null,
    "grid": _print_grid,
    "geometry": _print_geometry,
    "feed_forward": _print_feed_forward,
    "mismatch": _print_mismatch,
    "confounds": _print_confounds,
}
