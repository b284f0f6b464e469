"""The panel's figures as descriptions: gains, a measure, one row of the grid, places of sentences."""

from dataclasses import replace

from workbench.core.numbers import interval, number
from workbench.figures import Axis, Plot, Scale, Series, Spec
from workbench.figures.frames import curve, layer_axis, limits, places, reach, span
from workbench.figures.kinds.maps import before_and_after
from workbench.figures.kinds.sweep import chosen, gain_cells
from workbench.figures.markup import records, words
from workbench.figures.spec import short
from workbench.panel.views import StudyView


def gains(study: StudyView, aligner: str) -> Spec:
    """Formulas and strengths × layers: the gain on dev, with the chosen cell's gain on test."""
    table = study.of(aligner)
    panel = gain_cells(
        "",
        table.assign(row=table.label),
        study.labels(aligner),
        study.layers,
        chosen(study.part.tables),
        lambda choice: f"test {short(number(choice.gain))}",
        numbers=False,
    )
    longest = reach(study.configurations.gain)
    return Spec(
        kind="layers",
        title=f"{words(aligner)}: gain on dev, exploratory",
        subtitle=f"{study.title}: n = {span(table.n)} dev items; "
        "framed: chosen on dev, with its gain on test",
        panels=(panel,),
        scale=Scale("gain on dev", -longest, longest),
    )


def measured(study: StudyView, measure: str) -> Spec:
    """One similarity over the layers, with its interval."""
    table = study.part.tables["similarity"]
    table = table[table.measure == measure]
    table = table.assign(place=places(table)).sort_values("place", kind="stable")
    name = words(measure)
    notes = tuple(
        (f"layer {row['place']}", interval(row["value"], row["low"], row["high"])) for row in records(table)
    )
    series = curve(name, table, "place", "value", "low", "high", notes=notes)
    y = Axis(name, range=limits([*series.y, *series.low, *series.high], include=(0.0,)))
    return Spec(
        kind="alignment",
        title=f"{name} between the languages",
        subtitle=f"held-out sentences, n = {span(table.n)}",
        panels=(Plot("", layer_axis(table.place), y, (series,)),),
    )


def grid_row(study: StudyView, layer: int) -> Spec | None:
    """How alike a layer is to every other: within each language, and across; None without a table."""
    table = study.extra.get("grid")
    if table is None:
        return None
    table = table[table.value.notna()]
    table = table.assign(place=places(table), other=places(table, "other_site", "other_layer"))
    source, target = study.part.source, study.part.target
    here, there = table[table.place == layer], table[table.other == layer]
    lines = (
        (f"{source} {layer} with {target}", here, source, target, "other"),
        (f"{target} {layer} with {source}", there, source, target, "place"),
        (f"within {source}", here, source, source, "other"),
        (f"within {target}", here, target, target, "other"),
    )
    series: list[Series] = []
    for slot, (name, rows, language, other, x) in enumerate(lines):
        rows = rows[(rows.language == language) & (rows.other_language == other)]
        series.append(curve(name, rows.sort_values(x, kind="stable"), x, "value", slot=slot))
    series = [one for one in series if one.x]
    if not series:
        return None
    measure = words(table.measure.iloc[0])
    y = Axis(measure, range=limits((value for one in series for value in one.y), include=(0.0, 1.0)))
    return Spec(
        kind="grid",
        title=f"Layer {layer} with every layer",
        subtitle=f"{measure}, held-out sentences, n = {span(table.n)}",
        panels=(Plot("", layer_axis(table.other), y, tuple(series)),),
    )


def plane(study: StudyView, layer: int, aligner: str) -> Spec | str:
    """Sentences of both languages in their joint plane before and after the map; or why there is none."""
    table = study.extra.get("pca")
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
    source, target, name = str(study.part.source), str(study.part.target), words(used.aligner.iloc[0])
    before, after = before_and_after("", points, (source, target, f"{source}, mapped"))
    panels = (before, replace(after, title=f"after {name}"))
    return Spec(
        kind="pca",
        title=f"Layer {layer} before and after the map",
        subtitle=f"held-out sentences, n = {span(points.n)}; the plane is that of both languages before",
        panels=panels,
    )
