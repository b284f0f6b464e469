"""Figures of the states themselves: how alike two languages are, and which of them the logit lens reads."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from workbench.core.errors import InputError, did_you_mean
from workbench.core.numbers import interval
from workbench.figures.frames import (
    EMBEDDING,
    MANY,
    Frames,
    Lines,
    NothingToShow,
    by_depth,
    by_layer,
    cells,
    constants,
    crossed,
    curve,
    depth_ticks,
    layer_axis,
    layer_counts,
    layer_name,
    limits,
    names,
    number,
    parts,
    places,
    span,
    subtitle,
)
from workbench.figures.naming import pair_names, sides, spoken
from workbench.figures.spec import Axis, Plot, Scale, Series, Spec, short, side_by_side

FIRST = ("cka_debiased", "cka")
"""The measure that is shown, or else the first in the table."""


def _sentences(table: pd.DataFrame) -> str:
    """Which sentences were measured: those of a study are held out, of other states it depends."""
    which = {"held_out": "held-out sentences", "all": "all sentences", "chosen": "chosen sentences"}
    splits = names(table.split) if "split" in table else ["held_out"]
    return f"{' and '.join(which.get(name, f'sentences ({name})') for name in splits)}, n = {span(table.n)}"


def similarity(frames: Frames, depth: bool = False) -> Spec:
    """Pairs × layers, a panel for each model."""
    table = by_layer(
        frames["similarity"], ["value"], "figure similarity: the table similarity holds no value"
    )
    known = names(table.measure)
    measure = next((name for name in FIRST if name in known), known[0])
    table = table[table.measure == measure].astype({"pair": str})
    table["row"] = table.pair.map(pair_names(names(table.pair)))
    panels = [
        cells(title, rows, ("row", "place"), "value", _similarity_note, **_layers_of(rows, frames, depth))
        for title, _, rows in parts(table, ["model"])
    ]
    measure = spoken(measure)
    return Spec(
        kind="similarity",
        title="Similarity by pair and layer",
        subtitle=subtitle(table, f"{measure} on {_sentences(table)}", ["model", "pair"]),
        panels=tuple(panels),
        scale=Scale(
            measure, min(0.0, float(table.value.min())), max(1.0, float(table.value.max())), diverging=False
        ),
    )


def _layers_of(rows: pd.DataFrame, frames: Frames, depth: bool) -> dict[str, Any]:
    """The style of cells whose columns are the layers of one model, labelled by depth if that is asked."""
    columns = sorted(set(rows.place))
    if not depth:
        return {"columns": columns, "column_title": "layer"}
    ticks = depth_ticks(columns, layer_counts(frames)[str(rows.model.iloc[0])])
    return {"columns": columns, "column_title": "relative depth", "ticks": ticks}


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


SHOWN = (FIRST, ("retrieval_centered", "retrieval"), ("mexa", "csls"))
"""Of each, the first that the table has is shown, where no measures are named."""


def _measures(known: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The measures that are shown: those that are wanted, or three of different sorts."""
    if unknown := [name for name in wanted if name not in known]:
        raise InputError(f"no measure {unknown[0]!r} in the table: {did_you_mean(unknown[0], known)}")
    first = [next((name for name in names if name in known), None) for names in SHOWN]
    some = [name for name in first if name is not None]
    some += [name for name in known if name not in some]
    return list(wanted) or [name for name in known if name in some[: len(SHOWN)]]


def alignment(frames: Frames, depth: bool = False, measures: Sequence[str] = ()) -> Spec:
    """Curves over layers with their intervals, and what sentences paired at random would show."""
    table = by_layer(frames["similarity"], ["value"], "figure alignment: the table similarity holds no value")
    table = table.astype({"value": float})
    shown = _measures(names(table.measure), measures)
    table = table[table.measure.isin(shown)]
    table = by_depth(table, frames) if depth else table
    labels = [title or constants(table, ["pair"]) for title, _, _ in parts(table)]
    panels = []
    for measure in shown:
        rows = table[table.measure == measure]
        series = _curves(rows, labels, table)
        if "null" in frames and len(labels) == 1:
            # The range of the same measure with the target's sentences shuffled.
            null = by_layer(frames["null"], ["null_mean"])
            null = by_depth(null, frames) if depth else null
            null = null[null.measure == measure].sort_values("place")
            ends = ("null_mean", "null_low", "null_high")
            random = curve("paired at random", null, "place", *ends, role="reference")
            series += (random,) if random.x else ()
        y = Axis("", range=limits(v for one in series for v in (*one.y, *one.low, *one.high)))
        panels.append(Plot(spoken(measure), layer_axis(table.place, depth), y, series))
    bands = sorted({str(kind) for kind in table.interval.dropna() if kind})
    signs = f"Bands: 95 % intervals ({' or '.join(bands)}), where a measure has them. " if bands else ""
    signs += "Layer −1: the embedding. " if not depth and (table.place == EMBEDDING).any() else ""
    if any(series.role == "reference" for panel in panels for series in panel.series):
        signs += "Dotted: mean, 5 % and 95 % point of sentences paired at random. "
    return Spec(
        kind="alignment",
        title="Similarity of source and target over layers",
        subtitle=subtitle(table, _sentences(table)),
        panels=tuple(panels),
        footer="A Procrustes distance is small where languages are alike." if "procrustes" in shown else "",
        signs=signs,
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
    for head, _, group in parts(table, ["model", "measure"]):
        for _, named, rows in parts(group, keys):
            one, other = named["language"], named["other_language"]
            title = f"within {one}" if one == other else f"{one} with {other}"
            panel = cells(
                title,
                rows,
                ("place", "other"),
                "value",
                _grid_note,
                sorted(set(rows.place), reverse=True),
                row_title=f"layer of {one}",
                column_title=f"layer of {other}",
                numbers=False,
                square=True,
                head=head,
            )
            panels.append(panel)
    measure = constants(table, ["measure"]) or "similarity"
    low, high = float(table.value.min()), float(table.value.max())
    return Spec(
        kind="grid",
        title="Similarity between all pairs of layers",
        subtitle=subtitle(table, f"{measure} on held-out sentences, n = {span(table.n)}", ["model"]),
        panels=tuple(panels),
        together=side_by_side(panels),
        scale=Scale(measure, min(low, 0.0), max(high, 1.0 if high > 0.5 else high), diverging=False),
    )


def _grid_note(row: dict[str, Any]) -> Lines:
    sides = (("language", "place"), ("other_language", "other"))
    states = ", ".join(f"{row[language]} {layer_name(row[place])}" for language, place in sides)
    return states, short(number(row["value"]), 3)


OWN, OTHER = "lens_share_own", "lens_share_other"


def lens(frames: Frames, depth: bool = False) -> Spec:
    """Own tokens, the other language's, and the rest, stacked; a panel for each pair and language."""
    geometry = frames["geometry"]
    table = by_layer(
        geometry[geometry.measure.isin([OWN, OTHER])],
        ["value"],
        "figure lens: the table geometry holds no lens_share_own",
    )
    table = by_depth(table, frames) if depth else table
    panels = []
    for head, named, rows in _readings(table):
        wide = rows.pivot_table(index="place", columns="measure", values="value").reset_index()
        if {OWN, OTHER} <= set(wide.columns):
            y = Axis("share", range=(0.0, 1.0))
            bands = _bands(wide.dropna(subset=[OWN, OTHER]))
            side = sides(named["pair"])
            title = "source" if side and side[0] == named["language"] else "target"
            title = f"{title}: {named['language']}" if not head else title
            panels.append(Plot(title, layer_axis(table.place, depth), y, bands, head=head))
    return Spec(
        kind="lens",
        title="Share of probability that the logit lens gives to tokens of each language",
        subtitle=subtitle(table, f"held-out sentences, n = {span(table.n)}"),
        panels=tuple(panels),
        together=side_by_side(panels),
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


def _readings(table: pd.DataFrame) -> Iterator[tuple[str, dict[str, str], pd.DataFrame]]:
    """Of each model and pair, the sentences in either language: a name where there are several pairs."""
    for head, named, rows in parts(table):
        for _, language, own in parts(rows, ["language"]):
            yield head, named | language, own


def confounds(frames: Frames, depth: bool = False) -> Spec:
    """Measures × layers, a panel for each property of sentences and pair."""
    table = by_layer(
        frames["confounds"],
        ["rho"],
        "figure confounds: no property varies over these sentences, so none has a correlation",
    ).astype({"measure": str})
    table["row"] = table.measure.map(spoken)
    panels = tuple(
        cells(
            title,
            rows,
            ("row", "place"),
            "rho",
            _confound_note,
            names(table.row),
            hatched=lambda row: row["low"] <= 0 <= row["high"],
            head=", ".join(filter(None, (model, head))),
            numbers=False,
            **_layers_of(rows, frames, depth),
        )
        for model, _, own in parts(table, ["model"])
        for head, title, rows in crossed(own, "pair", "confound")
    )
    about = constants(table, ["confound"]) or "a property of sentences"
    return Spec(
        kind="confounds",
        title="Correlation of measures with properties of sentences",
        subtitle=subtitle(
            table,
            f"held-out sentences, n = {span(table.n)}; "
            f"rank correlation of {about} with what each sentence adds to the measure",
        ),
        panels=panels,
        scale=Scale("Spearman's ρ", -1.0, 1.0),
        footer="A measure is turned so that more is better. Properties that do not vary are left out.",
        signs="Grey dot: the 95 % interval includes 0. Dash: below 0.",
        together=side_by_side(panels),
    )


def _confound_note(row: dict[str, Any]) -> Lines:
    rho = interval(row["rho"], row["low"], row["high"], 2)
    place = f"{row['measure']}, layer {layer_name(row['place'])}, {row['confound']}"
    return place, f"ρ {rho}, n = {row['n']}"
