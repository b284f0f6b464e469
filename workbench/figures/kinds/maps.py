"""Figures of the maps: how well they fit, what they need, where they put states, what foretells a gain."""

from collections.abc import Sequence

import pandas as pd

from workbench.core.numbers import percent, signed
from workbench.figures.frames import (
    MANY,
    STUDY,
    Frames,
    NothingToShow,
    by_layer,
    constants,
    controls,
    curve,
    is_control,
    layer_axis,
    layer_name,
    limits,
    marked,
    names,
    number,
    numbers,
    ordered,
    parts,
    some_of,
    span,
    subtitle,
)
from workbench.figures.kinds.sweep import chosen, of_headlines
from workbench.figures.spec import Axis, Plot, Series, Spec

FLOOR = -0.5
"""Axes of R² end here: how far below zero a control falls says nothing more."""


def _r2(table: pd.DataFrame) -> tuple[Axis, str]:
    """The axis of R², and what the footer says of values below it."""
    values = limits(numbers(table.r2), include=(0, 1), low=FLOOR, high=1.05)
    cut = f" Values below −{-FLOOR:g} are not drawn." if (table.r2 < FLOOR).any() else ""
    return Axis("held-out R²", range=values), cut


def fit(frames: Frames) -> Spec:
    """R² over layers, a panel for each pair and a curve for each aligner."""
    known = controls(frames)
    table = by_layer(frames["fit"])
    aligners = ordered(table.aligner, known)
    maps = sum(not is_control(name, known) for name in aligners)
    y, cut = _r2(table)
    panels = []
    for title, _, rows in parts(table):
        series = []
        for at, name in enumerate(aligners):
            role = {"role": "control", "slot": at - maps} if at >= maps else {"slot": at}
            own = rows[rows.aligner == name].sort_values("place")
            series.append(curve(marked(name, known, " (control)"), own, "place", "r2", **role))
        panels.append(Plot(title, layer_axis(table.place), y, tuple(one for one in series if one.x)))
    return Spec(
        "fit",
        "How well the maps fit",
        subtitle(table, f"{span(table.n_fit)} sentences fitted, {span(table.n_held_out)} held out and shown"),
        tuple(panels),
        footer=cut.strip(),
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
    x = Axis("sentence pairs fitted", ticks, (sizes[0] * 0.9, sizes[-1] * 1.1), log=True)
    panels = []
    for pair, _, rows in parts(table):
        for aligner in ordered(rows.aligner, known):
            series = []
            for slot, place in enumerate(layers):
                own = rows[(rows.aligner == aligner) & (rows.place == place)]
                draws = own.groupby("n_fit", as_index=False).r2.agg(["mean", "min", "max"])
                name = f"layer {layer_name(place)}"
                series.append(curve(name, draws, "n_fit", "mean", "min", "max", slot=slot))
            title = ", ".join(filter(None, [marked(aligner, known, " (control)"), pair]))
            panels.append(Plot(title, x, y, tuple(series)))
    return Spec(
        kind="curve",
        title="How many sentences a map needs",
        subtitle=subtitle(
            table,
            f"held-out sentences, n = {span(table.n_held_out)}; mean over random samples of the sentences",
        ),
        panels=tuple(panels),
        footer="Bands: from the smallest to the largest of the draws." + cut,
    )


FEW = 3
"""Of more pairs than these, each has one layer: the chosen one."""
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
        shown = _shown(layers, picked, LAYERS if len(groups) <= FEW else 1)
        left_out |= len(shown) < len(layers)
        starred |= any(place in picked for place in shown)
        for place in shown:
            where = f"layer\u00a0{layer_name(place)}" + ("*" if place in picked else "")
            panels += before_and_after(", ".join(filter(None, (title, where))), rows[rows.place == place])
    aligner = constants(table, ["aligner"]) or "the map"
    if len(groups) > FEW:
        which = f" Of each pair one layer is shown: {'the chosen, or else ' * starred}the middle one."
    else:
        which = f" Shown are {LAYERS} layers, evenly spread{', with the chosen one' * starred}."
    return Spec(
        kind="pca",
        title="Sentences before and after the map",
        subtitle=subtitle(table, f"held-out sentences, n = {span(table.n)}; before and after {aligner}"),
        panels=tuple(panels),
        footer="Large: means. PC 1, PC 2: principal components of both languages' states before the map, "
        "with their shares of the variance; mapped states are put into the same plane."
        + (" *\u00a0chosen on dev." if starred else "")
        + (which if left_out else ""),
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
    """Points are layers; a panel for each measure, with its rank correlation over layers."""
    table = by_layer(frames["similarity"], ["value"])[["model", "pair", "measure", "place", "value"]]
    # The mean gain of the headline aligner's configurations at each place, as the table takes it.
    configurations = of_headlines(frames).astype({"gain": float})
    places = configurations.groupby(["model", "pair", "task", "place"], sort=False, as_index=False)
    joined = table.merge(places.agg(gain=("gain", "mean"), n=("n", "max")), on=["model", "pair", "place"])
    if joined.empty:
        raise NothingToShow("figure predictors: no layer has both a similarity and a gain")
    y = Axis("gain on dev", range=limits(numbers(joined.gain), include=(0,)))
    pairs = names(joined.pair)
    few = len(pairs) <= MANY
    panels = []
    for title, named, rows in parts(joined, ["task", "measure"]):
        series = []
        for pair, own in rows.groupby("pair", sort=False):
            name, slot = (str(pair), pairs.index(str(pair))) if few else (f"{len(pairs)} pairs", 0)
            notes = tuple((f"{pair}, layer {layer_name(place)}",) for place in own.place)
            series.append(curve(name, own, "value", "gain", look="points", slot=slot, notes=notes))
        x = Axis("similarity", range=limits(numbers(rows.value)))
        remark = _rho(frames.get("predictors"), named)
        panels.append(Plot(title or named["measure"], x, y, tuple(series), remark=remark))
    return Spec(
        kind="predictors",
        title="Does similarity foretell the gain?",
        subtitle=subtitle(
            joined,
            f"dev items, n = {span(joined.n)}; one point a layer; "
            "gain of the aligner chosen on dev, the mean over its formulas and strengths",
        ),
        panels=tuple(panels),
        footer="ρ: Spearman's, over layers, of more than one pair their mean; its sign turned for distances, "
        "so that more is better. p: by circular shifts, as neighbouring layers are "
        "no independent observations.",
    )


def _rho(predictors: pd.DataFrame | None, named: dict[str, str]) -> str:
    """The correlation of a panel's measure, where the table has one row of it."""
    if predictors is None:
        return ""
    rows = predictors[(predictors.scope == "layers") & (predictors.measure == named["measure"])]
    if "task" in rows and rows.task.notna().any():
        rows = rows[rows.task.astype(str) == named["task"]]
    if len(rows) != 1 or number(rows.rho.iloc[0]) is None:
        return ""
    p = number(rows.p.iloc[0])
    return f"ρ = {signed(rows.rho.iloc[0], 2)}" + ("" if p is None else f", p = {p:.2g}")
