"""How many sentences a map needs: held-out R² by number of pairs fitted."""

import pandas as pd

from workbench.figures.frames import (
    controls,
    is_control,
    layer_name,
    limits,
    numbers,
    ordered,
    parts,
    places,
    residual,
    said,
    span,
)
from workbench.figures.kinds_shared import FLOOR, some_of
from workbench.figures.spec_parts import Axis, Plot, Series, Spec
from workbench.figures.tables_in import Frames

LAYERS = 4
"""So many layers are shown, evenly spread: first and last among them."""


def spec(frames: Frames) -> Spec:
    """A panel for each pair and aligner, a curve for each of some layers, with the range of the draws."""
    known = controls(frames)
    table = residual(frames["curve"])
    table = table.assign(place=places(table))
    layers = some_of(sorted(set(table.place)), LAYERS)
    table = table[table.place.isin(layers)]
    y = Axis("held-out R²", range=limits(numbers(table.r2), include=(0, 1), low=FLOOR, high=1.05))
    sizes = sorted({float(n) for n in table.n_fit})
    x = Axis(
        "sentence pairs fitted", tuple((n, f"{n:g}") for n in sizes), (sizes[0] * 0.9, sizes[-1] * 1.1), True
    )
    panels = []
    for pair, _, mine in parts(table, ["model", "pair"]):
        for aligner in ordered(mine.aligner.astype(str), known):
            star = " (control)" if is_control(aligner, known) else ""
            rows = mine[mine.aligner == aligner]
            series = tuple(_curve(rows[rows.place == place], layers.index(place)) for place in layers)
            panels.append(Plot(f"{aligner}{star}" + (f", {pair}" if pair else ""), x, y, series))
    same = said(table, ["model", "pair"])
    return Spec(
        kind="curve",
        title="How many sentences a map needs",
        subtitle=f"{same + ': ' if same else ''}held-out sentences, n = {span(table.n_held_out)}; "
        "mean over draws of the sentences",
        panels=tuple(panels),
        footer="Bands: from the smallest to the largest of the draws."
        + (f" Values below −{-FLOOR:g} are not drawn." if (table.r2 < FLOOR).any() else ""),
    )


def _curve(rows: pd.DataFrame, slot: int) -> Series:
    found = rows.groupby("n_fit").r2.agg(["mean", "min", "max"])
    return Series(
        f"layer {layer_name(int(rows.place.iloc[0]))}",
        tuple(map(float, found.index)),
        numbers(found["mean"]),
        numbers(found["min"]),
        numbers(found["max"]),
        slot=slot,
    )
