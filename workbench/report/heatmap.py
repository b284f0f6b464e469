"""The gains on dev as tables whose cells are coloured: aligners by layers, and pairs by layers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from workbench.core.numbers import plain, signed
from workbench.figures.look import step_of
from workbench.figures.markup import Child, Markup, count, records, scrolling, short, tag, words
from workbench.results import Part

STAR = "★"


@dataclass(frozen=True)
class Cell:
    """A gain on dev; `row` is its place in the detail of the layer."""

    gain: float
    inside: bool
    """Whether the simultaneous band holds 0."""
    row: int
    test: float | None = None
    """The gain on test, of the chosen cell alone."""


@dataclass(frozen=True)
class Row:
    """One row of a heatmap: of which part, and its cells by layer."""

    label: Child
    part: int
    cells: dict[int, Cell]


def reach_of(parts: Iterable[Part]) -> float:
    """The largest gain or loss shown of any part: one scale for the whole report."""
    found = [at_one_strength(part).gain.abs().max() for part in parts if "exploration" in part.tables]
    return max((float(value) for value in found if pd.notna(value)), default=0.0) or 1.0


def methods_by_layers(part: Part, place: int, reach: float) -> Markup:
    """Every aligner and formula at one strength: that of its choice, or else its largest."""
    shown = at_one_strength(part)
    several = shown.strength.nunique() > 1
    rows = [
        Row(_label(str(aligner), str(formula), some, several, part), place, _cells(some, part))
        for (aligner, formula), some in shown.groupby(["aligner", "intervention"], sort=False)
    ]
    about = (_caption(part, shown), f"map-{place}")
    return _heatmap(rows, about, "aligner and formula", reach, "the chosen patch")


def pairs_by_layers(parts: Sequence[Part], reach: float) -> Markup:
    """The headline's patch for each pair and task, one row each."""
    rows = []
    for place, part in enumerate(parts):
        best = part.headline
        if best is None or "exploration" not in part.tables:
            continue
        shown = at_one_strength(part)
        mine = shown[shown.aligner == best.aligner]
        if pd.notna(best.intervention):
            mine = mine[mine.intervention == best.intervention]
        else:
            mine = mine[mine.intervention == mine.intervention.iloc[0]]
        rows.append(Row(tag("a", part.title, href=f"#part-{place}"), place, _cells(mine, part)))
    caption: Child = [
        tag("b", "Gain in accuracy over the unpatched run, on dev (exploratory). "),
        "Each pair and task with the aligner that its study is about, at the strength chosen.",
    ]
    return _heatmap(rows, (caption, "map-all"), "pair and task", reach, "the patch chosen for each")


def at_one_strength(part: Part) -> pd.DataFrame:
    """The single-layer branches of the grid, each aligner and formula at one strength, with their `row`."""
    grid = with_rows(part.tables["exploration"])
    grid = grid[grid.joint == "one"]
    strength = grid.groupby(["aligner", "intervention"]).strength.transform("max").astype(float)
    selection = part.tables.get("selection")
    for chosen in (
        ()
        if selection is None
        else selection[selection.layer.notna() & (selection.joint == "one")].itertuples()
    ):
        mine = (grid.aligner == chosen.aligner) & (grid.intervention == chosen.intervention)
        strength = strength.mask(mine.astype(bool), float(str(chosen.strength)))
    return grid[(grid.strength.astype(float) - strength).abs() < 1e-9]


def with_rows(exploration: pd.DataFrame) -> pd.DataFrame:
    """Each branch with its place among those of its layer: how cells find their numbers."""
    return exploration.assign(row=exploration.groupby("layer").cumcount())


def _cells(some: pd.DataFrame, part: Part) -> dict[int, Cell]:
    best = part.headline
    cells = {}
    for one in records(some.drop_duplicates("layer")):
        chosen = (
            part.layer is not None
            and best is not None
            and all(one[name] == best[name] for name in ("aligner", "intervention", "layer", "strength"))
        )
        test = float(best.gain) if chosen and best is not None else None
        cells[int(one["layer"])] = Cell(float(one["gain"]), not one["beyond_band"], int(one["row"]), test)
    return cells


def _heatmap(
    rows: Sequence[Row], about: tuple[Child, str], corner: str, reach: float, starred: str
) -> Markup:
    """`about` is what the heatmap shows, and the id of that text."""
    layers = sorted({layer for row in rows for layer in row.cells})
    heads = [tag("th", corner, scope="col"), *(tag("th", layer, scope="col") for layer in layers)]
    body = [
        tag(
            "tr",
            tag("th", row.label, scope="row"),
            *(_cell(row.cells.get(layer), layer, row.part, reach) for layer in layers),
        )
        for row in rows
    ]
    # A header over the layers, so that the numbers say what they are.
    over = tag("tr", tag("td"), tag("th", "layer patched", colspan=len(layers), scope="colgroup"))
    table = tag(
        "table",
        tag("thead", over, tag("tr", *heads)),
        tag("tbody", *body),
        class_="heat" if len(layers) <= 16 else "heat many",
        aria_labelledby=about[1],
    )
    caption = tag("p", about[0], id=about[1], class_="caption")
    return tag(
        "div",
        caption,
        scrolling(table, "Heatmap, scrolls sideways"),
        _legend(reach, starred),
        class_="heatmap",
    )


def _cell(cell: Cell | None, layer: int, part: int, reach: float) -> Markup:
    if cell is None:
        return tag("td", tag("span", "not measured", class_="unseen"))
    marks: list[Child] = [short(cell.gain)]
    if cell.test is not None:
        marks = [tag("b", STAR, " ", short(cell.gain)), tag("small", f"test {short(cell.test)}")]
    classes = [
        step_of(cell.gain, reach),
        "in" if cell.inside else None,
        "best" if cell.test is not None else None,
    ]
    return tag(
        "td",
        *marks,
        class_=" ".join(filter(None, classes)),
        data_part=part,
        data_layer=layer,
        data_row=cell.row,
    )


def _label(aligner: str, formula: str, some: pd.DataFrame, several: bool, part: Part) -> Child:
    strength = f" {float(some.strength.iloc[0]):g}" if several else ""
    return [words(aligner), _control(aligner, part), " ", tag("small", f"{words(formula)}{strength}")]


def _control(aligner: str, part: Part) -> str:
    selection = part.tables.get("selection")
    return "" if selection is None else "*" * bool(selection[selection.aligner == aligner].control.any())


def _caption(part: Part, shown: pd.DataFrame) -> Child:
    n = int(shown.n.iloc[0]) if len(shown) else 0
    return [
        tag("b", "Gain in accuracy over the unpatched run, on dev (exploratory). "),
        f"{part.model}, {part.title}, {count(n, 'dev item')}; each row at the strength chosen for it on dev. "
        "* is a control.",
        f" The chosen patch is at layers {part.jointly}, so no cell has a star." if part.jointly else None,
    ]


def _legend(reach: float, starred: str) -> Markup:
    scale = [
        tag("span", signed(share * reach, 2), class_=step_of(share * reach, reach))
        for share in (-1.0, -0.5, 0.0, 0.5, 1.0)
    ]
    return tag(
        "p",
        tag("span", *scale, class_="scale"),
        tag(
            "span",
            tag("span", plain(0.3 * reach, 2), class_="in p3 sample"),
            " paler and hatched: inside the "
            "simultaneous 95 % band, which holds 0; no effect of this cell alone is shown",
            class_="key",
        ),
        tag(
            "span",
            tag("span", STAR, class_="best sample"),
            f" {starred}, with its gain on test",
            class_="key",
        ),
        class_="legend",
    )
