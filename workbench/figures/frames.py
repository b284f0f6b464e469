"""What figures ask of tables: joined from runs, parts by what varies, layers as places, who is a control."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from workbench.core.errors import InputError
from workbench.core.store import digest_file
from workbench.figures.spec import Axis, Value
from workbench.results import Run

CONTROLS = ("identity", "random_rotation", "shuffled_pairs", "random_equal_norm", "wrong_language")
"""Controls by name, for tables that do not tell; the room of the maps cannot be asked: it needs torch."""
EMBEDDING = -1
"""The place of the embedding on an axis of layers."""
LAYER = "layer"
MANY = 8
"""So many curves can be told apart; of more, each is faint and their median stands out."""


class NothingToShow(InputError):
    """The tables are there, but hold nothing that this figure shows."""


def parts(table: pd.DataFrame, keys: Sequence[str]) -> Iterator[tuple[str, dict[str, str], pd.DataFrame]]:
    """The table by its keys, in order of first appearance: a title of what varies, the keys, the rows."""
    keys = [key for key in keys if key in table]
    varying = [key for key in keys if table[key].nunique(dropna=False) > 1]
    groups = table.groupby(keys, sort=False, dropna=False) if keys else [((), table)]
    for found, rows in groups:
        named = dict(zip(keys, map(str, found), strict=True))
        yield ", ".join(named[key] for key in varying), named, rows


def said(table: pd.DataFrame, keys: Sequence[str]) -> str:
    """What is the same in all rows, for the subtitle: `organism, sw-en`."""
    same = [table[key].dropna().astype(str).unique() for key in keys if key in table]
    return ", ".join(values[0] for values in same if len(values) == 1)


def span(values: Iterable[object]) -> str:
    """The number of items where it is one, or its range.

    >>> span([200, 200]), span([200, 500])
    ('200', '200 to 500')
    """
    found = sorted({int(str(value)) for value in values})
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


def number(value: object) -> Value:
    """A number, or None where a table has none."""
    if value is None or value is pd.NA:
        return None
    plain = float(value)  # type: ignore[arg-type]
    return None if plain != plain or plain in (float("inf"), float("-inf")) else plain


def numbers(column: Iterable[object]) -> tuple[Value, ...]:
    """A column as numbers."""
    return tuple(number(value) for value in column)


def places(table: pd.DataFrame, site: str = "site", layer: str = "layer") -> pd.Series:
    """The place of every row on an axis of layers: the embedding stands before layer 0."""
    known = table[layer].astype("Float64").fillna(EMBEDDING).astype(int)
    return known.where(table[site].notna(), other=EMBEDDING)


def layer_names(found: Iterable[int]) -> tuple[tuple[float, str], ...]:
    """Ticks of an axis of layers."""
    return tuple((float(place), layer_name(place)) for place in sorted(set(found)))


def layer_name(place: int) -> str:
    """A layer's name on an axis."""
    return "emb" if place == EMBEDDING else str(place)


def layer_axis(found: Iterable[int], title: str = LAYER) -> Axis:
    """An axis of layers."""
    return Axis(title, ticks=layer_names(found))


def component(site: object) -> str:
    """The component of a site, without its layer.

    >>> component("resid_post.5"), component("resid_post.0-7"), component("embed")
    ('resid_post', 'resid_post', 'embed')
    """
    return str(site).partition(".")[0]


def residual(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of one component over its layers, and of the embedding: the residual stream, or the first."""
    kinds = table.site.map(component)
    known = [kind for kind in dict.fromkeys(kinds) if kind != "embed"]
    chosen = "resid_post" if "resid_post" in known else next(iter(known), "embed")
    return table[(kinds == chosen) | (kinds == "embed")]


def controls(frames: Mapping[str, pd.DataFrame]) -> frozenset[str]:
    """Which aligners are controls."""
    selection = frames.get("selection")
    if selection is None:
        return frozenset(CONTROLS)
    judged = selection[selection.control.astype(bool)].aligner
    return frozenset(CONTROLS) | frozenset(map(str, judged))


def is_control(aligner: str, known: frozenset[str]) -> bool:
    """Whether an aligner is a control, also where it carries the name of the map it controls for."""
    return aligner in known or aligner.partition(":")[0] in known


def ordered(aligners: Iterable[str], known: frozenset[str]) -> list[str]:
    """Aligners first, then controls, each in order of appearance."""
    found = list(dict.fromkeys(aligners))
    return sorted(found, key=lambda aligner: is_control(aligner, known))


def limits(
    values: Iterable[Value],
    include: Sequence[float] = (),
    low: float | None = None,
    high: float | None = None,
) -> tuple[float, float]:
    """The range of an axis: all values with a little air, cut at `low` and `high`."""
    found = [value for value in values if value is not None] + list(include)
    if not found:
        raise NothingToShow("no value to show")
    bottom, top = min(found), max(found)
    air = 0.05 * (top - bottom or 1.0)
    bottom, top = bottom - air, top + air
    return (bottom if low is None else max(bottom, low), top if high is None else min(top, high))


def reach(values: Iterable[Value]) -> float:
    """The largest distance from zero; 1 where all is zero, so that a scale has a length."""
    return max((abs(value) for value in values if value is not None), default=0.0) or 1.0


Frames = Mapping[str, pd.DataFrame]
"""Name of a table → the table."""

NAMES = (
    *("fit", "curve", "similarity", "null", "grid", "geometry", "pca", "confounds"),
    *("sweep", "exploration", "predictors", "selection", "comparison"),
)
_STUDY = ("model", "pair", "task", "split", "seed")
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
    found: dict[str, list[pd.DataFrame]] = {}
    digests: dict[str, str] = {}
    for run in runs:
        names = [name for name in NAMES if name in run.tables]
        if not names:
            raise InputError(f"{run.folder} holds no table of a run (such as exploration.parquet)")
        for name in names:
            table = run.tables.read(name, _UNPATCHED) if name == "sweep" else run.tables[name]
            found.setdefault(name, []).append(table)
            path = run.folder / f"{name}.parquet"
            digests[f"{run.folder.resolve().name}/{path.name}"] = digest_file(path)
    frames = {name: _joined(parts) for name, parts in found.items()}
    cautions = dict.fromkeys(line for run in runs for line in run.cautions)
    name = "+".join(run.folder.resolve().name for run in runs)
    return RunTables(name, frames, digests, tuple(cautions))


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    kept = [parts[0]]
    for part in parts[1:]:
        keys = [name for name in _STUDY if name in part and all(name in other for other in kept)]
        seen = pd.concat([other[keys] for other in kept]).drop_duplicates().astype(str)
        known = set(seen.itertuples(index=False, name=None))
        new = [row not in known for row in part[keys].astype(str).itertuples(index=False, name=None)]
        if any(new):
            kept.append(part[new])
    return kept[0] if len(kept) == 1 else pd.concat(kept, ignore_index=True)


FLOOR = -0.5
"""Axes of R² end here: how far below zero a control falls says nothing more."""
T = TypeVar("T")


def some_of(values: Sequence[T], count: int) -> list[T]:
    """So many of the values, evenly spread, first and last among them.

    >>> some_of(range(9), 4), some_of([1, 2], 4)
    ([0, 3, 5, 8], [1, 2])
    """
    if len(values) <= count:
        return list(values)
    return [values[round(at * (len(values) - 1) / (count - 1))] for at in range(count)]


def bar_axis(names: Sequence[str]) -> Axis:
    """Places from the top for lying bars, under their names."""
    ticks = tuple((float(place), name) for place, name in enumerate(names))
    return Axis("", ticks, (-0.6, len(names) - 0.4))
