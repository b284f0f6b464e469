"""Descriptions as tables whose cells are coloured, and what is shown of a layer when its cell is opened."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from workbench.core.numbers import between, number, plain, probability, signed
from workbench.figures import Cells, NothingToShow, Spec, headlines, make_spec
from workbench.figures.frames import component
from workbench.figures.kinds.states import FIRST
from workbench.figures.kinds.sweep import single
from workbench.figures.look import step_of
from workbench.figures.markup import Child, Markup, count, records, scrolling, short, tag, words
from workbench.report.evidence import Columns, cells_of, planes_at
from workbench.results import Part

STAR = "★"
_TITLE = tag("b", "Gain in accuracy over the unpatched run, on dev (exploratory). ")
_UNMEASURED = tag("td", tag("span", "not measured", class_="unseen"))


def reach_of(parts: Iterable[Part]) -> float:
    """The largest gain or loss shown of any part: one scale for the whole report."""
    specs = filter(None, map(_methods, parts))
    return max((spec.scale.high for spec in specs if spec.scale), default=1.0)


def methods_by_layers(part: Part, place: int, reach: float) -> Markup | None:
    """Every aligner and formula at one strength: that of its choice, or else its largest."""
    spec = _methods(part)
    if spec is None or not isinstance(panel := spec.panels[0], Cells):
        return None
    labels = [_label(name, notes) for name, notes in zip(panel.rows, panel.notes, strict=True)]
    owners = [(part, place)] * len(labels)
    items = count(int(part.tables["exploration"].n.max()), "dev item")
    caption: Child = [
        _TITLE,
        f"{part.model}, {part.title}, {items}; each row at the strength chosen for it on dev. * is a "
        "control.",
        f" The chosen patch is at layers {part.jointly}, so no cell has a star." if part.jointly else None,
    ]
    cells = _gains(panel, owners, reach)
    legend = _legend(reach, "the chosen patch", bool(panel.counts))
    return _heatmap(panel, "aligner and formula", labels, cells, caption, f"map-{place}", legend)


def pairs_by_layers(parts: Sequence[Part], reach: float) -> Markup | None:
    """The headline's patch for each pair and task, one row each."""
    owners = [
        (part, place)
        for place, part in enumerate(parts)
        if part.headline is not None
        and "exploration" in part.tables
        and part.headline.aligner in set(single(part.tables["exploration"]).aligner)
    ]
    tables = [with_keys(part) for part, _ in owners]
    try:
        frames = {name: pd.concat([one[name] for one in tables]) for name in ("exploration", "selection")}
        (panel,) = headlines(frames).panels
    except (NothingToShow, ValueError):
        return None
    assert isinstance(panel, Cells), "headlines are cells"
    labels: list[Child] = [tag("a", part.title, href=f"#part-{place}") for part, place in owners]
    about = "Each pair and task with the aligner that its study is about, at the strength chosen."
    cells = _gains(panel, owners, reach)
    legend = _legend(reach, "the patch chosen for each", bool(panel.counts))
    return _heatmap(panel, "pair and task", labels, cells, [_TITLE, about], "map-all", legend)


def with_keys(part: Part) -> dict[str, pd.DataFrame]:
    """The tables, each configuration with its place among those of its layer, by which cells find it."""
    exploration = part.tables["exploration"]
    return {**part.tables, "exploration": exploration.assign(key=exploration.groupby("layer").cumcount())}


def _methods(part: Part) -> Spec | None:
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
    marks: list[Child] = [short(value), tag("small", few) if pale else None]
    if best is not None and str(part.layer) == layer:
        chosen = f"{best.aligner}, {best.intervention}, α = {best.strength:g}"
        if panel.notes[row][column][0] == chosen:
            classes.append("best")
            marks = [tag("b", STAR, " ", short(value)), tag("small", f"test {short(best.gain)}")]
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
    legend: Markup | None = None,
) -> Markup:
    names = panel.columns
    heads = [tag("th", corner, scope="col"), *(tag("th", name, scope="col") for name in names)]
    body = [tag("tr", tag("th", label, scope="row"), *row) for label, row in zip(labels, cells, strict=True)]
    # A header over the layers, so that the numbers say what they are.
    over = tag("th", panel.column_title, colspan=len(names), scope="colgroup")
    table = tag(
        "table",
        tag("thead", tag("tr", tag("td"), over), tag("tr", *heads)),
        tag("tbody", *body),
        class_="heat" if len(names) <= 16 else "heat many",
        aria_labelledby=caption_id,
    )
    above = tag("p", caption, id=caption_id, class_="caption")
    return tag("div", above, scrolling(table, "Heatmap, scrolls sideways"), legend, class_="heatmap")


def _label(name: str, notes: Sequence[tuple[str, ...]]) -> Child:
    """Aligner, with a star for a control, then formula and strength, which the notes of its cells name."""
    first = next((lines[0] for lines in notes if lines), name)
    aligner, _, formula = first.partition(", ")
    star = "*" * name.partition(",")[0].endswith("*")
    return [words(aligner), star, " ", tag("small", words(formula.replace(", α =", "")))]


def _legend(reach: float, starred: str, raced: bool) -> Markup:
    scale = [
        tag("span", signed(share * reach, 2), class_=step_of(share, 1.0))
        for share in (-1.0, -0.5, 0.0, 0.5, 1.0)
    ]
    inside = (
        " paler and hatched: inside the simultaneous 95 % band, which holds 0; no effect of this cell alone "
        "is shown"
    )
    dropped = " paler, with their number of dev items: dropped in a race before all items were run"
    return tag(
        "p",
        tag("span", *scale, class_="scale"),
        tag("span", tag("span", plain(0.3 * reach, 2), class_="in p3 sample"), inside, class_="key"),
        tag(
            "span",
            tag("span", STAR, class_="best sample"),
            f" {starred}, with its gain on test",
            class_="key",
        ),
        tag("span", tag("span", "20", class_="few p3 sample"), dropped, class_="key") if raced else None,
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
    maps = {str(name): _similarities(rows, about) for name, rows in values.groupby("measure", sort=False)}
    # The others are a click away.
    first = next((name for name in (*FIRST, *maps) if name in maps), "")
    others = [drawn for name, drawn in maps.items() if name != first]
    more = tag("details", tag("summary", f"{len(others)} more"), *others) if others else None
    return tag("div", maps.get(first), more)


def _similarities(table: pd.DataFrame, about: str) -> list[Markup]:
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
        maps.append(_heatmap(panel, "pair", panel.rows, _alike(panel), caption, f"alike-{name}{ident}"))
    return maps


def _alike(panel: Cells) -> list[list[Markup]]:
    # All values below −1 have one colour.
    reach = max([1.0, *(abs(max(v, -1.0)) for row in panel.values for v in row if v is not None)])

    def cell(value: float | None, note: tuple[str, ...]) -> Markup:
        if value is None:
            return _UNMEASURED
        shade = step_of(max(value, -1.0), reach)
        return tag("td", short(value).removeprefix("+"), class_=shade, title="\n".join(note))

    return [list(map(cell, *row)) for row in zip(panel.values, panel.notes, strict=True)]


# What is shown of a layer when its cell is opened: tables made here, shown by the page's script.


Table = dict[str, Any]
"""`caption`, `heads` and `rows`, all of them text."""


def details(part: Part) -> dict[str, list[Table]]:
    """For each layer its tables; the first has the configurations, in the order that cells count them in."""
    if "exploration" not in part.tables:
        return {}
    exploration = with_keys(part)["exploration"]
    return {
        str(layer): [
            _configurations(records(exploration[exploration.layer == layer])),
            *_measured(part, layer),
        ]
        for layer in sorted(map(int, exploration.layer.dropna().unique()))
    }


def as_data(parts: Sequence[Part]) -> Markup:
    """All details as JSON inside the page; no text in it can end the element."""
    data = [{"title": part.title, "layers": details(part)} for part in parts]
    spelled = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&":
        spelled = spelled.replace(sign, f"\\u{ord(sign):04x}")
    return tag("script", Markup(spelled), type="application/json", id="details")


_CONFIGURATIONS: dict[tuple[str, str], Any] = {
    ("aligner", "aligner"): lambda row: words(row["aligner"]),
    ("formula", "formula"): lambda row: (
        words(row["intervention"])
        + ("" if row["joint"] == "one" else f" ({words(row['joint'])}, {row['site']})")
    ),
    ("α", "strength α"): lambda row: plain(row["strength"], 2),
    ("gain", "gain on dev"): lambda row: signed(row["gain"]),
    ("interval", "95 % interval, this cell alone"): lambda row: between(row["low"], row["high"]),
    ("band", "simultaneous band, all cells"): lambda row: between(row["band_low"], row["band_high"]),
    ("p", "p over all cells"): lambda row: probability(row["p"]),
    ("0 lies", "0 lies"): lambda row: f"{'beyond' if row['beyond_band'] else 'inside'} the band",
    ("margin", "gain in mean margin (nats)"): lambda row: signed(row["margin_gain"], 2),
}
"""Head and title of each column → its cell."""


def _configurations(rows: list[dict[str, Any]]) -> Table:
    return {
        "caption": f"Patches here, on {int(rows[0]['n'])} dev items (exploratory)",
        "heads": [head for head, _ in _CONFIGURATIONS],
        "titles": [title for _, title in _CONFIGURATIONS],
        "rows": [[cell(row) for cell in _CONFIGURATIONS.values()] for row in rows],
    }


_MEASURED: dict[str, tuple[str, Columns]] = {
    "fit": (
        "How near the maps come, on held-out sentences",
        {
            "aligner": lambda row: words(row["aligner"]),
            "R²": lambda row: plain(row["r2"]),
            "R² of the median dimension": lambda row: plain(row["r2_median"]),
            "cosine": lambda row: plain(row["cosine"]),
            "error over best control's": lambda row: plain(row["ratio_to_control"]),
            "mind": lambda row: str(row["warning"] or ""),
        },
    ),
    "similarity": (
        "How alike the languages are, on held-out sentences",
        {
            "measure": lambda row: words(row["measure"]),
            "value": lambda row: plain(row["value"]),
            "95 % interval": lambda row: between(row["low"], row["high"]),
            "mind": lambda row: str(row["note"] or ""),
        },
    ),
    "confounds": (
        "What else the measures go along with",
        {
            "measure": lambda row: words(row["measure"]),
            "property of sentences": lambda row: words(row["confound"]),
            "ρ": lambda row: signed(row["rho"], 2),
            "95 % interval": lambda row: between(row["low"], row["high"], 2),
        },
    ),
}
"""Table of the study → caption and columns."""


def _measured(part: Part, layer: int) -> list[Table]:
    tables = []
    for name, (caption, columns) in _MEASURED.items():
        table = part.tables.get(name)
        rows = [] if table is None else records(table[(table.layer == layer).fillna(False)])
        # Of confounds, those with a correlation.
        known = [row for row in rows if number(row.get("rho", 0)) is not None]
        tables.append(_table(caption, *cells_of(columns, known)))
    tables.insert(1, _means(part, layer))
    return [table for table in tables if table["rows"]]


def _table(caption: str, heads: list[str], rows: list[list[Child]]) -> Table:
    """Without empty columns."""
    kept = [i for i in range(len(heads)) if i == 0 or any(row[i] for row in rows)]
    cells = [[row[i] for i in kept] for row in rows]
    return {"caption": caption, "heads": [heads[i] for i in kept], "rows": cells}


def _means(part: Part, layer: int) -> Table:
    """Where the languages' means lie before and after the map, in the plane of the figure."""
    planes = planes_at(part, layer)
    means = {series.name: series for plane in planes for series in plane.series if series.look == "mean"}
    rows: list[list[Child]] = [[name, plain(m.x[0], 2), plain(m.y[0], 2)] for name, m in means.items()]
    heads = ["mean of", *(axis.title for plane in planes[:1] for axis in (plane.x, plane.y))]
    return _table(
        "Means of the languages’ states, in the plane where both spread most before the map", heads, rows
    )
