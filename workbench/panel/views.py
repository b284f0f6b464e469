"""One pair and task of a run as the panel looks at it: methods, layers, items and sentences."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from workbench.core.errors import InputError
from workbench.core.numbers import number
from workbench.figures.frames import EMBEDDING, by_layer, controls, layer_name, marked, names, ordered, places
from workbench.figures.kinds.sweep import at_chosen, chosen, single
from workbench.figures.markup import records, words
from workbench.report.examples import turned
from workbench.results import Part, open_run, read_table

_EXTRA = ("grid", "pca")
"""Tables that a report does not need; a folder may lack them."""
_OWN = ["aligner", "intervention", "positions"]
"""Columns that tell the methods of a study apart."""


class Method(NamedTuple):
    """An aligner with a patch type: a row of the map, at the strength chosen for it or else its largest."""

    aligner: str
    intervention: str
    positions: str
    strength: float | None
    title: str
    """Aligner, of a control with a star, and patch type."""
    name: str
    """The title with the strength: the name of the row."""


class Place(NamedTuple):
    """What is looked at: a method at a strength and a layer."""

    method: Method
    strength: float | None
    layer: int


@dataclass(frozen=True)
class StudyView:
    """One pair and task."""

    part: Part
    configurations: pd.DataFrame
    """The dev sweep's configurations of one site each, with their `place` and `few`."""
    extra: dict[str, pd.DataFrame]
    """Further tables' rows about this pair, where there are any."""
    text: pd.DataFrame | None
    """The sentences of the run, one column a language; None where the folder does not hold them."""
    _dev_rows: dict[Any, pd.DataFrame | None] = field(default_factory=dict, repr=False)

    @property
    def title(self) -> str:
        """Pair and task."""
        return self.part.title

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The configurations of the map: every method at one strength; `title` and `row` name it."""
        known = controls(self.part.tables)
        table = at_chosen(self.part.tables, formulas=True)
        order = ordered(table.aligner, known)
        table = table.sort_values("aligner", key=lambda column: column.map(order.index), kind="stable")
        several = table.positions.nunique() > 1
        title = [
            f"{words(marked(str(one['aligner']), known))}, {words(one['intervention'])}"
            + (f", {one['positions']}" if several else "")
            for one in records(table)
        ]
        row = [one + alpha(strength) for one, strength in zip(title, table.strength, strict=True)]
        return table.assign(title=title, row=row)

    @cached_property
    def methods(self) -> list[Method]:
        """The rows of the map: aligners, then controls."""
        table = self.rows.drop_duplicates("row")
        return [
            Method(
                aligner=str(one["aligner"]),
                intervention=str(one["intervention"]),
                positions=str(one["positions"]),
                strength=number(one["strength"]),
                title=str(one["title"]),
                name=str(one["row"]),
            )
            for one in records(table)
        ]

    @cached_property
    def layers(self) -> list[int]:
        """The layers patched or measured; they are the columns of the map."""
        measured = self.similarity
        known = set(map(int, self.configurations.place))
        return sorted((known | set(map(int, measured.place))) - {EMBEDDING})

    @cached_property
    def similarity(self) -> pd.DataFrame:
        """The similarities of the residual stream and the embedding, with their `place`; may be empty."""
        table = self.part.tables.get("similarity")
        return pd.DataFrame({"place": [], "measure": []}) if table is None else by_layer(table)

    @property
    def measures(self) -> list[str]:
        """The similarities measured."""
        return names(self.similarity.measure)

    def at(self, layer: int) -> int:
        """Where a layer stands on the axis that map and curves share; the embedding is left of the map."""
        return -1 if layer == EMBEDDING else self.layers.index(layer)

    @property
    def axis(self) -> list[tuple[float, str]]:
        """The places of that axis with their names."""
        embedded = [(-1.0, layer_name(EMBEDDING))] if EMBEDDING in set(self.similarity.place) else []
        return embedded + [(float(self.at(layer)), layer_name(layer)) for layer in self.layers]

    def of(self, method: Method, strength: float | None = None) -> pd.DataFrame:
        """A method's configurations, at all strengths or one."""
        table = self.configurations
        table = table[(table[_OWN].astype(str) == list(method[:3])).all(axis=1)]
        return table if strength is None else table[table.strength == strength]

    def strengths(self, method: Method) -> list[float]:
        """The strengths tried of a method."""
        return sorted(set(self.of(method).strength.dropna().astype(float)))

    def configuration(self, place: Place) -> pd.Series | None:
        """The row of `exploration` at a place."""
        rows = self.of(place.method, place.strength)
        rows = rows[rows.place == place.layer]
        return None if rows.empty else rows.iloc[0]

    def frozen(self, method: Method) -> Any:
        """The row of `selection` if the method's aligner chose this patch type: fixed on dev, scored on test.

        None where nothing was chosen, or a patch of several layers at once, which has no place here.
        """
        choices = chosen(self.part.tables).items()
        row = next((row for owner, row in choices if owner[-1] == method.aligner), None)
        return None if row is None or row.intervention != method.intervention else row

    def is_chosen(self, place: Place) -> bool:
        """Whether this is what its aligner chose on dev."""
        row = self.frozen(place.method)
        return row is not None and (int(row.layer), number(row.strength)) == (place.layer, place.strength)

    def start(self) -> Place:
        """Where to look first: at the headline's choice, or else where the gain on dev is largest."""
        best = self.part.headline
        for method in self.methods:
            row = self.frozen(method)
            if row is not None and best is not None and method.aligner == best.aligner:
                return Place(method, number(row.strength), int(row.layer))
        top = self.rows.sort_values("gain", kind="stable").iloc[-1]
        method = next(method for method in self.methods if method.name == top.row)
        return Place(method, method.strength, int(top.place))

    # Items ---------------------------------------------------------------------------------------

    def turned(self, place: Place, split: str) -> pd.DataFrame | None:
        """Items before and after the patch at a place: dev items, or of the headline's choice test items.

        None where the folder does not tell: it has no sweep, or these items were not run there.
        """
        best = self.part.headline
        if split == "test":
            headline = best is not None and best.aligner == place.method.aligner
            return turned(self.part) if headline and self.is_chosen(place) else None
        configuration, rows = self.configuration(place), self._dev("layer", place.layer)
        if configuration is None or rows is None:
            return None
        # The report's function looks at the test rows of the headline.
        rows = rows[(rows.positions == place.method.positions) | (rows.aligner == "clean")]
        row = pd.DataFrame([configuration]).assign(headline=True)
        items = turned(replace(self.part, tables={"selection": row, "sweep": rows.assign(split="test")}))
        return None if items is None or items.empty else items

    def item(self, example: str) -> pd.DataFrame | None:
        """What every method does to a dev item at every layer: the rows of the map with the item's.

        `change` is its margin with the patch less that without, `after` and `before` whether it is right.
        None where the folder does not tell.
        """
        rows = self._dev("example", example)
        if rows is None or (clean := rows[rows.aligner == "clean"]).empty:
            return None
        keys = [*_OWN, "strength", "place"]
        patched = rows[rows.layer.notna() & (rows.joint == "one")]
        patched = patched.assign(place=places(patched)).drop_duplicates(keys)
        kept = self.rows[[*keys, "row"]].astype({"strength": "Float64"})
        kept = kept.merge(patched.astype({"strength": "Float64"}), on=keys)
        if kept.empty:
            return None
        before = clean.iloc[0]
        margin = number(before.margin)
        return kept.assign(
            before=bool(before.correct),
            after=kept.correct.astype(bool),
            change=kept.margin.astype("Float64") - (float("nan") if margin is None else margin),
        )

    def _dev(self, column: str, value: object) -> pd.DataFrame | None:
        """The dev rows of a layer or an item, read when they are looked at: all of them can be millions."""
        path = self.part.folder / "sweep.parquet"
        if (column, value) not in self._dev_rows:
            own: list[tuple[str, str, object]]
            own = [("split", "==", "dev"), ("language", "==", self.part.source)]
            wanted = [[*own, (column, "==", value)]]
            wanted += [[*own, ("aligner", "==", "clean")]] if column == "layer" else []
            rows = read_table(path, filters=wanted) if path.exists() else pd.DataFrame()
            self._dev_rows[column, value] = None if rows.empty else rows
        return self._dev_rows[column, value]

    # Sentences -----------------------------------------------------------------------------------

    def sentence(self, number: int, language: str) -> str | None:
        """A sentence of the text by its number; None where the folder does not hold it."""
        if self.text is None or language not in self.text:
            return None
        rows = self.text[self.text.row == number]
        return None if rows.empty else str(rows[language].iloc[0])


def alpha(strength: object) -> str:
    """A strength behind a name; nothing where there is none."""
    value = number(strength)
    return "" if value is None else f", α = {value:g}"


def read_views(folder: str | Path, *more: str | Path) -> list[StudyView]:
    """Every pair and task of a run that was swept, in the run's order."""
    run = open_run(folder)
    for other in map(Path, more):
        if not other.is_dir():
            raise InputError(f"there is no folder {other}: give one that workbench measure --grid wrote")
    path = run.root / "text.parquet"
    text = read_table(path) if path.exists() else None
    views = []
    for part in run.parts:
        table = single(part.tables["exploration"]) if "exploration" in part.tables else pd.DataFrame()
        if not table.empty:
            folders = [part.folder, run.folder, *map(Path, more)]
            tables = {name: _of_pair(name, folders, part) for name in _EXTRA}
            extra = {name: rows for name, rows in tables.items() if rows is not None}
            views.append(StudyView(part, table, extra, text))
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
