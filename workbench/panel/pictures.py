"""The panel's figures: the map with curves below it, the map of an item, a row of the grid, the plane."""

from collections.abc import Sequence
from dataclasses import replace
from textwrap import wrap
from typing import Any

import pandas as pd

from workbench.core.numbers import interval, number, signed
from workbench.figures import Axis, Plot, Scale, Series, Spec, draw_interactive
from workbench.figures.frames import (
    cells,
    controls,
    curve,
    is_control,
    layer_axis,
    limits,
    places,
    reach,
    span,
)
from workbench.figures.kinds.maps import before_and_after
from workbench.figures.kinds.sweep import chosen, gain_cells
from workbench.figures.markup import records, words
from workbench.panel.views import Place, StudyView, alpha

_INK = "#d4145a"
"""Colour of the frames that show where one looks."""
_ROW, _CURVE, _GAP, _TOP, _BOTTOM = 24, 120, 34, 64, 44
"""Heights in pixels: a row of a map, a curve, what is between them, title, names of layers."""
_LINE = 60
"""Characters of a line of a sentence that is pointed at."""
_MAPPED = ", mapped"
"""What the cloud of mapped states has behind its language."""
OF_MAP, OF_GAINS, OF_MEASURE = "y", "y2", "y3"
"""Which panel of the map's figure was clicked."""

# Descriptions ------------------------------------------------------------------------------------


def gain_map(study: StudyView) -> Spec:
    """Methods × layers: the gain on dev; framed, what each aligner chose, its gain on test to the right."""
    table, known = study.rows, controls(study.part.tables)
    names = [method.name for method in study.methods]
    above = sum(not is_control(method.aligner, known) for method in study.methods)
    panel = gain_cells(
        "",
        table,
        names,
        study.layers,
        chosen(study.part.tables),
        numbers=False,
        rule_after=above if 0 < above < len(names) else None,
    )
    framed = {mark.row for mark in panel.marks}
    frozen = [study.frozen(method) if row in framed else None for row, method in enumerate(study.methods)]
    right = tuple(None if row is None else number(row.gain) for row in frozen)
    panel = replace(panel, right=right if framed else (), aside_title="test gain" if framed else "")
    longest = reach(study.configurations.gain)
    return Spec(
        kind="aligners",
        title="Gain on dev by method and layer, exploratory",
        subtitle=f"{study.title}: n = {span(table.n)} dev items; framed: chosen on dev, its gain on test "
        "to the right; *: control; dot: the band includes 0",
        panels=(panel,),
        scale=Scale("gain on dev", -longest, longest),
    )


def gain_curves(study: StudyView, place: Place) -> Plot:
    """The gains of a method over layers: its strength with the simultaneous band, other strengths faint."""
    series = []
    strengths: list[float | None] = [*study.strengths(place.method)]
    for strength in strengths or [None]:
        rows = study.of(place.method, strength).sort_values("place")
        here = strength == place.strength
        style: dict[str, Any] = {} if here else {"role": "faint"}
        notes = tuple(
            (f"layer {row['place']}{alpha(strength)}", _ranged("gain", row, "gain")) for row in records(rows)
        )
        ends = ("band_low", "band_high") if here else ("", "")
        rows = rows.assign(at=[study.at(int(layer)) for layer in rows.place])
        series.append(curve(_named(strength), rows, "at", "gain", *ends, notes=notes, **style))
    # The strength looked at is drawn last, over the others.
    series.sort(key=lambda one: one.role == "main")
    values = [value for one in series for value in (*one.y, *one.low, *one.high)]
    about = f"gain on dev: {place.method.title}{alpha(place.strength)}"
    more = ", other strengths faint" if len(series) > 1 else ""
    y = Axis("gain", range=limits(values, include=(0.0,)))
    return Plot(about + more, Axis("layer"), y, tuple(series))


def _ranged(name: str, row: dict[str, Any], column: str) -> str:
    return f"{name} {interval(row[column], row['low'], row['high'])}"


def _named(strength: float | None) -> str:
    return f"{strength:g}" if strength is not None else "gain"


def strength_named(study: StudyView, place: Place, name: str) -> float | None:
    """The strength whose curve has this name; the one looked at where no curve has."""
    strengths = study.strengths(place.method)
    return next((strength for strength in strengths if _named(strength) == name), place.strength)


def measured(study: StudyView, measure: str) -> Plot:
    """One similarity over the layers, with its interval."""
    table = study.similarity[study.similarity.measure == measure].sort_values("place", kind="stable")
    table = table.assign(at=[study.at(int(layer)) for layer in table.place])
    name = words(measure)
    notes = tuple(
        (f"layer {row['layer']}" if row["at"] >= 0 else "embedding", _ranged(name, row, "value"))
        for row in records(table)
    )
    series = curve(name, table, "at", "value", "low", "high", notes=notes, slot=2)
    y = Axis("", range=limits([*series.y, *series.low, *series.high], include=(0.0,)))
    title = f"{name} between the languages, held-out sentences, n = {span(table.n)}"
    return Plot(title, Axis("layer"), y, (series,))


def item_map(study: StudyView, example: str) -> Spec | None:
    """Methods × layers for one dev item: the change of its margin; a dot where its answer is as before."""
    table = study.item(example)
    if table is None:
        return None
    panel = cells(
        "",
        table,
        ("row", "place"),
        "change",
        lambda row: (
            row["row"],
            f"layer {row['place']}: {'right' if row['before'] else 'wrong'} without the patch, "
            f"{'right' if row['after'] else 'wrong'} with it",
            f"margin {signed(row['change'], 2)} nats",
        ),
        [method.name for method in study.methods],
        study.layers,
        lambda row: row["before"] == row["after"],
        column_title="layer patched",
        numbers=False,
    )
    longest = reach(map(number, table.change))
    before = "right" if bool(table.before.iloc[0]) else "wrong"
    return Spec(
        kind="aligners",
        title=f"Item {example} at every layer",
        subtitle=f"{before} without a patch; colour: margin with the patch less without; dot: answered "
        "as before. Click a cell to go there",
        panels=(panel,),
        scale=Scale("nats", -longest, longest),
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


def points_of(study: StudyView, layer: int, aligner: str) -> pd.DataFrame | str:
    """The rows of `pca` that a layer's plane shows; or why there is none."""
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
    return points


def plane(study: StudyView, points: pd.DataFrame) -> Spec:
    """Sentences of both languages in their joint plane, before and after the map."""
    source, target = str(study.part.source), str(study.part.target)
    before, after = before_and_after("", points, (source, target, source + _MAPPED))
    panels = [
        replace(panel, series=tuple(_with_sentences(study, one, points) for one in panel.series))
        for panel in (before, replace(after, title=f"after {words(points.aligner.iloc[0])}"))
    ]
    return Spec(
        kind="pca",
        title=f"Layer {points.layer.iloc[0]} before and after the map",
        subtitle=f"held-out sentences, n = {span(points.n)}; the plane is that of both languages before; "
        "click a point to read its sentence",
        panels=tuple(panels),
    )


def numbers_of(points: pd.DataFrame, name: str) -> list[int]:
    """The sentences of a cloud of the plane, in the order of its points; of another name, none."""
    is_mapped = points.mapped.astype(bool) == name.endswith(_MAPPED)
    return list(map(int, points[(points.language == name.removesuffix(_MAPPED)) & is_mapped].sentence))


def _with_sentences(study: StudyView, series: Series, points: pd.DataFrame) -> Series:
    """A cloud whose points say their sentence."""
    if series.look != "cloud":
        return series
    language = series.name.removesuffix(_MAPPED)
    notes = []
    for sentence in numbers_of(points, series.name):
        said = study.sentence(sentence, language) or ""
        notes.append((f"{series.name}, sentence {sentence}", *wrap(said, _LINE, max_lines=4)))
    return replace(series, notes=tuple(notes))


# Drawings ----------------------------------------------------------------------------------------


def stacked(map_: Spec, curves: Sequence[Plot], at: Sequence[tuple[float, str]]) -> Any:
    """A map with curves below it, all on the map's axis of layers; `at` are places of it with their names."""
    figure = draw_interactive(map_)
    rows = len(map_.cells[0].rows)
    heights = [_ROW * max(rows, 4), *(_CURVE for _ in curves)]
    body = sum(heights) + _GAP * len(curves)
    tops = [1 - (sum(heights[:i]) + _GAP * i) / body for i in range(len(heights))]
    domains = [(max(0.0, top - height / body), top) for top, height in zip(tops, heights, strict=True)]
    figure.layout.yaxis.update(domain=domains[0], anchor="x")
    for place, (plot, domain) in enumerate(zip(curves, domains[1:], strict=True), 2):
        drawn = draw_interactive(Spec("", "", "", (plot,)))
        figure.add_traces([trace.update(xaxis="x", yaxis=f"y{place}") for trace in drawn.data])
        for shape in drawn.layout.shapes:
            figure.add_shape(shape.update(yref=shape.yref.replace("y", f"y{place}")))
        axis = drawn.layout.yaxis.to_plotly_json() | {"domain": domain, "anchor": "x", "nticks": 4}
        figure.update_layout({f"yaxis{place}": axis})
        figure.add_annotation(
            text=plot.title, x=0, y=domain[1], yanchor="bottom", xanchor="left", showarrow=False
        )
        figure.layout.annotations[-1].update(xref="paper", yref="paper", name="title", font={"size": 11})
    ticks = figure.layout.xaxis.to_plotly_json()
    names = dict(zip(ticks["tickvals"], ticks["ticktext"], strict=True))
    names |= dict(place for place in at if place[0] < 0)
    figure.layout.xaxis.update(
        anchor=f"y{len(heights)}" if curves else "y",
        range=[min(place for place, _ in at) - 0.5, max(place for place, _ in at) + 0.5],
        tickvals=list(names),
        ticktext=list(names.values()),
        title={"text": "layer", "standoff": 4},
    )
    bar = {"len": domains[0][1] - domains[0][0], "lenmode": "fraction", "y": 1, "yanchor": "top"}
    figure.update_layout(coloraxis={"colorbar": bar}, plot_bgcolor="#ffffff")
    return _dressed(figure, body + _TOP + _BOTTOM)


def point_at(figure: Any, column: float, row: int | None) -> None:
    """Frame a column of the map and its curves, and a cell of it where the row is known."""
    figure.layout.shapes = [shape for shape in figure.layout.shapes if shape.name not in ("here", "cell")]
    ends = {"x0": column - 0.5, "x1": column + 0.5, "xref": "x"}
    dotted = {"color": _INK, "width": 1.5, "dash": "dot"}
    figure.add_shape(type="rect", name="here", yref="paper", y0=0, y1=1, line=dotted, **ends)
    if row is not None:
        solid = {"color": _INK, "width": 3}
        figure.add_shape(type="rect", name="cell", yref="y", y0=row - 0.5, y1=row + 0.5, line=solid, **ends)


def lone(spec: Spec, height: int) -> Any:
    """One figure in less room than a page has, with its legend; it is as wide as its place."""
    figure = draw_interactive(spec)
    top = 0.92 if any(note.name == "title" for note in figure.layout.annotations) else 1.0
    figure.update_yaxes(domain=[0, top])
    figure.update_annotations(y=top, selector={"name": "title"})
    return _dressed(figure, height, legend=True)


def _dressed(figure: Any, height: float, legend: bool = False) -> Any:
    title = figure.layout.title
    figure.update_layout(
        height=height,
        showlegend=legend,
        margin={"l": 20, "r": 20, "t": _TOP, "b": 84 if legend else _BOTTOM},
        # Plotly keeps the first subtitle of a figure that is drawn anew, so that it goes into the title.
        title={
            "text": f'{title.text}<br><span style="font-size: 11px">{title.subtitle.text or ""}</span>',
            "subtitle": {"text": ""},
            "font": {"size": 14},
            "y": 1,
            "pad": {"t": 14},
            "yanchor": "top",
            "yref": "container",
        },
        hovermode="closest",
    )
    # What a point says, without its coordinates before it.
    return figure.for_each_trace(lambda trace: trace.update(hoverinfo="text") if trace.hovertext else None)
