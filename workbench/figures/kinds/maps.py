"""Figures of the maps: how well they fit, what they need, where they put states, what foretells a gain."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from workbench.core.numbers import percent, plain
from workbench.figures.frames import (
    STUDY,
    Frames,
    NothingToShow,
    bar_axis,
    by_depth,
    by_layer,
    constants,
    controls,
    curve,
    is_control,
    layer_axis,
    layer_name,
    limits,
    marked,
    numbers,
    ordered,
    parts,
    some_of,
    span,
    starred,
    subtitle,
)
from workbench.figures.kinds.sweep import chosen
from workbench.figures.markup import count
from workbench.figures.naming import spoken
from workbench.figures.spec import Axis, Plot, Series, Spec, side_by_side
from workbench.stats import mean_interval

FLOOR = -0.5
"""Axes of R² end here: how far below zero a control falls says nothing more."""


def _r2(table: pd.DataFrame) -> tuple[Axis, str]:
    """The axis of R², and what the footer says of values below it."""
    values = limits(numbers(table.r2), include=(0, 1), low=FLOOR, high=1.05)
    cut = f"Values below −{-FLOOR:g} are not drawn. " if (table.r2 < FLOOR).any() else ""
    return Axis("held-out R²", range=values), cut


def fit(frames: Frames, depth: bool = False) -> Spec:
    """R² over layers, a panel for each pair and a curve for each aligner."""
    known = controls(frames)
    table = by_layer(frames["fit"])
    table = by_depth(table, frames) if depth else table
    aligners = ordered(table.aligner, known)
    maps = sum(not is_control(name, known) for name in aligners)
    y, cut = _r2(table)
    panels = []
    for title, _, rows in parts(table):
        series = []
        for at, name in enumerate(aligners):
            role = {"role": "control", "slot": at - maps} if at >= maps else {"slot": at}
            own = rows[rows.aligner == name].sort_values("place")
            series.append(curve(marked(name, known), own, "place", "r2", **role))
        panels.append(Plot(title, layer_axis(table.place, depth), y, tuple(one for one in series if one.x)))
    return Spec(
        "fit",
        "Held-out R² of maps and controls",
        subtitle(table, f"{span(table.n_fit)} sentences fitted, {span(table.n_held_out)} held out and shown"),
        tuple(panels),
        signs=(starred(panels) + cut).strip(),
    )


LAYERS = 4
"""So many layers are shown, evenly spread: first and last among them."""


def data_curve(frames: Frames) -> Spec:
    """A panel for each pair and aligner, a curve for each of some layers, with the range of the draws."""
    known = controls(frames)
    table = by_layer(frames["curve"])
    layers = some_of(sorted(set(table.place)), LAYERS)
    table = table[table.place.isin(layers)]
    y, cut = _r2(table)
    sizes = sorted({float(n) for n in table.n_fit})
    ticks = tuple((n, f"{n:g}") for n in sizes)
    x = Axis("sentence pairs", ticks, (sizes[0] * 0.9, sizes[-1] * 1.1), log=True)
    panels = []
    for pair, _, rows in parts(table):
        for aligner in ordered(rows.aligner, known):
            series = []
            for slot, place in enumerate(layers):
                own = rows[(rows.aligner == aligner) & (rows.place == place)]
                draws = own.groupby("n_fit", as_index=False).r2.agg(["mean", "min", "max"])
                name = f"layer {layer_name(place)}"
                series.append(curve(name, draws, "n_fit", "mean", "min", "max", slot=slot))
            panels.append(Plot(marked(aligner, known), x, y, tuple(series), head=pair))
    return Spec(
        kind="curve",
        title="Held-out R² by number of sentence pairs",
        subtitle=subtitle(
            table,
            f"held-out sentences, n = {span(table.n_held_out)}; mean over random samples of the sentences",
        ),
        panels=tuple(panels),
        together=side_by_side(panels),
        signs=starred(panels) + "Bands: from the smallest to the largest of the draws. " + cut,
    )


NAMES = ("source", "target", "source, mapped")
"""In the order of their colours and markers."""


def pca(frames: Frames) -> Spec:
    """Two panels for each layer shown, before and after, in one plane and one range."""
    table = by_layer(frames["pca"], ["x", "y"], "figure pca: the table pca holds no place")
    groups = list(parts(table, (*STUDY, "aligner")))
    panels: list[Plot] = []
    left_out = starred = False
    for title, named, rows in groups:
        layers, picked = sorted(set(rows.place)), _chosen_layers(frames, named)
        shown = _shown(layers, picked, LAYERS if len(groups) == 1 else 1)
        left_out |= len(shown) < len(layers)
        starred |= any(place in picked for place in shown)
        for place in shown:
            where = f"layer\u00a0{layer_name(place)}" + ("*" if place in picked else "")
            head = ", ".join(filter(None, (title, where)))
            panels += [replace(panel, head=head) for panel in before_and_after("", rows[rows.place == place])]
    aligner = constants(table, ["aligner"]) or "the map"
    if len(groups) > 1:
        which = f" Of each pair one layer is shown: {'the chosen, or else ' * starred}the middle one."
    else:
        which = f" Shown are {LAYERS} layers, evenly spread{', with the chosen one' * starred}."
    return Spec(
        kind="pca",
        title="States of sentences before and after the map",
        subtitle=subtitle(table, f"held-out sentences, n = {span(table.n)}; before and after {aligner}"),
        panels=tuple(panels),
        footer=("*\u00a0chosen on dev." if starred else "") + (which if left_out else ""),
        signs="Large: means. PC 1, PC 2: principal components of both languages' states before the map, "
        "with their shares of the variance; mapped states are put into the same plane.",
        together=2,
    )


def _chosen_layers(frames: Frames, named: dict[str, str]) -> list[int]:
    """The layers that the headline's patch of this pair was chosen at, one for each task."""
    picked = {
        choice.place: None
        for (model, _, pair, aligner), choice in chosen(frames).items()
        if choice.headline and {"model": model, "pair": pair, "aligner": aligner} == named
    }
    return list(picked)


def _shown(layers: Sequence[int], picked: Sequence[int], most: int) -> list[int]:
    """At most so many layers: evenly spread, and those that were chosen.

    >>> _shown(range(80), [33], 4), _shown(range(6), [5], 4), _shown(range(80), [], 1), _shown([0, 1], [1], 4)
    ([0, 33, 40, 79], [0, 2, 3, 5], [40], [0, 1])
    """
    picked = [place for place in picked if place in layers][: max(1, most - 2)]
    if most == 1:
        return picked[:1] or [layers[len(layers) // 2]]
    spread = some_of(layers, most)
    if not set(picked) <= set(spread):
        spread = some_of(layers, most - len(picked))
    return sorted({*spread, *picked})


def before_and_after(title: str, rows: pd.DataFrame, labels: Sequence[str] = NAMES) -> list[Plot]:
    """Before: source and target. After: the mapped source states and target, in the same range."""
    x, y = (
        Axis(f"PC {place} ({percent(rows[f'share_{name}'].iloc[0])})", range=limits(numbers(rows[name])))
        for place, name in ((1, "x"), (2, "y"))
    )
    mapped = rows.mapped.astype(bool)
    source = rows.language == rows[mapped].language.iloc[0]
    kinds = (rows[~mapped & source], rows[~mapped & ~source], rows[mapped])
    clouds, means = zip(*map(_cloud_and_mean, kinds, range(3), labels), strict=True)
    return [
        Plot(", ".join(filter(None, (title, when))), x, y, (*clouds[slots], *means[slots]), lines=())
        for when, slots in (("before", slice(0, 2)), ("after", slice(1, 3)))
    ]


def _cloud_and_mean(rows: pd.DataFrame, slot: int, name: str) -> tuple[Series, Series]:
    """A cloud, and its mean."""
    notes = tuple((f"{name}, sentence {sentence}",) for sentence in rows.sentence)
    x, y = ((float(rows[axis].mean()),) for axis in ("x", "y"))
    cloud = curve(name, rows, "x", "y", look="cloud", slot=slot, notes=notes)
    return cloud, Series(name, x, y, look="mean", slot=slot, notes=((f"mean of {name}", f"n = {len(rows)}"),))


def predictors(frames: Frames) -> Spec:
    """A bar for each measure: the mean over pairs of its rank correlation with the gain over layers."""
    table = frames["predictors"].astype({"rho": float, "p": float})
    means = table[(table.scope == "layers") & table.rho.notna()]
    if means.empty:
        raise NothingToShow("figure predictors: no measure has a correlation with the gain over layers")
    each = table[(table.scope == "pair") & table.rho.notna()]
    panels, most = [], 1
    measures = (
        means.groupby("measure", sort=False).rho.mean().sort_values(ascending=False, kind="stable").index
    )
    for title, named, rows in parts(means, ["task"]):
        rows = rows.drop_duplicates("measure").set_index("measure").reindex(measures).reset_index()
        own = each[each.task.astype(str) == named["task"]] if "task" in named else each
        rhos = [own[own.measure == measure].rho.to_numpy() for measure in rows.measure]
        most = max(most, *map(len, rhos))
        ends = [_ends(values) for values in rhos]
        low, high = zip(*ends, strict=True)
        rows = rows.assign(place=range(len(rows)), low=low, high=high)
        over = zip(rows.measure, rhos, strict=True)
        notes = tuple((f"{spoken(name)}: {count(len(own), 'pair')}",) for name, own in over)
        bars = curve("ρ", rows, "place", "rho", "low", "high", look="bars", notes=notes)
        p = tuple(plain(value, 3, none="") for value in rows.p)
        axis = bar_axis(list(map(spoken, rows.measure)))
        panels.append(Plot(title, axis, Axis(""), (bars,), lying=True, aside=p, aside_title="p"))
    shown = (value for panel in panels for one in panel.series for value in (*one.y, *one.low, *one.high))
    x = Axis("Spearman's ρ over layers", range=limits(shown, include=(0.0,), low=-1.05, high=1.05))
    whiskers = f"Whiskers: 95 % interval of the mean over {most} pairs. "
    return Spec(
        kind="predictors",
        title="Rank correlation over layers between similarity and gain",
        subtitle=subtitle(
            table,
            "layers of a pair, mean gain on dev of their configurations"
            + (f"; mean over {most} pairs" if most > 1 else ""),
        ),
        panels=tuple(replace(panel, y=x) for panel in panels),
        footer="The sign of distances is turned, so that more is better. p: by circular shifts, as "
        "neighbouring layers are not independent.",
        signs=whiskers if any(bars.intervals() for panel in panels for bars in panel.series) else "",
    )


FEWEST = 3
"""So many pairs are needed for an interval of a mean over pairs."""


def _ends(rhos: np.ndarray) -> tuple[float | None, float | None]:
    """The 95 % interval of the mean of the pairs' correlations, where there are enough; within −1 and 1."""
    if len(rhos) < FEWEST:
        return None, None
    found = mean_interval(rhos)
    return max(found.low, -1.0), min(found.high, 1.0)
