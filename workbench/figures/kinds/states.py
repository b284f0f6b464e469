"""Figures of the states themselves: how alike two languages are, and which of them the logit lens reads."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from workbench.core.numbers import interval
from workbench.figures.frames import (
    MANY,
    STUDY,
    Frames,
    Lines,
    NothingToShow,
    by_layer,
    cells,
    constants,
    curve,
    layer_axis,
    layer_name,
    limits,
    names,
    number,
    parts,
    places,
    span,
    subtitle,
)
from workbench.figures.spec import Axis, Plot, Scale, Series, Spec, short

FIRST = ("cka_debiased", "cka")
"""The measure that is shown, or else the first in the table."""


def similarity(frames: Frames) -> Spec:
    """Pairs × layers, a panel for each model."""
    table = by_layer(
        frames["similarity"], ["value"], "figure similarity: the table similarity holds no value"
    )
    known = names(table.measure)
    measure = next((name for name in FIRST if name in known), known[0])
    table = table[table.measure == measure].astype({"pair": str})
    titles: dict[str, Any] = {"row_title": "pair", "column_title": "layer"}
    panels = [
        cells(title, rows, ("pair", "place"), "value", _similarity_note, **titles)
        for title, _, rows in parts(table, ["model"])
    ]

    return Spec(
        kind="similarity",
        title="Where two languages are alike",
        subtitle=subtitle(table, f"{measure} on held-out sentences, n = {span(table.n)}", ["model"]),
        panels=tuple(panels),
        scale=Scale(
            measure, min(0.0, float(table.value.min())), max(1.0, float(table.value.max())), diverging=False
        ),
    )


def _similarity_note(row: dict[str, Any]) -> Lines:
    value = interval(row["value"], row["low"], row["high"], sign=False)
    return f"{row['pair']}, layer {layer_name(row['place'])}", value


def _curves(rows: pd.DataFrame, labels: Sequence[str], whole: pd.DataFrame) -> tuple[Series, ...]:
    """A curve of `value` over `place` for each group; `whole` has all groups, so that colours stay theirs."""
    order = [named for _, named, _ in parts(whole)]
    groups = [
        (order.index(named), group.drop_duplicates("place").sort_values("place"))
        for _, named, group in parts(rows)
    ]
    if len(order) <= MANY:
        return tuple(
            curve(labels[slot], group, "place", "value", "low", "high", slot=slot) for slot, group in groups
        )
    faint = [curve(labels[slot], group, "place", "value", role="faint", slot=slot) for slot, group in groups]
    median = rows.groupby("place", as_index=False)[["value"]].median()
    return (*faint, curve(f"median of {len(order)}", median, "place", "value"))


def alignment(frames: Frames) -> Spec:
    """Curves over layers with their intervals, and what sentences paired at random would show."""
    table = by_layer(frames["similarity"], ["value"], "figure alignment: the table similarity holds no value")
    table = table.astype({"value": float})
    labels = [title or constants(table, ["pair"]) for title, _, _ in parts(table)]
    panels = []
    for measure, rows in table.groupby("measure", sort=False):
        series = _curves(rows, labels, table)
        if "null" in frames and len(labels) == 1:
            # The range of the same measure with the target's sentences shuffled.
            null = by_layer(frames["null"], ["null_mean"])
            null = null[null.measure == measure].sort_values("place")
            ends = ("null_mean", "null_low", "null_high")
            random = curve("paired at random", null, "place", *ends, role="reference")
            series += (random,) if random.x else ()
        y = Axis("similarity", range=limits(v for one in series for v in (*one.y, *one.low, *one.high)))
        panels.append(Plot(str(measure), layer_axis(table.place), y, series))
    bands = sorted({str(kind) for kind in table.interval.dropna() if kind})
    footer = f"Bands: 95 % intervals ({' or '.join(bands)}), where a measure has them. " if bands else ""
    if any(series.role == "reference" for panel in panels for series in panel.series):
        footer += "Dashed: mean, 5 % and 95 % point of sentences paired at random. "
    return Spec(
        kind="alignment",
        title="How alike two languages are",
        subtitle=subtitle(table, f"held-out sentences, n = {span(table.n)}; source with target"),
        panels=tuple(panels),
        footer=footer + "A procrustes distance is small where languages are alike.",
    )


def grid(frames: Frames) -> Spec:
    """Layers × layers, a panel for each two languages of a pair (or one language and itself)."""
    table = frames["grid"]
    table = table.assign(place=places(table), other=places(table, "other_site", "other_layer"))
    table = table[table.value.notna()]
    if table.empty:
        raise NothingToShow("figure grid: the table grid holds no value")
    # What a language is like within itself belongs to every pair it is in; once is enough.
    keys = ["model", "measure", "language", "other_language"]
    table = table.drop_duplicates([*keys, "place", "other"])
    panels = []
    for _, named, rows in parts(table, keys):
        one, other = named["language"], named["other_language"]
        title = f"within {one}" if one == other else f"{one} with {other}"
        varying = [named[key] for key in ("model", "measure") if table[key].nunique() > 1]
        panels.append(
            cells(
                ", ".join([title, *varying]),
                rows,
                ("place", "other"),
                "value",
                _grid_note,
                sorted(set(rows.place), reverse=True),
                row_title=f"layer of {one}",
                column_title=f"layer of {other}",
                numbers=False,
                square=True,
            )
        )
    measure = constants(table, ["measure"]) or "similarity"
    low, high = float(table.value.min()), float(table.value.max())
    return Spec(
        kind="grid",
        title="Every layer with every layer",
        subtitle=subtitle(table, f"{measure} on held-out sentences, n = {span(table.n)}", ["model"]),
        panels=tuple(panels),
        scale=Scale(measure, min(low, 0.0), max(high, 1.0 if high > 0.5 else high), diverging=False),
    )


def _grid_note(row: dict[str, Any]) -> Lines:
    sides = (("language", "place"), ("other_language", "other"))
    states = ", ".join(f"{row[language]} {layer_name(row[place])}" for language, place in sides)
    return states, short(number(row["value"]), 3)


OWN, OTHER = "lens_share_own", "lens_share_other"


def lens(frames: Frames) -> Spec:
    """Own tokens, the other language's, and the rest, stacked; a panel for each pair and language."""
    geometry = frames["geometry"]
    table = by_layer(
        geometry[geometry.measure.isin([OWN, OTHER])],
        ["value"],
        "figure lens: the table geometry holds no lens_share_own",
    )
    panels = []
    for title, named, rows in parts(table, (*STUDY, "language")):
        wide = rows.pivot_table(index="place", columns="measure", values="value").reset_index()
        if {OWN, OTHER} <= set(wide.columns):
            y = Axis("share of probability", range=(0.0, 1.0))
            bands = _bands(wide.dropna(subset=[OWN, OTHER]))
            panels.append(Plot(title or named["language"], layer_axis(table.place), y, bands))
    return Spec(
        kind="lens",
        title="Which language the logit lens reads",
        subtitle=subtitle(
            table,
            f"share of probability, held-out sentences, n = {span(table.n)}; panels are the languages read",
        ),
        panels=tuple(panels),
        footer="Own and other: tokens that only that language of the pair uses in the text; "
        "rest: all others.",
    )


def _bands(wide: pd.DataFrame) -> tuple[Series, ...]:
    """Each share on top of those before it."""
    own, other = (wide[name].clip(0, 1).astype(float) for name in (OWN, OTHER))
    edges = pairwise([own * 0, own, (own + other).clip(upper=1), own * 0 + 1])
    rows = (wide.assign(low=low, high=high, share=high - low) for low, high in edges)
    return tuple(
        curve(name, band, "place", "share", "low", "high", look="area", slot=slot)
        for slot, (name, band) in enumerate(zip(("own", "other", "rest"), rows, strict=True))
    )


def confounds(frames: Frames) -> Spec:
    """Measures × layers, a panel for each property of sentences and pair."""
    table = by_layer(
        frames["confounds"],
        ["rho"],
        "figure confounds: no property varies over these sentences, so none has a correlation",
    ).astype({"measure": str})
    panels = tuple(
        cells(
            title if named["confound"] in title else ", ".join(filter(None, [named["confound"], title])),
            rows,
            ("measure", "place"),
            "rho",
            _confound_note,
            names(table.measure),
            sorted(set(table.place)),
            lambda row: row["low"] <= 0 <= row["high"],
            column_title="layer",
        )
        for title, named, rows in parts(table, (*STUDY, "confound"))
    )
    return Spec(
        kind="confounds",
        title="What else the measures go along with",
        subtitle=subtitle(
            table,
            f"held-out sentences, n = {span(table.n)}; "
            "rank correlation of a property of sentences with what each adds to the measure",
        ),
        panels=panels,
        scale=Scale("Spearman's ρ", -1.0, 1.0),
        footer="Hatched corners: the 95 % interval includes 0. Dash: below 0. A measure is turned so that "
        "more is better. Properties that do not vary are left out.",
    )


def _confound_note(row: dict[str, Any]) -> Lines:
    rho = interval(row["rho"], row["low"], row["high"], 2)
    place = f"{row['measure']}, layer {layer_name(row['place'])}, {row['confound']}"
    return place, f"ρ {rho}, n = {row['n']}"
