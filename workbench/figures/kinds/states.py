"""Figures of the states themselves: how alike two languages are, and which of them the logit lens reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.core.numbers import interval
from workbench.figures.frames import (
    MANY,
    Frames,
    NothingToShow,
    layer_axis,
    layer_name,
    limits,
    number,
    numbers,
    parts,
    places,
    residual,
    said,
    span,
)
from workbench.figures.spec import Axis, Cells, Plot, Scale, Series, Spec, short

FIRST = ("cka_debiased", "cka")
"""The measure that is shown, or else the first in the table."""


def similarity(frames: Frames) -> Spec:
    """Pairs × layers, a panel for each model."""
    table = residual(frames["similarity"])
    table = table.assign(place=places(table))[table.value.notna().to_numpy()]
    if table.empty:
        raise NothingToShow("figure similarity: the table similarity holds no value")
    known = list(dict.fromkeys(map(str, table.measure)))
    measure = next((name for name in FIRST if name in known), known[0])
    table = table[table.measure == measure]
    panels = []
    for title, _, mine in parts(table, ["model"]):
        rows = list(dict.fromkeys(map(str, mine.pair)))
        columns = sorted(set(mine.place))
        found = {(str(row["pair"]), row["place"]): row for row in mine.to_dict("records")}
        cells = [[found.get((row, column)) for column in columns] for row in rows]
        panels.append(
            Cells(
                title=title,
                rows=tuple(rows),
                columns=tuple(map(layer_name, columns)),
                values=tuple(
                    tuple(None if c is None else number(c["value"]) for c in line) for line in cells
                ),
                row_title="pair",
                column_title="layer",
                notes=tuple(tuple(() if c is None else _similarity_note(c) for c in line) for line in cells),
            )
        )
    same = said(table, ["model"])
    high = max(1.0, float(table.value.max()))
    return Spec(
        kind="similarity",
        title="Where two languages are alike",
        subtitle=f"{same + ': ' if same else ''}{measure} on held-out sentences, n = {span(table.n)}",
        panels=tuple(panels),
        scale=Scale(measure, min(0.0, float(table.value.min())), high, diverging=False),
    )


def _similarity_note(cell: Mapping[Any, Any]) -> tuple[str, ...]:
    value, low, high = (number(cell[name]) for name in ("value", "low", "high"))
    return (f"{cell['pair']}, layer {layer_name(cell['place'])}", interval(value, low, high, sign=False))


def curves_of(
    mine: pd.DataFrame, keys: Sequence[str], names: Sequence[str], whole: pd.DataFrame
) -> tuple[Series, ...]:
    """A curve of `value` over `place` for each group; `whole` has all groups, so that colours stay theirs."""
    order = [tuple(named.values()) for _, named, _ in parts(whole, keys)]
    found = []
    for _, named, rows in parts(mine, keys):
        slot = order.index(tuple(named.values()))
        rows = rows.drop_duplicates("place").sort_values("place")
        found.append(
            Series(
                names[slot],
                tuple(map(float, rows.place)),
                numbers(rows.value),
                numbers(rows.low) if "low" in rows else (),
                numbers(rows.high) if "high" in rows else (),
                slot=slot,
            )
        )
    if len(order) <= MANY:
        return tuple(found)
    faint = tuple(Series(one.name, one.x, one.y, role="faint", slot=one.slot) for one in found)
    return (*faint, _median(mine, len(order)))


def _median(mine: pd.DataFrame, count: int) -> Series:
    middle = mine.assign(value=mine.value.astype(float)).groupby("place").value.median()
    return Series(
        f"median of {count}",
        tuple(map(float, middle.index)),
        tuple(number(value) for value in middle),
        slot=0,
    )


def alignment(frames: Frames) -> Spec:
    """Curves over layers with their intervals, and what sentences paired at random would show."""
    table = residual(frames["similarity"])
    table = table.assign(place=places(table), value=table.value.astype("Float64"))
    table = table[table.value.notna()]
    if table.empty:
        raise NothingToShow("figure alignment: the table similarity holds no value")
    null = residual(frames["null"]) if "null" in frames else None
    keys = ["model", "pair"]
    names = [title or said(table, ["pair"]) for title, _, _ in parts(table, keys)]
    axis = layer_axis(table.place)
    panels = []
    for measure, mine in table.groupby("measure", sort=False):
        series = curves_of(mine, keys, names, table)
        series += _null(null, str(measure)) if len(names) == 1 else ()
        values = [v for one in series for v in (*one.y, *one.low, *one.high)]
        panels.append(Plot(str(measure), axis, Axis("similarity", range=limits(values)), series))
    bands = sorted({str(kind) for kind in table.interval.dropna() if kind})
    footer = f"Bands: 95 % intervals ({' or '.join(bands)}), where a measure has them. " if bands else ""
    if any(s.role == "reference" for panel in panels for s in panel.series):
        footer += "Dashed: mean, 5 % and 95 % point of sentences paired at random. "
    same = said(table, ["model", "pair"])
    return Spec(
        kind="alignment",
        title="How alike two languages are",
        subtitle=f"{same + ': ' if same else ''}held-out sentences, n = {span(table.n)}; source with target",
        panels=tuple(panels),
        footer=footer + "A procrustes distance is small where languages are alike.",
    )


def _null(null: pd.DataFrame | None, measure: str) -> tuple[Series, ...]:
    """The range of the same measure with the target's sentences shuffled."""
    if null is None:
        return ()
    mine = null[(null.measure == measure) & null.null_mean.notna()]
    if mine.empty:
        return ()
    mine = mine.assign(place=places(mine)).sort_values("place")

    def column(name: str) -> Sequence[float | None]:
        return tuple(map(number, mine[name]))

    return (
        Series(
            "paired at random",
            tuple(map(float, mine.place)),
            tuple(column("null_mean")),
            tuple(column("null_low")),
            tuple(column("null_high")),
            role="reference",
        ),
    )


def grid(frames: Frames) -> Spec:
    """Layers × layers, a panel for each two languages of a pair (or one language and itself)."""
    table = frames["grid"]
    table = table.assign(place=places(table), other=places(table, "other_site", "other_layer"))
    table = table[table.value.notna()]
    if table.empty:
        raise NothingToShow("figure grid: the table grid holds no value")
    # What a language is like within itself belongs to every pair it is in; once is enough.
    table = table.drop_duplicates(["model", "measure", "language", "other_language", "place", "other"])
    panels = []
    for _, named, mine in parts(table, ["model", "measure", "language", "other_language"]):
        one, other = named["language"], named["other_language"]
        rows, columns = sorted(set(mine.place), reverse=True), sorted(set(mine.other))
        cells = {(row.place, row.other): number(row.value) for row in mine.itertuples()}
        values = tuple(tuple(cells.get((row, column)) for column in columns) for row in rows)
        notes = tuple(
            tuple(
                (f"{one} {layer_name(row)}, {other} {layer_name(column)}", short(cells[row, column], 3))
                if (row, column) in cells
                else ()
                for column in columns
            )
            for row in rows
        )
        about = ", ".join(named[key] for key in ("model", "measure") if table[key].nunique() > 1)
        within = one == other
        name = f"within {one}" if within else f"{one} with {other}"
        panels.append(
            Cells(
                title=f"{name}, {about}" if about else name,
                rows=tuple(map(layer_name, rows)),
                columns=tuple(map(layer_name, columns)),
                values=values,
                row_title=f"layer of {one}",
                column_title=f"layer of {other}",
                notes=notes,
                numbers=False,
                square=True,
            )
        )
    measure = said(table, ["measure"]) or "similarity"
    low, high = float(table.value.min()), float(table.value.max())
    same = said(table, ["model"])
    return Spec(
        kind="grid",
        title="Every layer with every layer",
        subtitle=f"{same + ': ' if same else ''}{measure} on held-out sentences, n = {span(table.n)}",
        panels=tuple(panels),
        scale=Scale(measure, min(low, 0.0), max(high, 1.0 if high > 0.5 else high), diverging=False),
    )


OWN, OTHER = "lens_share_own", "lens_share_other"


def lens(frames: Frames) -> Spec:
    """Own tokens, the other language's, and the rest, stacked; a panel for each pair and language."""
    table = residual(frames["geometry"])
    table = table[table.measure.isin([OWN, OTHER]) & table.value.notna()]
    if table.empty:
        raise NothingToShow("figure lens: the table geometry holds no lens_share_own")
    table = table.assign(place=places(table))
    panels = []
    for title, named, mine in parts(table, ["model", "pair", "language"]):
        wide = mine.pivot_table(index="place", columns="measure", values="value").sort_index()
        if not {OWN, OTHER} <= set(wide.columns):
            continue
        wide = wide[wide[OWN].notna() & wide[OTHER].notna()]
        panels.append(Plot(title or named["language"], layer_axis(table.place), _SHARE, tuple(_bands(wide))))
    same = said(table, ["model", "pair"])
    return Spec(
        kind="lens",
        title="Which language the logit lens reads",
        subtitle=f"{same + ': ' if same else ''}share of probability, "
        f"held-out sentences, n = {span(table.n)}; panels are the languages read",
        panels=tuple(panels),
        footer="Own and other: tokens that only that language of the pair uses in the text; "
        "rest: all others.",
    )


_SHARE = Axis("share of probability", range=(0.0, 1.0))


def _bands(wide: pd.DataFrame) -> list[Series]:
    x = tuple(map(float, wide.index))
    own, other = (wide[name].clip(0, 1).astype(float) for name in (OWN, OTHER))
    edges = [own * 0, own, (own + other).clip(upper=1), own * 0 + 1]
    return [
        Series(
            name,
            x,
            tuple(number(value) for value in high - low),
            tuple(map(number, low)),
            tuple(map(number, high)),
            look="area",
            slot=slot,
        )
        for slot, (name, low, high) in enumerate(
            zip(("own", "other", "rest"), edges[:-1], edges[1:], strict=True)
        )
    ]


def confounds(frames: Frames) -> Spec:
    """Measures × layers, a panel for each property of sentences and pair."""
    table = residual(frames["confounds"])
    table = table[table.rho.notna()]
    if table.empty:
        raise NothingToShow(
            "figure confounds: no property varies over these sentences, so none has a correlation"
        )
    table = table.assign(place=places(table))
    columns, measures = sorted(set(table.place)), list(dict.fromkeys(table.measure.astype(str)))
    panels = []
    for title, named, mine in parts(table, ["model", "pair", "confound"]):
        name = title if named["confound"] in title else ", ".join(filter(None, [named["confound"], title]))
        found: list[Any] = list(mine.itertuples())
        cells = {(str(row.measure), row.place): row for row in found}
        each = tuple(tuple(cells.get((measure, place)) for place in columns) for measure in measures)
        panels.append(
            Cells(
                title=name,
                rows=tuple(measures),
                columns=tuple(map(layer_name, columns)),
                values=tuple(tuple(None if c is None else number(c.rho) for c in row) for row in each),
                column_title="layer",
                hatched=tuple(tuple(c is not None and c.low <= 0 <= c.high for c in row) for row in each),
                notes=tuple(tuple(map(_confound_note, row)) for row in each),
            )
        )
    same = said(table, ["model", "pair"])
    return Spec(
        kind="confounds",
        title="What else the measures go along with",
        subtitle=f"{same + ': ' if same else ''}held-out sentences, n = {span(table.n)}; "
        "rank correlation of a property of sentences with what each adds to the measure",
        panels=tuple(panels),
        scale=Scale("Spearman's ρ", -1.0, 1.0),
        footer="Hatched corners: the 95 % interval includes 0. Dash: below 0. A measure is turned so that "
        "more is better. Properties that do not vary are left out.",
    )


def _confound_note(row: Any) -> tuple[str, ...]:
    """The lines that explain a cell."""
    if row is None:
        return ()
    rho = interval(number(row.rho), number(row.low), number(row.high), 2)
    return (f"{row.measure}, layer {layer_name(row.place)}, {row.confound}", f"ρ {rho}, n = {row.n}")
