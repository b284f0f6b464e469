"""Items that the patch turned: how many became right, and how many wrong."""

import pandas as pd

from workbench.figures.frames import controls, is_control, ordered, parts, said, span
from workbench.figures.kinds_shared import bar_axis
from workbench.figures.spec_parts import Axis, Plot, Series, Spec
from workbench.figures.tables_in import Frames

PANELS = 6
"""Up to so many studies have a panel each, with all aligners; of more, the headline's alone are shown."""


def spec(frames: Frames) -> Spec:
    """Bars to the right: became right; to the left: became wrong."""
    table, known = frames["selection"], controls(frames)
    table = table.assign(study=table.model.astype(str) + table.task.astype(str) + table.pair.astype(str))
    several = table.study.nunique() > PANELS
    table = table[table.headline.astype(bool)] if several else table
    longest = float(max(table.gained.max(), table.lost.max(), 1)) * 1.08
    panels = []
    for title, _, mine in [("", {}, table)] if several else parts(table, ["model", "task", "pair"]):
        if several:
            names = [name for name, _, _ in parts(mine, ["model", "task", "pair"])]
        else:
            order = ordered(mine.aligner.astype(str), known)
            mine = mine.iloc[mine.aligner.map(order.index).argsort(kind="stable")]
            names = [name + ("*" if is_control(name, known) else "") for name in mine.aligner.astype(str)]
        values = Axis("items", range=(-longest, longest))
        panels.append(Plot(title, bar_axis(names), values, _bars(mine, names), lying=True))
    same = said(table, ["model", "task", "pair"])
    shown = "the headline's patch" if several else "each aligner's patch"
    return Spec(
        kind="flips",
        title="Items that the patch turned",
        subtitle=f"{same + ': ' if same else ''}test items, n = {span(table.n)}; {shown}, chosen on dev, "
        "against the unpatched run",
        panels=tuple(panels),
        footer="" if several else "* controls.",
    )


def _bars(rows: pd.DataFrame, names: list[str]) -> tuple[Series, ...]:
    x = tuple(map(float, range(len(rows))))
    gained, lost = rows.gained.astype(float), -rows.lost.astype(float)
    notes = tuple(
        (f"{name}: {int(g)} became right, {int(-w)} wrong",)
        for name, g, w in zip(names, gained, lost, strict=True)
    )
    return (
        Series("became right", x, tuple(gained), look="bars", slot=0, notes=notes),
        Series("became wrong", x, tuple(lost), look="bars", slot=1, notes=notes),
    )
