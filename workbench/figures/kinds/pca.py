"""Where sentences lie before and after the map: two languages' states in the plane where they spread most."""

from collections.abc import Sequence

import pandas as pd

from workbench.core.numbers import percent
from workbench.figures.explored import chosen
from workbench.figures.frames import (
    NothingToShow,
    layer_name,
    limits,
    numbers,
    parts,
    places,
    residual,
    said,
    span,
)
from workbench.figures.kinds_shared import some_of
from workbench.figures.spec_parts import Axis, Plot, Series, Spec
from workbench.figures.tables_in import Frames

LAYERS = 4
"""So many layers of a pair are shown, evenly spread, the chosen one among them."""
FEW = 3
"""Of more pairs than these, each has one layer: the chosen one."""
KEYS = ("model", "pair", "aligner")
NAMES = ("source", "target", "source, mapped")
"""In the order of their colours and markers."""


def spec(frames: Frames) -> Spec:
    """Two panels for each layer shown, before and after, in one plane and one range."""
    table = residual(frames["pca"])
    table = table[table.x.notna() & table.y.notna()]
    if table.empty:
        raise NothingToShow("figure pca: the table pca holds no place")
    table = table.assign(place=places(table))
    found = list(parts(table, KEYS))
    panels: list[Plot] = []
    left_out = marked = False
    for title, named, mine in found:
        all_of_them, picked = sorted(set(mine.place)), _chosen(frames, named)
        shown = _shown(all_of_them, picked, LAYERS if len(found) <= FEW else 1)
        left_out |= len(shown) < len(all_of_them)
        marked |= any(place in picked for place in shown)
        for place in shown:
            where = f"layer\u00a0{layer_name(place)}" + ("*" if place in picked else "")
            panels += _pair_of_panels(", ".join(filter(None, (title, where))), mine[mine.place == place])
    same, aligner = said(table, ["model", "pair"]), said(table, ["aligner"]) or "the map"
    return Spec(
        kind="pca",
        title="Sentences before and after the map",
        subtitle=f"{same + ': ' if same else ''}held-out sentences, n = {span(table.n)}; "
        f"before and after {aligner}",
        panels=tuple(panels),
        footer="Large: means. PC 1, PC 2: principal components of both languages' states before the map, "
        "with their shares of the variance; mapped states are put into the same plane."
        + (" *\u00a0chosen on dev." if marked else "")
        + (_of_many(len(found), marked) if left_out else ""),
        together=2,
    )


def _of_many(groups: int, marked: bool) -> str:
    if groups > FEW:
        return f" Of each pair one layer is shown: {'the chosen, or else ' if marked else ''}the middle one."
    return f" Shown are {LAYERS} layers, evenly spread{', with the chosen one' if marked else ''}."


def _chosen(frames: Frames, named: dict[str, str]) -> list[int]:
    """The layers that the headline's patch of this pair was chosen at, one for each task."""
    wanted = tuple(named[key] for key in KEYS if key in named)
    picked = (
        made.place
        for (model, pair, _, aligner), made in chosen(frames).items()
        if made.headline and (model, pair, aligner) == wanted
    )
    return list(dict.fromkeys(picked))


def _shown(found: Sequence[int], picked: Sequence[int], most: int) -> list[int]:
    """At most so many layers: evenly spread, and those that were chosen.

    >>> _shown(range(80), [33], 4), _shown(range(6), [5], 4), _shown(range(80), [], 1), _shown([0, 1], [1], 4)
    ([0, 33, 40, 79], [0, 2, 3, 5], [40], [0, 1])
    """
    picked = [place for place in picked if place in found][: max(1, most - 2)]
    if most == 1:
        return picked[:1] or [found[len(found) // 2]]
    spread = some_of(found, most)
    if not set(picked) <= set(spread):
        spread = some_of(found, most - len(picked))
    return sorted({*spread, *picked})


def _pair_of_panels(title: str, rows: pd.DataFrame) -> list[Plot]:
    """Before: source and target. After: the mapped source states and target, in the same range."""
    x, y = (
        Axis(f"PC {number} ({percent(rows[f'share_{name}'].iloc[0])})", range=limits(numbers(rows[name])))
        for number, name in ((1, "x"), (2, "y"))
    )
    mapped = rows.mapped.astype(bool)
    source = rows.language == rows[mapped].language.iloc[0]
    clouds = (rows[~mapped & source], rows[~mapped & ~source], rows[mapped])
    panels = []
    for when, slots in (("before", (0, 1)), ("after", (1, 2))):
        series = tuple(made(clouds[slot], slot) for made in (_cloud, _mean) for slot in slots)
        panels.append(Plot(f"{title}, {when}", x, y, series, lines=()))
    return panels


def _cloud(rows: pd.DataFrame, slot: int) -> Series:
    notes = tuple((f"{NAMES[slot]}, sentence {one}",) for one in rows.sentence)
    x = tuple(map(float, rows.x))
    return Series(NAMES[slot], x, numbers(rows.y), look="cloud", slot=slot, notes=notes)


def _mean(rows: pd.DataFrame, slot: int) -> Series:
    x, y = ((float(rows[name].mean()),) for name in ("x", "y"))
    notes = ((f"mean of {NAMES[slot]}", f"n = {len(rows)}"),)
    return Series(NAMES[slot], x, y, look="mean", slot=slot, notes=notes)
