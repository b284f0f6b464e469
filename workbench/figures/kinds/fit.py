"""How well maps fit sentences they were not fitted on, over layers, beside controls."""

from workbench.figures.frames import (
    controls,
    is_control,
    layer_axis,
    limits,
    numbers,
    ordered,
    parts,
    places,
    residual,
    said,
    span,
)
from workbench.figures.kinds_shared import FLOOR
from workbench.figures.spec_parts import Axis, Plot, Series, Spec
from workbench.figures.tables_in import Frames


def spec(frames: Frames) -> Spec:
    """R² over layers, a panel for each pair and a curve for each aligner."""
    known = controls(frames)
    table = residual(frames["fit"])
    table = table.assign(place=places(table))
    aligners = ordered(table.aligner.astype(str), known)
    maps = [name for name in aligners if not is_control(name, known)]
    y = Axis("held-out R²", range=limits(numbers(table.r2), include=(0, 1), low=FLOOR, high=1.05))
    panels = []
    for title, _, mine in parts(table, ["model", "pair"]):
        series = []
        for name in aligners:
            rows = mine[mine.aligner == name].sort_values("place")
            control = is_control(name, known)
            slot = aligners.index(name) - (len(maps) if control else 0)
            series.append(
                Series(
                    f"{name} (control)" if control else name,
                    tuple(map(float, rows.place)),
                    numbers(rows.r2),
                    role="control" if control else "main",
                    slot=slot,
                )
            )
        panels.append(Plot(title, layer_axis(table.place), y, tuple(one for one in series if one.x)))
    same = said(table, ["model", "pair"])
    cut = bool((table.r2 < FLOOR).any())
    return Spec(
        kind="fit",
        title="How well the maps fit",
        subtitle=f"{same + ': ' if same else ''}{span(table.n_fit)} sentences fitted, "
        f"{span(table.n_held_out)} held out and shown",
        panels=tuple(panels),
        footer=f"Values below −{-FLOOR:g} are not drawn." if cut else "",
    )
