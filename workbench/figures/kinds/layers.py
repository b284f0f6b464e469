"""Where a map helps: gain on dev by layer and pair, one panel for each aligner, the chosen layer framed."""

from collections.abc import Sequence

import pandas as pd

from workbench.figures.explored import FOOTER, HATCHED, Chosen, at_chosen, cells_of, chosen, subtitle
from workbench.figures.frames import controls, is_control, ordered, parts, places, reach
from workbench.figures.spec_parts import Cells, Mark, Scale, Spec, short
from workbench.figures.tables_in import Frames

_FRAMED = "Framed: the layer chosen on dev; its number, the only one, is the gain on test. "


def spec(frames: Frames) -> Spec:
    """Pairs × layers for each aligner, each at the formula and strength that it chose on dev."""
    choices, known = chosen(frames), controls(frames)
    table = at_chosen(frames["exploration"], choices)
    pair = table.pair.astype(str)
    row = pair if table.model.nunique() <= 1 else table.model.astype(str) + " " + pair
    table = table.assign(place=places(table), row=row)
    columns = sorted(set(table.place))
    rows = list(dict.fromkeys(table.row))
    panels = []
    for title, _, mine in parts(table, ["task"]):
        for aligner in ordered(mine.aligner.astype(str), known):
            star = " (control)" if is_control(aligner, known) else ""
            name = f"{aligner}{star}" + (f", {title}" if title else "")
            panels.append(_panel(name, mine[mine.aligner == aligner], rows, columns, choices))
    longest = reach(table.gain)
    return Spec(
        kind="layers",
        title="Where a mapped state helps",
        subtitle=subtitle(table, "each aligner at the formula and strength it chose on dev"),
        panels=tuple(panels),
        scale=Scale("gain in accuracy on dev", -longest, longest),
        footer=(_FRAMED if any(panel.marks for panel in panels) else "") + HATCHED + FOOTER,
    )


def _panel(
    title: str, some: pd.DataFrame, rows: Sequence[str], columns: Sequence[int], choices: Chosen
) -> Cells:
    marks = []
    for name, mine in some.groupby("row", sort=False):
        one = mine.iloc[0]
        made = choices.get((str(one.model), str(one.pair), str(one.task), str(one.aligner)))
        if made is not None and made.place in set(mine.place):
            marks.append(Mark(rows.index(str(name)), columns.index(made.place), short(made.gain)))
    return Cells(
        title=title,
        rows=tuple(rows),
        row_title="pair",
        marks=tuple(marks),
        numbers=False,
        **cells_of(some, rows, columns, "row"),
    )
