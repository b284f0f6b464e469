"""The panel's figures as descriptions: gains, a measure, one row of the grid, places of sentences."""

from dataclasses import replace
from typing import Any

import pandas as pd

from workbench.core.numbers import interval
from workbench.figures import Axis, Cells, Mark, Plot, Scale, Series, Spec
from workbench.figures.frames import layer_axis, limits, number, numbers, places, reach, span
from workbench.figures.kinds.maps import before_and_after
from workbench.figures.kinds.sweep import cells_of
from workbench.figures.markup import words
from workbench.figures.spec import short
from workbench.panel.explored import Explored


def gains(seen: Explored, aligner: str) -> Spec:
    """Formulas and strengths × layers: the gain on dev, with the chosen cell's gain on test."""
    table = seen.of(aligner)
    rows, columns = seen.labels(aligner), seen.layers
    marks, chosen, row = [], seen.chosen(aligner), seen.frozen(aligner)
    if chosen and row is not None and chosen[1] in rows and chosen[0] in columns:
        marks = [Mark(rows.index(chosen[1]), columns.index(chosen[0]), f"test {short(number(row.gain))}")]
    cells = cells_of(table, rows, columns, "label")
    panel = Cells(title="", rows=tuple(rows), marks=tuple(marks), numbers=False, **cells)
    longest = reach(seen.configurations.gain)
    return Spec(
        kind="layers",
        title=f"{words(aligner)}: gain on dev, exploratory",
        subtitle=f"{seen.title}: n = {span(table.n)} dev items; framed: chosen on dev, with its gain on test",
        panels=(panel,),
        scale=Scale("gain on dev", -longest, longest),
    )


def measured(seen: Explored, measure: str) -> Spec:
    """One similarity over the layers, with its interval."""
    table = seen.part.tables["similarity"]
    table = table[table.measure == measure]
    table = table.assign(place=places(table)).sort_values("place", kind="stable")
    found: list[Any] = list(table.itertuples())
    notes = [
        (f"layer {row.place}", interval(number(row.value), number(row.low), number(row.high)))
        for row in found
    ]
    series = Series(
        name=words(measure),
        x=tuple(float(place) for place in table.place),
        y=numbers(table.value),
        low=numbers(table.low),
        high=numbers(table.high),
        notes=tuple(notes),
    )
    y = Axis(words(measure), range=limits([*series.y, *series.low, *series.high], include=(0.0,)))
    return Spec(
        kind="alignment",
        title=f"{words(measure)} between the languages",
        subtitle=f"held-out sentences, n = {span(table.n)}",
        panels=(Plot("", layer_axis(table.place), y, (series,)),),
    )


def grid_row(seen: Explored, layer: int) -> Spec | None:
    """How alike a layer is to every other: within each language, and across; None without a table."""
    table = seen.table("grid")
    if table is None:
        return None
    table = table[table.value.notna()]
    table = table.assign(place=places(table), other=places(table, "other_site", "other_layer"))
    source, target = seen.part.source, seen.part.target
    across = (table.language == source) & (table.other_language == target)
    inside = table.language == table.other_language
    lines = (
        (f"{source} {layer} with {target}", table[across & (table.place == layer)], "other"),
        (f"{target} {layer} with {source}", table[across & (table.other == layer)], "place"),
        *(
            (f"within {code}", table[inside & (table.language == code) & (table.place == layer)], "other")
            for code in (source, target)
        ),
    )
    series = [_line(name, rows, axis, slot) for slot, (name, rows, axis) in enumerate(lines) if len(rows)]
    if not series:
        return None
    measure = words(table.measure.iloc[0])
    values = [value for one in series for value in one.y]
    return Spec(
        kind="grid",
        title=f"Layer {layer} with every layer",
        subtitle=f"{measure}, held-out sentences, n = {span(table.n)}",
        panels=(
            Plot("", layer_axis(table.other), Axis(measure, range=limits(values, (0.0, 1.0))), tuple(series)),
        ),
    )


def _line(name: str, rows: pd.DataFrame, axis: str, slot: int) -> Series:
    rows = rows.sort_values(axis, kind="stable")
    return Series(name, tuple(map(float, rows[axis])), numbers(rows.value), slot=slot)


def plane(seen: Explored, layer: int, aligner: str) -> Spec | str:
    """Sentences of both languages in their joint plane before and after the map; or why there is none."""
    table = seen.table("pca")
    if table is None:
        return "The folder holds no table pca: a study that is run again writes it."
    here = table[(table.layer == layer).fillna(False)]
    if here.empty:
        return f"The table pca has no rows of layer {layer}."
    mine = here[here.aligner == aligner]
    used = mine if len(mine) else here[here.aligner == here.aligner.iloc[0]]
    points = used[used.x.notna()]
    if points.empty:
        return f"Layer {layer}: {used.note.iloc[0]}"
    if not {True, False} <= set(points.mapped.astype(bool)) or points.language.nunique() < 2:
        return f"Layer {layer}: the table pca lacks a language, before the map or after it."
    source, target, name = str(seen.part.source), str(seen.part.target), words(used.aligner.iloc[0])
    before, after = before_and_after("", points, (source, target, f"{source}, mapped"))
    panels = (before, replace(after, title=f"after {name}"))
    return Spec(
        kind="pca",
        title=f"Layer {layer} before and after the map",
        subtitle=f"held-out sentences, n = {span(points.n)}; the plane is that of both languages before",
        panels=panels,
    )
