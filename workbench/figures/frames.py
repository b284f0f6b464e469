"""What figures ask of tables: joined from runs, parts by what varies, layers as places, cells and curves."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeVar

import pandas as pd

from workbench.core import numbers as core
from workbench.core.errors import InputError
from workbench.core.store import digest_file
from workbench.figures.markup import records
from workbench.figures.naming import labels, pair_name, shared_side, spoken
from workbench.figures.spec import Axis, Cells, Panel, Series, Value
from workbench.results import Run

CONTROLS = ("identity", "random_rotation", "shuffled_pairs", "random_equal_norm", "wrong_language")
"""Controls by name, for tables that do not tell; the room of the maps cannot be asked: it needs torch."""
EMBEDDING = -1
"""The place of the embedding on an axis of layers."""
MANY = 8
"""So many curves can be told apart; of more, each is faint and their median stands out."""
STUDY = ("model", "task", "pair")
"""Columns that tell studies apart; tables of states have no task."""
Frames = Mapping[str, pd.DataFrame]
"""Name of a table → the table."""
Lines = tuple[str, ...]


class NothingToShow(InputError):
    """The tables are there, but hold nothing that this figure shows."""


# Rows -------------------------------------------------------------------------------------------


def parts(
    table: pd.DataFrame, keys: Sequence[str] = STUDY
) -> Iterator[tuple[str, dict[str, str], pd.DataFrame]]:
    """The table by its keys, in order of first appearance: a title of what varies, the keys, the rows.

    The title is for people, the keys are the values of the table.
    """
    keys = [key for key in keys if key in table]
    shown = {key: labels(key, table[key]) for key in keys if table[key].nunique(dropna=False) > 1}
    groups = table.groupby(keys, sort=False, dropna=False) if keys else [((), table)]
    for values, rows in groups:
        named = dict(zip(keys, map(str, values), strict=True))
        yield ", ".join(own[named[key]] for key, own in shown.items()), named, rows


def crossed(table: pd.DataFrame, down: str, across: str) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The table by two keys, for panels in rows and columns: head, title, and rows that are there.

    Where one of the keys has one value, the other gives the titles, and no panel has a head.
    """
    rows, columns = (labels(key, table[key]) for key in (down, across))
    for one, head in rows.items():
        for other, title in columns.items():
            own = table[(table[down].astype(str) == one) & (table[across].astype(str) == other)]
            if own.empty:
                continue
            if len(rows) > 1 and len(columns) > 1:
                yield head, title, own
            else:
                yield "", head * (len(rows) > 1) + title * (len(columns) > 1), own


def constants(table: pd.DataFrame, keys: Sequence[str] = STUDY) -> str:
    """The values that are the same in all rows, and the language that all pairs share: `tiny, sw → en`."""
    same: list[str] = []
    for key in keys:
        values = names(table[key].dropna()) if key in table else []
        if key == "pair" and len(values) > 1:
            same += filter(None, [shared_side(values)])
        elif len(values) == 1:
            same.append(pair_name(values[0]) if key == "pair" else labels(key, values)[values[0]])
    return ", ".join(same)


def subtitle(table: pd.DataFrame, text: str, keys: Sequence[str] = STUDY) -> str:
    """What is the same in all rows, and what is said of them."""
    same = constants(table, keys)
    return f"{same}: {text}" if same else text


def span(values: Iterable[Any]) -> str:
    """The number of items where it is one, or its range.

    >>> span([200, 200]), span([200, 500])
    ('200', '200 to 500')
    """
    counts = sorted(set(map(int, values)))
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def number(value: object) -> Value:
    """A finite number, or None where a table has none."""
    known = core.number(value)
    return known if known is not None and isfinite(known) else None


def numbers(column: Iterable[object]) -> tuple[Value, ...]:
    """A column as numbers."""
    return tuple(map(number, column))


def names(column: Iterable[object]) -> list[str]:
    """The names in a column, each once, in order of appearance."""
    return list(dict.fromkeys(map(str, column)))


def places(table: pd.DataFrame, site: str = "site", layer: str = "layer") -> pd.Series:
    """The place of every row on an axis of layers: the embedding stands before layer 0."""
    known = table[layer].astype("Float64").fillna(EMBEDDING).astype(int)
    return known.where(table[site].notna(), other=EMBEDDING)


def layer_name(place: int) -> str:
    """A layer's name on an axis."""
    return "emb" if place == EMBEDDING else str(place)


def layer_axis(column: Iterable[int], depth: bool = False) -> Axis:
    """An axis of layers; with `depth` places are relative depths."""
    if depth:
        return Axis("relative depth", DEPTHS, (-0.02, 1.02))
    return Axis("layer", tuple((float(place), layer_name(place)) for place in sorted(set(column))))


DEPTHS = tuple((at / 4, f"{at / 4:g}") for at in range(5))
"""Ticks of relative depth: 0 is the embedding, 1 the output of the last layer."""


def layer_counts(frames: Frames) -> dict[str, int]:
    """The number of layers of each model: one more than the last in any of its tables."""
    tables = [table for table in frames.values() if {"model", "layer"} <= set(table)]
    rows = pd.concat([table[["model", "layer"]].dropna() for table in tables])
    return {str(model): int(own.layer.max()) + 1 for model, own in rows.groupby("model")}


def by_depth(table: pd.DataFrame, frames: Frames) -> pd.DataFrame:
    """The table with the relative depth of each layer's output as its place."""
    return table.assign(place=(table.place + 1) / table.model.astype(str).map(layer_counts(frames)))


def depth_ticks(columns: Sequence[int], layers: int) -> tuple[tuple[float, str], ...]:
    """Where relative depths lie along columns of cells: a layer is as deep as its right edge.

    >>> depth_ticks([-1, 0, 1, 2, 3], 4)
    ((0.5, '0'), (1.5, '0.25'), (2.5, '0.5'), (3.5, '0.75'), (4.5, '1'))
    """
    first = columns[0]
    if list(columns) != list(range(first, first + len(columns))):  # of some layers each has its own
        return tuple((float(at), f"{(place + 1) / layers:.2f}") for at, place in enumerate(columns))
    places = ((depth * layers - first - 0.5, name) for depth, name in DEPTHS)
    return tuple((place, name) for place, name in places if -0.5 <= place <= len(columns) - 0.5)


def component(site: object) -> str:
    """The component of a site, without its layer.

    >>> component("resid_post.5"), component("resid_post.0-7"), component("embed")
    ('resid_post', 'resid_post', 'embed')
    """
    return str(site).partition(".")[0]


def by_layer(table: pd.DataFrame, values: Sequence[str] = (), missing: str = "") -> pd.DataFrame:
    """The rows of one component over its layers, and of the embedding, with their `place`.

    The component is the residual stream, or the first. Rows that lack one of the `values` are left out;
    `missing` is the message where none remains.
    """
    kinds = table.site.map(component)
    known = [kind for kind in names(kinds) if kind != "embed"]
    chosen = "resid_post" if "resid_post" in known else next(iter(known), "embed")
    rows = table[((kinds == chosen) | (kinds == "embed")) & table[list(values)].notna().all(axis=1)]
    if missing and rows.empty:
        raise NothingToShow(missing)
    return rows.assign(place=places(rows))


# Aligners ---------------------------------------------------------------------------------------


def controls(frames: Frames) -> frozenset[str]:
    """Which aligners are controls."""
    selection = frames.get("selection")
    own: Iterable[Any] = [] if selection is None else selection[selection.control.astype(bool)].aligner
    return frozenset(CONTROLS).union(map(str, own))


def is_control(aligner: str, known: frozenset[str]) -> bool:
    """Whether an aligner is a control, also where it carries the name of the map it controls for."""
    return aligner in known or aligner.partition(":")[0] in known


CONTROL = "*"
"""Marks controls; `CONTROL_SIGN` says so."""
CONTROL_SIGN = "* control. "


def marked(aligner: str, known: frozenset[str]) -> str:
    """The name of an aligner in words, with a mark where it is a control."""
    return spoken(aligner) + CONTROL * is_control(aligner, known)


def starred(panels: Iterable[Panel]) -> str:
    """What the mark of controls means, where any panel has one."""
    texts = (text for p in panels for text in (p.name, *p.rows, *(s.name for s in getattr(p, "series", ()))))
    return CONTROL_SIGN if any(CONTROL in text for text in texts) else ""


def ordered(aligners: Iterable[object], known: frozenset[str]) -> list[str]:
    """Aligners first, then controls, each in order of appearance."""
    return sorted(names(aligners), key=lambda aligner: is_control(aligner, known))


# Parts of a figure ------------------------------------------------------------------------------


def limits(
    values: Iterable[Value],
    include: Sequence[float] = (),
    low: float = float("-inf"),
    high: float = float("inf"),
) -> tuple[float, float]:
    """The range of an axis: all values with a little air, cut at `low` and `high`."""
    known = [value for value in values if value is not None] + list(include)
    if not known:
        raise NothingToShow("no value to show")
    bottom, top = min(known), max(known)
    air = 0.05 * (top - bottom or 1.0)
    return max(bottom - air, low), min(top + air, high)


def reach(values: Iterable[Value]) -> float:
    """The largest distance from zero; 1 where all is zero, so that a scale has a length."""
    return max((abs(value) for value in values if value is not None), default=0.0) or 1.0


def bar_axis(labels: Sequence[str]) -> Axis:
    """Places from the top for lying bars, under their names."""
    ticks = tuple((float(place), name) for place, name in enumerate(labels))
    return Axis("", ticks, (-0.6, len(labels) - 0.4))


def curve(
    name: str, rows: pd.DataFrame, x: str, y: str, low: str = "", high: str = "", **style: Any
) -> Series:
    """A series whose values are columns of the table; it has intervals where the table has their columns."""
    bottom, top = (numbers(rows[end]) if end in rows else () for end in (low, high))
    return Series(name, tuple(map(float, rows[x])), numbers(rows[y]), bottom, top, **style)


def cells(
    title: str,
    table: pd.DataFrame,
    keys: tuple[str, str],
    value: str,
    note: Callable[[dict[str, Any]], Lines],
    rows: Sequence[Any] | None = None,
    columns: Sequence[Any] | None = None,
    hatched: Callable[[dict[str, Any]], bool] | None = None,
    **style: Any,
) -> Cells:
    """Cells of a column of the table; the two `keys` are the columns that tell rows and columns apart.

    `note` and `hatched` take the row of the table as a dict; a cell without one is empty.
    """
    found = {(row[keys[0]], row[keys[1]]): row for row in records(table.drop_duplicates(list(keys)))}
    rows = names(table[keys[0]]) if rows is None else rows
    columns = sorted(set(table[keys[1]])) if columns is None else columns

    few = "few" in table and bool(table.few.notna().any())

    def each(function: Callable[[dict[str, Any]], Any], empty: Any) -> tuple[tuple[Any, ...], ...]:
        grid = [[found.get((row, column)) for column in columns] for row in rows]
        return tuple(tuple(empty if row is None else function(row) for row in line) for line in grid)

    return Cells(
        title,
        tuple(map(_label, rows)),
        tuple(map(_label, columns)),
        each(lambda row: number(row[value]), None),
        notes=each(note, ()),
        hatched=each(hatched, False) if hatched else (),
        keys=each(lambda row: row["key"], None) if "key" in table else (),
        counts=each(lambda row: None if pd.isna(row["few"]) else int(row["few"]), None) if few else (),
        **style,
    )


def _label(key: object) -> str:
    """A row or column as it is written: layers by name, strengths in few digits."""
    if isinstance(key, int):
        return layer_name(key)
    return f"{key:g}" if isinstance(key, float) else str(key)


T = TypeVar("T")


def some_of(values: Sequence[T], count: int) -> list[T]:
    """So many of the values, evenly spread, first and last among them.

    >>> some_of(range(9), 4), some_of([1, 2], 4)
    ([0, 3, 5, 8], [1, 2])
    """
    return [values[at] for at in core.evenly(len(values), count)]


# Runs -------------------------------------------------------------------------------------------

NAMES = (
    *("fit", "curve", "similarity", "null", "grid", "geometry", "pca", "confounds"),
    *("sweep", "exploration", "predictors", "selection", "comparison"),
)
_UNPATCHED = [("split", "==", "test"), ("aligner", "==", "clean")]
"""What figures need of the largest table: the unpatched test rows alone."""


@dataclass(frozen=True)
class RunTables:
    """The tables of one or several runs, joined."""

    name: str
    frames: dict[str, pd.DataFrame]
    digests: dict[str, str]
    """`folder/table.parquet` → SHA-256, of every file that was read."""
    cautions: tuple[str, ...] = ()
    """What has to be said beside these results."""


def join_runs(*runs: Run) -> RunTables:
    """The tables of opened runs, as figures need them.

    Of several runs, tables of one name are joined; what an earlier one says of a model, pair and task is not
    said again by a later one.
    """
    if not runs:
        raise InputError("name a folder of a run, as written by `workbench diagnose` or `workbench demo`")
    frames: dict[str, pd.DataFrame] = {}
    digests: dict[str, str] = {}
    for run in runs:
        if not (present := [name for name in NAMES if name in run.tables]):
            raise InputError(f"{run.folder} holds no table of a run (such as exploration.parquet)")
        for name in present:
            table = run.tables.read(name, _UNPATCHED) if name == "sweep" else run.tables[name]
            frames[name] = _joined(frames[name], table) if name in frames else table
            file = f"{name}.parquet"
            digests[f"{run.folder.resolve().name}/{file}"] = digest_file(run.folder / file)
    cautions = dict.fromkeys(line for run in runs for line in run.cautions)
    name = "+".join(run.folder.resolve().name for run in runs)
    return RunTables(name, frames, digests, tuple(cautions))


def _joined(table: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """The table with the rows of a later one about other studies, splits and seeds."""
    keys = [key for key in (*STUDY, "split", "seed") if key in table and key in later]
    known = set(table[keys].astype(str).itertuples(index=False, name=None))
    new = [row not in known for row in later[keys].astype(str).itertuples(index=False, name=None)]
    return pd.concat([table, later[new]], ignore_index=True) if any(new) else table
