"""How strong a patch has to be: gain on dev by layer and strength, of the aligners a study is about."""

from workbench.figures.explored import FOOTER, HATCHED, cells_of, chosen, single, subtitle
from workbench.figures.frames import NothingToShow, controls, is_control, number, parts, places, reach
from workbench.figures.spec_parts import Cells, Mark, Scale, Spec
from workbench.figures.tables_in import Frames

_FRAMED = "Framed: layer and strength chosen on dev. "


def spec(frames: Frames) -> Spec:
    """Strengths × layers, a panel for each study, aligner and formula; controls are left to other figures."""
    choices, known = chosen(frames), controls(frames)
    heads = {key for key, made in choices.items() if made.headline}
    table = single(frames["exploration"])
    keys = list(zip(*(table[name].astype(str) for name in ("model", "pair", "task", "aligner")), strict=True))
    shown = [key in heads if heads else not is_control(key[-1], known) for key in keys]
    table = table[shown]
    table = table[table.strength.notna()]
    if table.empty:
        raise NothingToShow("figure strengths: no branch has a strength")
    table = table.assign(place=places(table), row=table.strength.astype(float))
    columns = sorted(set(table.place))
    panels = []
    for title, named, mine in parts(table, ["model", "task", "pair", "aligner", "intervention", "positions"]):
        rows = sorted(set(mine.row), reverse=True)
        made = choices.get((named["model"], named["pair"], named["task"], named["aligner"]))
        here = made is not None and made.intervention == named["intervention"]
        here = here and made is not None and made.positions == named["positions"]
        marks = []
        if made is not None and here and made.strength in rows:
            marks.append(Mark(rows.index(made.strength), columns.index(made.place), ""))
        panels.append(
            Cells(
                title=title or f"{named['aligner']}, {named['intervention']}",
                rows=tuple(f"{number(row):g}" for row in rows),
                row_title="α",
                marks=tuple(marks),
                **cells_of(mine, rows, columns, "row"),
            )
        )
    longest = reach(table.gain)
    return Spec(
        kind="strengths",
        title="How strong a patch has to be",
        subtitle=subtitle(table, "the aligner chosen on dev" if heads else "every aligner but controls"),
        panels=tuple(panels),
        scale=Scale("gain in accuracy on dev", -longest, longest),
        footer=(_FRAMED if any(panel.marks for panel in panels) else "") + HATCHED + FOOTER,
    )
