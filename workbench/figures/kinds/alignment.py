"""How alike two languages' states are at every layer: a panel for each measure, a curve for each pair."""

from collections.abc import Sequence

import pandas as pd

from workbench.figures.curves import curves_of
from workbench.figures.frames import (
    NothingToShow,
    layer_axis,
    limits,
    number,
    parts,
    places,
    residual,
    said,
    span,
)
from workbench.figures.spec_parts import Axis, Plot, Series, Spec
from workbench.figures.tables_in import Frames


def spec(frames: Frames) -> Spec:
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
