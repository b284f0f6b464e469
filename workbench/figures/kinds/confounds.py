"""What else goes along with a measure: its correlation with properties of sentences, by layer."""

from typing import Any

from workbench.core.numbers import interval
from workbench.figures.frames import NothingToShow, layer_name, number, parts, places, residual, said, span
from workbench.figures.spec_parts import Cells, Scale, Spec
from workbench.figures.tables_in import Frames


def spec(frames: Frames) -> Spec:
    """Measures × layers, a panel for each property of sentences and pair."""
    table = residual(frames["confounds"])
    table = table[table.rho.notna()]
    if table.empty:
        raise NothingToShow(
            "figure confounds: no property varies over these sentences, so none has a correlation"
        )
    table = table.assign(place=places(table))
    columns, measures = sorted(set(table.place)), list(dict.fromkeys(table.measure.astype(str)))
    panels = []
    for title, named, mine in parts(table, ["model", "pair", "confound"]):
        name = title if named["confound"] in title else ", ".join(filter(None, [named["confound"], title]))
        found: list[Any] = list(mine.itertuples())
        cells = {(str(row.measure), row.place): row for row in found}
        each = tuple(tuple(cells.get((measure, place)) for place in columns) for measure in measures)
        panels.append(
            Cells(
                title=name,
                rows=tuple(measures),
                columns=tuple(map(layer_name, columns)),
                values=tuple(tuple(None if c is None else number(c.rho) for c in row) for row in each),
                column_title="layer",
                hatched=tuple(tuple(c is not None and c.low <= 0 <= c.high for c in row) for row in each),
                notes=tuple(tuple(map(_note, row)) for row in each),
            )
        )
    same = said(table, ["model", "pair"])
    return Spec(
        kind="confounds",
        title="What else the measures go along with",
        subtitle=f"{same + ': ' if same else ''}held-out sentences, n = {span(table.n)}; "
        "rank correlation of a property of sentences with what each adds to the measure",
        panels=tuple(panels),
        scale=Scale("Spearman's ρ", -1.0, 1.0),
        footer="Hatched corners: the 95 % interval includes 0. Dash: below 0. A measure is turned so that "
        "more is better. Properties that do not vary are left out.",
    )


def _note(row: Any) -> tuple[str, ...]:
    """The lines that explain a cell."""
    if row is None:
        return ()
    rho = interval(number(row.rho), number(row.low), number(row.high), 2)
    return (f"{row.measure}, layer {layer_name(row.place)}, {row.confound}", f"ρ {rho}, n = {row.n}")
