"""What the kinds of figures ask of their tables: parts by what varies, layers as places, who is a control."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd

from workbench.core.errors import InputError
from workbench.figures.spec_parts import Axis, Value

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
