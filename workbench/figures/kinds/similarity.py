"""Where two languages are alike: one measure by pair and layer, whether or not anything was patched."""

from collections.abc import Mapping
from typing import Any

from workbench.core.numbers import interval
from workbench.figures.frames import NothingToShow, layer_name, number, parts, places, residual, said, span
from workbench.figures.spec_parts import Cells, Scale, Spec
from workbench.figures.tables_in import Frames

FIRST = ("cka_debiased", "cka")
"""The measure that is shown, or else the first in the table."""


def spec(frames: Frames) -> Spec:
    """Pairs × layers, a panel for each model."""
    table = residual(frames["similarity"])
    table = table.assign(place=places(table))[table.value.notna().to_numpy()]
    if table.empty:
        raise NothingToShow("figure similarity: the table similarity holds no value")
    known = list(dict.fromkeys(map(str, table.measure)))
    measure = next((name for name in FIRST if name in known), known[0])
    table = table[table.measure == measure]
    panels = []
    for title, _, mine in parts(table, ["model"]):
        rows = list(dict.fromkeys(map(str, mine.pair)))
        columns = sorted(set(mine.place))
        found = {(str(row["pair"]), row["place"]): row for row in mine.to_dict("records")}
        cells = [[found.get((row, column)) for column in columns] for row in rows]
        panels.append(
            Cells(
                title=title,
                rows=tuple(rows),
                columns=tuple(map(layer_name, columns)),
                values=tuple(
                    tuple(None if c is None else number(c["value"]) for c in line) for line in cells
                ),
                row_title="pair",
                column_title="layer",
                notes=tuple(tuple(() if c is None else _note(c) for c in line) for line in cells),
            )
        )
    same = said(table, ["model"])
    high = max(1.0, float(table.value.max()))
    return Spec(
        kind="similarity",
        title="Where two languages are alike",
        subtitle=f"{same + ': ' if same else ''}{measure} on held-out sentences, n = {span(table.n)}",
        panels=tuple(panels),
        scale=Scale(measure, min(0.0, float(table.value.min())), high, diverging=False),
    )


def _note(cell: Mapping[Any, Any]) -> tuple[str, ...]:
    value, low, high = (number(cell[name]) for name in ("value", "low", "high"))
    return (f"{cell['pair']}, layer {layer_name(cell['place'])}", interval(value, low, high, sign=False))
