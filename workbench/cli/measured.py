"""Print short forms of the tables of `measure`; the files hold the full tables."""

import math
from typing import TYPE_CHECKING

from workbench.cli.layers import Row, number, print_dense, print_layers, site_name
from workbench.cli.show import console
from workbench.core.numbers import interval, plain

if TYPE_CHECKING:
    import pandas as pd


def print_curves(pair: str, similarity: "pd.DataFrame") -> None:
    """Each measure over the layers, and its best value with where it is."""
    from workbench.measures import METRICS

    rows: list[Row] = []
    for metric in METRICS.values():
        some = similarity[similarity.measure == metric.name]
        best = _best(some, metric.higher_is_better)
        shown = interval(best.value, best.low, best.high, 2, sign=False)
        last = ("", "") if math.isnan(best.value) else (shown, site_name(best.site))
        rows.append(((metric.name,), [number(v) for v in some.value], last))
    sites = list(dict.fromkeys(similarity.site))
    title = f"{pair}: {int(similarity.n.iloc[0])} held-out sentences"
    print_layers(title, ("measure",), sites, ("best [95 %]", "at"), rows)


def print_null(pair: str, null: "pd.DataFrame") -> None:
    """Each measure at its best layer, with its null distribution."""
    from workbench.measures import METRICS

    rows = []
    for metric in METRICS.values():
        some = null[null.measure == metric.name]
        best = _best(some, metric.higher_is_better)
        if math.isnan(best.value):
            continue
        limit = best.null_high if metric.higher_is_better else best.null_low
        found = f"{int((some.p <= 0.05).sum())} of {len(some)}"
        shown = (number(best.value), site_name(best.site), number(best.null_mean), number(limit))
        rows.append((metric.name, *shown, f"{best.p:.3f}", found))
    heads = ("measure", "best", "at", "random", "95 % within", "p", "layers p ≤ 0.05")
    print_dense(f"{pair}: null distribution from {int(null.draws.iloc[0])} random pairings", heads, rows)


def print_grid(grid: "pd.DataFrame") -> None:
    """For each layer of the source, the layer of the target that it is most like."""
    from workbench.states import named_metric

    name, source = grid.measure.iloc[0], grid.language.iloc[0]
    target = grid.other_language[grid.other_language != source].iloc[0]
    across = grid[(grid.language == source) & (grid.other_language == target)]
    rows = []
    for site, some in across.groupby("site", sort=False):
        best = _best(some, named_metric(name).higher_is_better)
        own = float(some.value[some.other_site == site].iloc[0])
        if not math.isnan(best.value):
            rows.append((site_name(str(site)), site_name(best.other_site), number(best.value), number(own)))
    heads = (f"layer of {source}", f"most similar layer of {target}", name, "same layer")
    print_dense(f"{name}, all pairs of layers", heads, rows)


def print_geometry(pair: str, geometry: "pd.DataFrame") -> None:
    """Geometry of the states, layer by layer."""
    whose = geometry.language.fillna("both")
    rows: list[Row] = [
        ((str(name), str(of)), [_short(value) for value in some.value], ())
        for (name, of), some in geometry.groupby(["measure", whose], sort=False)
    ]
    print_layers(
        f"{pair}: geometry of the states", ("geometry", "of"), list(dict.fromkeys(geometry.site)), (), rows
    )


def print_feed_forward(pair: str, feed_forward: "pd.DataFrame") -> None:
    """Statistics of feed-forward neurons, layer by layer; then why a layer has no value."""
    whose = feed_forward.language.fillna("both")
    rows: list[Row] = [
        ((str(name), str(of)), [number(value, 3) for value in some.value], ())
        for (name, of), some in feed_forward.groupby(["measure", whose], sort=False)
    ]
    layers = [str(layer) for layer in dict.fromkeys(feed_forward.layer)]
    print_layers(f"{pair}: feed-forward neurons", ("of neurons", "of"), layers, (), rows)
    for note in dict.fromkeys(feed_forward.note[feed_forward.value.isna()]):
        console.print(note, style="dim")
    console.print("rank_correlation of one language: between halves of its sentences", style="dim")


def print_mismatch(pair: str, mismatch: "pd.DataFrame") -> None:
    """Distance of prompts from the sentences used for fitting, layer by layer."""
    said = {
        "ratio": "ratio, prompts",
        "ratio_held_out": "ratio, held-out sentences",
        "shift": "shift of the mean",
        "outside": "share outside the range",
    }
    rows: list[Row] = [((words,), [_short(v) for v in mismatch[name]], ()) for name, words in said.items()]
    task, n = mismatch.task.iloc[0], int(mismatch.n.iloc[0])
    print_layers(f"{pair}: mismatch of {n} dev prompts of {task}", ("",), list(mismatch.site), (), rows)
    fitted = f"the {int(mismatch.n_fit.iloc[0])} sentences used for fitting"
    console.print(f"ratio: distance from the mean of {fitted}, relative to their own", style="dim")


def print_confounds(pair: str, confounds: "pd.DataFrame") -> None:
    """For each property of sentences, the measure with the largest correlation."""
    rows = []
    for name, own in confounds.groupby("confound", sort=False):
        mean = plain(own["mean"].iloc[0], 2)
        rho = own.rho.astype(float).fillna(0.0).abs().to_numpy()
        if own.rho.isna().all():
            rows.append((name, mean, "does not vary", "", ""))
            continue
        most = own.iloc[int(rho.argmax())]
        shown = interval(most.rho, most.low, most.high, 2)
        rows.append((name, mean, shown, most.measure, site_name(most.site)))
    heads = ("property of sentences", "mean", "largest ρ [95 %]", "with", "at")
    print_dense(f"{pair}: confounds, the largest correlation for each", heads, rows)
    if confounds.rho.notna().any():
        console.print(
            "|ρ| near 0: no confounding; otherwise compare sentences with similar values", style="dim"
        )


def _best(some: "pd.DataFrame", higher_is_better: bool) -> "pd.Series":
    """The row with the best value; any row where there is none."""
    values = some.value if higher_is_better else -some.value
    return some.iloc[int(values.fillna(-math.inf).to_numpy().argmax())]


def _short(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.3g}" if value == 0 or abs(value) >= 0.001 else f"{value:.3f}"
