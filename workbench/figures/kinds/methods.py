"""Aligners beside controls: gain on dev by aligner, formula and layer, one panel for each study."""

from workbench.figures.explored import FOOTER, HATCHED, at_chosen, cells_of, chosen, subtitle
from workbench.figures.frames import controls, is_control, ordered, parts, places, reach
from workbench.figures.spec_parts import Cells, Mark, Scale, Spec
from workbench.figures.tables_in import Frames

_FRAMED = "Framed: what the aligner chose on dev. "


def spec(frames: Frames) -> Spec:
    """Aligners × layers, controls below a line, each formula at its chosen or largest strength."""
    choices, known = chosen(frames), controls(frames)
    table = at_chosen(frames["exploration"], choices, formulas=True)
    several = table.intervention.nunique() > 1
    aligner = table.aligner.astype(str)
    star = aligner.map(lambda name: "*" if is_control(name, known) else "")
    label = aligner + star + (", " + table.intervention.astype(str) if several else "")
    table = table.assign(place=places(table), row=label)
    columns = sorted(set(table.place))
    panels = []
    for title, named, mine in parts(table, ["model", "task", "pair"]):
        first = ordered(mine.aligner.astype(str), known)
        rows = list(dict.fromkeys(mine.row.iloc[mine.aligner.map(first.index).argsort(kind="stable")]))
        marks = []
        for name in first:
            made = choices.get((named["model"], named["pair"], named["task"], name))
            own = mine[mine.aligner == name]
            own = own[own.intervention == made.intervention] if made is not None else own[:0]
            if made is not None and made.place in set(own.place):
                marks.append(Mark(rows.index(own.row.iloc[0]), columns.index(made.place), ""))
        above = sum(not row.partition(",")[0].endswith("*") for row in rows)
        panels.append(
            Cells(
                title=title,
                rows=tuple(rows),
                row_title="",
                marks=tuple(marks),
                rule_after=above if 0 < above < len(rows) else None,
                **cells_of(mine, rows, columns, "row"),
            )
        )
    longest = reach(table.gain)
    return Spec(
        kind="methods",
        title="Aligners and controls",
        subtitle=subtitle(table, "each formula at the strength chosen on dev, or else its largest"),
        panels=tuple(panels),
        scale=Scale("gain in accuracy on dev", -longest, longest),
        footer="* below the line: controls, which a map has to beat. "
        + (_FRAMED if any(panel.marks for panel in panels) else "")
        + HATCHED
        + FOOTER,
    )
