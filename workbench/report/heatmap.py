"""Descriptions as tables whose cells are coloured, with what was found on test beside the layers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.core.numbers import plain, signed
from workbench.figures import Cells, NothingToShow, Spec, headlines, make_spec
from workbench.figures.frames import component
from workbench.figures.kinds.states import FIRST
from workbench.figures.kinds.sweep import single
from workbench.figures.look import step_of
from workbench.figures.markup import Child, Markup, count, scrolling, short, tag, words
from workbench.figures.spec import thinned
from workbench.report.detail import with_keys
from workbench.results import Part

STAR = "★"
_TITLE = tag("b", "Gain in accuracy over the unpatched run, on dev (exploratory). ")
_UNMEASURED = tag("td", tag("span", "not measured", class_="unseen"))
_MANY, _MOST = 16, 40
"""Above so many layers cells have colours alone, and above so many not every layer has its name."""


@dataclass(frozen=True)
class Beside:
    """Columns to the right of the layers: for each head, a cell for each row."""

    columns: Mapping[str, Sequence[Child]]

    @property
    def heads(self) -> list[Markup]:
        """Both lines of the head high."""
        return [tag("th", head, scope="col", rowspan=2, class_="beside") for head in self.columns]

    def cells(self, row: int) -> list[Markup]:
        """Those of a row."""
        return [tag("td", column[row], class_="beside") for column in self.columns.values()]


def reach_of(parts: Iterable[Part]) -> float:
    """The largest gain or loss shown of any part: one scale for the whole report."""
    specs = filter(None, map(_aligners, parts))
    return max((spec.scale.high for spec in specs if spec.scale), default=1.0)


def legend_of(parts: Iterable[Part], reach: float) -> Markup | None:
    """What colours and marks mean; None where no part has gains by layer."""
    specs = list(filter(None, map(_aligners, parts)))
    return _legend(reach, any(panel.counts for spec in specs for panel in spec.cells)) if specs else None


def aligners_by_layers(
    part: Part, place: int, reach: float, beside: Mapping[str, Mapping[str, Child]]
) -> Markup | None:
    """Every aligner and formula at one strength: that of its choice, or else its largest.

    `beside` has for each head what stands there for each aligner, in the row of its choice; an aligner that
    has no row among those of single layers gets one without cells.
    """
    spec = _aligners(part)
    panel = spec.panels[0] if spec is not None else None
    if not isinstance(panel, Cells):
        panel = Cells("", (), (), ())
    first = [next((lines[0] for lines in notes if lines), "") for notes in panel.notes]
    rows = _rows_of_choices(part, first)
    labels = [_label(name, line) for name, line in zip(panel.rows, first, strict=True)]
    cells = _gains(panel, [(part, place)] * len(labels), reach)
    for aligner in next(iter(beside.values()), {}):
        if aligner not in rows:
            rows[aligner] = len(labels)
            labels.append(words(aligner))
            cells.append([_UNMEASURED] * len(panel.columns))
    if not labels:
        return None
    names = {at: aligner for aligner, at in rows.items()}
    columns = {
        head: [shown.get(names.get(at, "")) for at in range(len(labels))] for head, shown in beside.items()
    }
    ident = f"map-{place}"
    return _heatmap(panel, "aligner", labels, cells, _caption_of(part), ident, Beside(columns), " flat")


def _caption_of(part: Part) -> list[Child]:
    tested = part.tables["selection"].n.iloc[0] if part.finished else None
    swept = part.tables["exploration"].n.max() if "exploration" in part.tables else None
    dev, test = (count(int(n or 0), f"{name} item") for n, name in ((swept, "dev"), (tested, "test")))
    return [
        [_TITLE, f"{dev}, each row at the strength chosen for it on dev. "] if swept else None,
        f"Beside: each aligner’s own choice on dev, scored once on {test}. " if tested else None,
        "* is a control: what it gains, a map has to beat.",
        f" The chosen patch is at layers {part.jointly}, so no cell has a star." if part.jointly else None,
    ]


def _rows_of_choices(part: Part, first: Sequence[str]) -> dict[str, int]:
    """Of each aligner of `selection` the row of its choice, or else its first; one without a row has none."""
    found = {}
    chosen: Iterable[Any] = part.tables["selection"].itertuples() if part.finished else ()
    for row in chosen:
        own = [at for at, line in enumerate(first) if line.partition(", ")[0] == row.aligner]
        if own:
            same = [at for at in own if pd.notna(row.layer) and first[at] == _configuration(row)]
            found[str(row.aligner)] = (same or own)[0]
    return found


def _configuration(row: Any) -> str:
    """A row of `selection` as the first line of a cell's note names it."""
    return f"{row.aligner}, {row.intervention}, α = {row.strength:g}"


def studies_by_layers(
    parts: Sequence[Part],
    labels: Sequence[Child],
    beside: Mapping[str, Sequence[Child]],
    reach: float,
    first: int = 0,
    about: Child = None,
) -> Markup:
    """The headline's patch for each pair and task, one row each; parts are counted from `first`."""
    shown = [
        (part, place)
        for place, part in enumerate(parts, first)
        if part.headline is not None
        and "exploration" in part.tables
        and part.headline.aligner in set(single(part.tables["exploration"]).aligner)
    ]
    panel, cells = _headline_cells(shown, reach)
    empty = [_UNMEASURED] * len(panel.columns)
    rows = [cells.get(place, empty) for place in range(first, first + len(parts))]
    what = "Each row is the aligner that its study is about, at the strength chosen."
    caption: Child = [about, _TITLE, what] if panel.columns else about
    return _heatmap(panel, "pair and task", labels, rows, caption, f"map-all-{first}", Beside(beside))


def _headline_cells(shown: Sequence[tuple[Part, int]], reach: float) -> tuple[Cells, dict[int, list[Markup]]]:
    """The figure `headlines` of parts, and the cells of each by its place."""
    tables = [with_keys(part) for part, _ in shown]
    try:
        frames = {name: pd.concat([one[name] for one in tables]) for name in ("exploration", "selection")}
        (panel,) = headlines(frames).panels
    except (NothingToShow, ValueError):
        return Cells("", (), (), ()), {}
    assert isinstance(panel, Cells), "headlines are cells"
    return panel, dict(zip((place for _, place in shown), _gains(panel, shown, reach), strict=True))


def _aligners(part: Part) -> Spec | None:
    """The figure `aligners` of a part; None where it has no gains by layer."""
    if "exploration" not in part.tables or single(part.tables["exploration"]).empty:
        return None
    return make_spec("aligners", with_keys(part))


def _gains(panel: Cells, owners: Sequence[tuple[Part, int]], reach: float) -> list[list[Markup]]:
    """Cells that open their layer."""
    columns = range(len(panel.columns))
    return [
        [_gain(panel, row, column, *owner, reach) for column in columns] for row, owner in enumerate(owners)
    ]


def _gain(panel: Cells, row: int, column: int, part: Part, place: int, reach: float) -> Markup:
    value, layer, best = panel.values[row][column], panel.columns[column], part.headline
    if value is None:
        return _UNMEASURED
    few = panel.few(row, column)
    hatched, pale = panel.hatched[row][column], few is not None
    classes = [step_of(value, reach), "in" if hatched else None, "few" if pale else None]
    text: Child = short(value)
    marks: list[Child] = [tag("span", text) if len(panel.columns) > _MANY else text]
    marks += [tag("small", few)] if pale else []
    if best is not None and str(part.layer) == layer and panel.notes[row][column][0] == _configuration(best):
        classes.append("best")
        marks = [tag("b", STAR), " ", *marks]
    return tag(
        "td",
        *marks,
        class_=" ".join(filter(None, classes)),
        data_part=place,
        data_layer=layer,
        data_row=panel.keys[row][column],
    )


def _heatmap(
    panel: Cells,
    corner: str,
    labels: Sequence[Child],
    cells: Iterable[Iterable[Markup]],
    caption: Child,
    caption_id: str,
    beside: Beside | None = None,
    look: str = "",
) -> Markup:
    names, beside = panel.columns, beside or Beside({})
    step = 1 if len(names) <= _MOST else thinned(len(names), _MOST / 2)
    named = [name if at % step == 0 else tag("span", name, class_="unseen") for at, name in enumerate(names)]
    heads = [tag("th", name, scope="col") for name in named]
    body = [
        tag("tr", tag("th", label, scope="row"), *row, *beside.cells(at))
        for at, (label, row) in enumerate(zip(labels, cells, strict=True))
    ]
    # A header over the layers, so that the numbers say what they are.
    over = tag("th", panel.column_title, colspan=len(names), scope="colgroup") if names else None
    first = tag("th", corner, scope="col", rowspan=2)
    table = tag(
        "table",
        tag("thead", tag("tr", first, over, *beside.heads), tag("tr", *heads)),
        tag("tbody", *body),
        class_=f"heat{look}" + " many" * (len(names) > _MANY) + " most" * (len(names) > _MOST),
        aria_labelledby=caption_id,
    )
    above = tag("p", caption, id=caption_id, class_="caption")
    return tag("div", above, scrolling(table, "Heatmap, scrolls sideways"), class_="heatmap")


def _label(name: str, first: str) -> Child:
    """Aligner, with a star for a control, then formula and strength, which the notes of its cells name."""
    aligner, _, formula = (first or name).partition(", ")
    star = "*" * name.partition(",")[0].endswith("*")
    return [words(aligner), star, " ", tag("small", words(formula))]


def _legend(reach: float, raced: bool) -> Markup:
    scale = [
        tag("span", signed(share * reach, 2), class_=step_of(share, 1.0))
        for share in (-1.0, -0.5, 0.0, 0.5, 1.0)
    ]
    inside = " hatched, paler: the simultaneous 95 % band includes 0"
    dropped = " paler, with their number of dev items: dropped in a race before all items were run"
    return tag(
        "p",
        tag("span", *scale, class_="scale"),
        tag("span", tag("span", STAR, class_="best sample"), " chosen on dev, scored on test"),
        tag("span", tag("span", plain(0.3 * reach, 2), class_="in p3 sample"), inside),
        tag("span", tag("span", "20", class_="few p3 sample"), dropped) if raced else None,
        tag("span", "Point at a cell, or open it with a click or Enter.", class_="screen"),
        tag("noscript", "Without scripts, more numbers of each cell are in exploration.parquet."),
        class_="legend",
    )


def similarity_maps(parts: Sequence[Part]) -> Markup | None:
    """A row for each pair, a column for each layer; without similarities, the held-out R² of the maps."""
    tables = [part.tables["similarity"] for part in parts if "similarity" in part.tables]
    about = "on held-out sentences"
    if not tables:
        names = {"aligner": "measure", "r2": "value", "n_held_out": "n"}
        fits = [part.tables["fit"].rename(columns=names) for part in parts if "fit" in part.tables]
        tables, about = [table.assign(low=None, high=None) for table in fits], f"R² {about}"
    if not tables:
        return None
    values = pd.concat(tables, ignore_index=True).drop_duplicates(["pair", "measure", "site"])
    values = values[values.value.notna()]
    links = {part.pair: tag("a", part.pair, href=f"#part-{at}") for at, part in enumerate(parts)}
    by_measure = values.groupby("measure", sort=False)
    maps = {str(name): _similarities(rows, about, links) for name, rows in by_measure}
    # The others are a click away.
    first = next((name for name in (*FIRST, *maps) if name in maps), "")
    others = [drawn for name, drawn in maps.items() if name != first]
    more = tag("details", tag("summary", f"{len(others)} more"), *others) if others else None
    return tag("div", maps.get(first), more)


def _similarities(table: pd.DataFrame, about: str, links: Mapping[str, Child]) -> list[Markup]:
    """One measure of each component: its figure `similarity` as a table."""
    name, kinds = str(table.measure.iloc[0]), table.site.map(component)
    components = [kind for kind in dict.fromkeys(kinds) if kind != "embed"] or ["embed"]
    maps = []
    for kind in components:
        rows = table[kinds.isin([kind, "embed"])]
        (panel,) = make_spec("similarity", {"similarity": rows}).panels
        assert isinstance(panel, Cells), "similarities are cells"
        where, ident = (f" of {words(kind)}", f"-{kind}") if len(components) > 1 else ("", "")
        n = ", ".join(str(int(n)) for n in dict.fromkeys(rows.n))
        caption: Child = [
            tag("b", f"{words(name)} {about}{where}, by pair and layer. "),
            f"n = {n}; “emb” is the embedding.",
        ]
        pairs = dict.fromkeys(map(str, rows.pair))
        labels = [links.get(pair, pair) for pair in pairs]
        maps.append(_heatmap(panel, "pair", labels, _alike(panel), caption, f"alike-{name}{ident}"))
    return maps


def _alike(panel: Cells) -> list[list[Markup]]:
    # All values below −1 have one colour.
    reach = max([1.0, *(abs(max(v, -1.0)) for row in panel.values for v in row if v is not None)])

    def cell(value: float | None, note: tuple[str, ...]) -> Markup:
        if value is None:
            return _UNMEASURED
        shade, text = step_of(max(value, -1.0), reach), short(value).removeprefix("+")
        shown = tag("span", text) if len(panel.columns) > _MANY else text
        return tag("td", shown, class_=shade, title="\n".join(note))

    return [list(map(cell, *row)) for row in zip(panel.values, panel.notes, strict=True)]
