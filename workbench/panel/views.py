"""One pair and task of a run as the panel looks at it: rows, figures as descriptions, and words as HTML."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.core.errors import InputError
from workbench.core.numbers import between, interval, number, plain, signed
from workbench.figures import Axis, Plot, Scale, Series, Spec
from workbench.figures.frames import controls, curve, layer_axis, limits, names, ordered, places, reach, span
from workbench.figures.kinds.maps import before_and_after
from workbench.figures.kinds.sweep import chosen, gain_cells, single
from workbench.figures.markup import Child, Markup, records, table, tag, words
from workbench.report.detail import details
from workbench.report.examples import changed, turned
from workbench.results import Part, open_run, read_table

_EXTRA = ("grid", "pca")
"""Tables that a report does not need; a folder may lack them."""


@dataclass(frozen=True)
class StudyView:
    """One pair and task. A *configuration* is a patch type at a strength, of an aligner at a layer."""

    part: Part
    configurations: pd.DataFrame
    """The dev sweep's configurations of one site each, with their `place` and their `label`."""
    extra: dict[str, pd.DataFrame]
    """Further tables' rows about this pair, where there are any."""
    _dev_rows: dict[tuple[str, int], pd.DataFrame] = field(default_factory=dict, repr=False)

    @property
    def title(self) -> str:
        """Pair and task."""
        return self.part.title

    @property
    def aligners(self) -> list[str]:
        """The headline first, then other aligners, then controls."""
        best = self.part.headline
        known = ordered(self.configurations.aligner, controls(self.part.tables))
        return sorted(known, key=lambda aligner: best is None or aligner != best.aligner)

    @property
    def measures(self) -> list[str]:
        """The similarities measured."""
        table = self.part.tables.get("similarity")
        return [] if table is None else names(table.measure)

    @property
    def layers(self) -> list[int]:
        """The layers patched."""
        return sorted(set(map(int, self.configurations.place)))

    def of(self, aligner: str) -> pd.DataFrame:
        """An aligner's configurations."""
        return self.configurations[self.configurations.aligner == aligner]

    def labels(self, aligner: str) -> list[str]:
        """Its formulas and strengths, in the table's order."""
        return names(self.of(aligner).label)

    def at(self, aligner: str, layer: int, label: str) -> pd.Series | None:
        """One configuration."""
        rows = self.of(aligner)
        rows = rows[(rows.place == layer) & (rows.label == label)]
        return None if rows.empty else rows.iloc[0]

    def frozen(self, aligner: str) -> Any:
        """The aligner's row of `selection`: what was fixed on dev and scored once on test.

        None where nothing was chosen, or a patch of several layers at once, which has no place here.
        """
        choices = chosen(self.part.tables).items()
        return next((row for owner, row in choices if owner[-1] == aligner), None)

    def chosen(self, aligner: str) -> tuple[int, str] | None:
        """Layer and label of what was fixed."""
        row = self.frozen(aligner)
        return None if row is None else (int(row.layer), _label(row.intervention, row.strength))

    def start(self, aligner: str) -> tuple[int, str]:
        """Where to look first: at what was fixed, or else where the gain on dev is largest."""
        best = self.of(aligner).sort_values("gain", kind="stable").iloc[-1]
        return self.chosen(aligner) or (int(best.place), str(best.label))

    # Items ---------------------------------------------------------------------------------------

    def is_chosen(self, aligner: str, layer: int, label: str) -> bool:
        """Whether test items were scored with this very configuration and are known item by item."""
        best = self.part.headline
        headline = best is not None and best.aligner == aligner
        return headline and self.chosen(aligner) == (layer, label) and "sweep" in self.part.tables

    def turned(self, aligner: str, layer: int, label: str) -> pd.DataFrame | None:
        """Items before and after this patch: on test where it is the chosen one, on dev elsewhere.

        None where the folder has no sweep.
        """
        if self.is_chosen(aligner, layer, label):
            return turned(self.part)
        configuration, rows = self.at(aligner, layer, label), self._dev(aligner, layer)
        if configuration is None or rows is None:
            return None
        # The report's function looks at the test rows of the headline.
        row = pd.DataFrame([configuration]).assign(headline=True)
        return turned(replace(self.part, tables={"selection": row, "sweep": rows.assign(split="test")}))

    def _dev(self, aligner: str, layer: int) -> pd.DataFrame | None:
        """The dev rows of a layer, read from disk when they are looked at: all of them can be millions."""
        path = self.part.folder / "sweep.parquet"
        if not path.exists():
            return None
        if (aligner, layer) not in self._dev_rows:
            dev: tuple[str, str, object] = ("split", "==", "dev")
            patched = [dev, ("aligner", "==", aligner), ("layer", "==", layer)]
            clean = [dev, ("aligner", "==", "clean")]
            self._dev_rows[aligner, layer] = read_table(path, filters=[clean, patched])
        rows = self._dev_rows[aligner, layer]
        return None if rows.empty else rows


def read_views(folder: str | Path, *more: str | Path) -> list[StudyView]:
    """Every pair and task of a run that was swept, in the run's order."""
    run = open_run(folder)
    for other in map(Path, more):
        if not other.is_dir():
            raise InputError(f"there is no folder {other}: give one that workbench measure --grid wrote")
    views = []
    for part in run.parts:
        table = single(part.tables["exploration"]) if "exploration" in part.tables else pd.DataFrame()
        if not table.empty:
            table["label"] = list(map(_label, table.intervention, table.strength))
            folders = [part.folder, run.folder, *map(Path, more)]
            tables = {name: _of_pair(name, folders, part) for name in _EXTRA}
            extra = {name: rows for name, rows in tables.items() if rows is not None}
            views.append(StudyView(part, table, extra))
    if not views:
        raise InputError(
            f"{run.folder} holds no table exploration with configurations: nothing was swept to its end; "
            "run the study, or give a folder that workbench diagnose wrote"
        )
    return views


def _of_pair(name: str, folders: Sequence[Path], part: Part) -> pd.DataFrame | None:
    """A table's rows about the pair and the model, from the first folder that has any."""
    for path in (folder / f"{name}.parquet" for folder in folders):
        if path.exists():
            table = read_table(path)
            rows = table[(table.pair == part.pair) & (table.model == part.model)]
            if not rows.empty:
                return rows
    return None


def _label(intervention: object, strength: object) -> str:
    alpha = number(strength)
    return words(intervention) + ("" if alpha is None else f", α = {alpha:g}")


# What the panel shows, all of it from tables: figures as descriptions, words and numbers as HTML.


def gains(study: StudyView, aligner: str) -> Spec:
    """Formulas and strengths × layers: the gain on dev, with the chosen cell's gain on test."""
    table, rows, frozen = study.of(aligner), study.labels(aligner), study.frozen(aligner)
    choices = chosen(study.part.tables)
    panel = gain_cells("", table.assign(row=table.label), rows, study.layers, choices, numbers=False)
    if panel.marks:
        framed = {mark.row for mark in panel.marks}
        right = tuple(number(frozen.gain) if row in framed else None for row in range(len(rows)))
        panel = replace(panel, right=right, aside_title="test gain")
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


# Words as HTML: the verdict, the numbers of a layer, the items that flipped. All escaped.


_STYLE = Markup(Path(__file__).with_name("panel.css").read_text(encoding="utf-8"))


def _boxed(*children: Child) -> str:
    return tag("div", tag("style", _STYLE), *children, class_="wb")


def headline(study: StudyView) -> str:
    """The verdict in words, and what the panel is for."""
    sentence = study.part.verdict.get("sentence")
    verdict = tag("b", sentence) if sentence else tag("span", "No verdict is written in this folder.")
    jointly = f" The chosen patch is at layers {study.part.jointly}." if study.part.jointly else ""
    about = (
        "Exploratory, on dev: the best of many cells is optimistically biased. Click a cell "
        f"of the heatmap or a point of the curve to see its layer.{jointly}"
    )
    return _boxed(tag("div", verdict, dir="auto"), tag("div", about, class_="muted"))


def looked_at(study: StudyView, aligner: str, layer: int, label: str) -> str:
    """The configuration at a layer in one line: its gain on dev, and on test where it is the chosen one."""
    configuration = study.at(aligner, layer, label)
    gain = "not tried"
    if configuration is not None:
        interval = between(configuration.low, configuration.high)
        gain = f"gain on dev {signed(configuration.gain)} {interval}, exploratory"
    frozen = study.frozen(aligner)
    if frozen is not None and study.chosen(aligner) == (layer, label):
        test = f"{signed(frozen.gain)} {between(frozen.gain_low, frozen.gain_high)}, n = {int(frozen.n)}"
        gain += f"; chosen on dev, and on test {test}"
    return _boxed(tag("h4", f"Layer {layer}: {words(aligner)}, {label}"), tag("div", gain))


def similarities(study: StudyView, layer: int, measure: str | None) -> str:
    """Every measure at a layer, the one looked at in bold."""
    similarity = study.part.tables.get("similarity")
    if similarity is None:
        return _boxed(tag("p", "The folder holds no table similarity."))
    rows: list[list[Child]] = [
        [
            tag("span", words(row["measure"]), class_="here" if row["measure"] == measure else None),
            plain(row["value"]),
            between(row["low"], row["high"]),
            str(row["note"] or ""),
        ]
        for row in records(similarity[(similarity.layer == layer).fillna(False)])
    ]
    caption = f"How alike the languages are at layer {layer}"
    return _boxed(table(caption, ["measure", "value", "95 %", ""], rows))


def no_grid(study: StudyView) -> str:
    """How to get the rows of the grid."""
    return (
        "Layer against layer is not in the folder. It is written by: workbench measure "
        f"{study.part.model} --pair {study.part.pair} --grid --out FOLDER (with the study's --text); then "
        "explore(run, FOLDER)."
    )


def note(text: str) -> str:
    """What stands where a figure would."""
    return _boxed(tag("p", text, class_="muted"))


def numbers(study: StudyView, layer: int) -> str:
    """All that the tables hold of a layer, closed until it is opened."""
    tables = [
        table(one["caption"], one["heads"], one["rows"]) for one in details(study.part).get(str(layer), [])
    ]
    if not tables:
        return ""
    return _boxed(tag("details", tag("summary", f"All numbers of layer {layer}"), *tables))


def flips(study: StudyView, aligner: str, layer: int, label: str) -> str:
    """Items that became right, and that became wrong, in both languages."""
    items = study.turned(aligner, layer, label)
    if items is None:
        return note(
            "Which items flipped is not known: the folder has no sweep.parquet with this configuration."
        )
    split = "test items" if study.is_chosen(aligner, layer, label) else "dev items, exploratory"
    right, wrong = (items.after & ~items.before).sum(), (items.before & ~items.after).sum()
    counts = f"Of {len(items):,} {split}: {right:,} became right, {wrong:,} wrong"
    return _boxed(tag("h4", "Items that flipped"), tag("div", counts), changed(study.part, items))
