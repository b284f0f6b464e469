"""One measure between every layer and every layer: within each language, and from source to target."""

from workbench.figures.frames import NothingToShow, layer_name, number, parts, places, said, span
from workbench.figures.spec_parts import Cells, Scale, Spec, short
from workbench.figures.tables_in import Frames


def spec(frames: Frames) -> Spec:
    """Layers × layers, a panel for each two languages of a pair (or one language and itself)."""
    table = frames["grid"]
    table = table.assign(place=places(table), other=places(table, "other_site", "other_layer"))
    table = table[table.value.notna()]
    if table.empty:
        raise NothingToShow("figure grid: the table grid holds no value")
    # What a language is like within itself belongs to every pair it is in; once is enough.
    table = table.drop_duplicates(["model", "measure", "language", "other_language", "place", "other"])
    panels = []
    for _, named, mine in parts(table, ["model", "measure", "language", "other_language"]):
        one, other = named["language"], named["other_language"]
        rows, columns = sorted(set(mine.place), reverse=True), sorted(set(mine.other))
        cells = {(row.place, row.other): number(row.value) for row in mine.itertuples()}
        values = tuple(tuple(cells.get((row, column)) for column in columns) for row in rows)
        notes = tuple(
            tuple(
                (f"{one} {layer_name(row)}, {other} {layer_name(column)}", short(cells[row, column], 3))
                if (row, column) in cells
                else ()
                for column in columns
            )
            for row in rows
        )
        about = ", ".join(named[key] for key in ("model", "measure") if table[key].nunique() > 1)
        within = one == other
        name = f"within {one}" if within else f"{one} with {other}"
        panels.append(
            Cells(
                title=f"{name}, {about}" if about else name,
                rows=tuple(map(layer_name, rows)),
                columns=tuple(map(layer_name, columns)),
                values=values,
                row_title=f"layer of {one}",
                column_title=f"layer of {other}",
                notes=notes,
                numbers=False,
                square=True,
            )
        )
    measure = said(table, ["measure"]) or "similarity"
    low, high = float(table.value.min()), float(table.value.max())
    same = said(table, ["model"])
    return Spec(
        kind="grid",
        title="Every layer with every layer",
        subtitle=f"{same + ': ' if same else ''}{measure} on held-out sentences, n = {span(table.n)}",
        panels=tuple(panels),
        scale=Scale(measure, min(low, 0.0), max(high, 1.0 if high > 0.5 else high), diverging=False),
    )
