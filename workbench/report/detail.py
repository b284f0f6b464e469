"""What is shown of a layer when its cell is opened: tables made here, shown by the page's script."""

import json
from collections.abc import Iterable
from typing import Any

import pandas as pd

from workbench.core.numbers import NONE, between, plain, probability, signed
from workbench.figures.markup import Child, Markup, records, tag, words
from workbench.report.evidence import Columns, cells_of, correlations, planes_at
from workbench.results import Part

Table = dict[str, Any]
"""`caption`, `heads` and `rows`, all of them text."""


def with_keys(part: Part) -> dict[str, pd.DataFrame]:
    """The tables, each configuration with its place among those of its layer, by which cells find it."""
    exploration = part.tables["exploration"]
    return {**part.tables, "exploration": exploration.assign(key=exploration.groupby("layer").cumcount())}


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


def as_data(parts: Iterable[tuple[str, Part]]) -> Markup:
    """The details of titled parts as JSON inside the page; no text in it can end the element.

    Captions and heads are the same in most layers: a table is its place among `kinds`, and its rows.
    """
    kinds: list[Table] = []

    def packed(table: Table) -> list[Any]:
        kind = {name: value for name, value in table.items() if name != "rows"}
        if kind not in kinds:
            kinds.append(kind)
        return [kinds.index(kind), table["rows"]]

    data = [
        {"title": title, "layers": {layer: list(map(packed, one)) for layer, one in details(part).items()}}
        for title, part in parts
    ]
    spelled = json.dumps({"kinds": kinds, "parts": data}, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&":
        spelled = spelled.replace(sign, f"\\u{ord(sign):04x}")
    return tag("script", Markup(spelled), type="application/json", id="details")


_CONFIGURATIONS: dict[tuple[str, str], Any] = {
    ("aligner", "aligner"): lambda row: words(row["aligner"]),
    ("formula", "formula"): lambda row: (
        words(row["intervention"])
        + ("" if row["joint"] == "one" else f" ({words(row['joint'])}, {row['site']})")
    ),
    ("α", "strength α"): lambda row: NONE if pd.isna(row["strength"]) else f"{row['strength']:g}",
    ("gain", "gain on dev"): lambda row: signed(row["gain"]),
    ("interval", "95 % interval, this cell alone"): lambda row: between(row["low"], row["high"]),
    ("band", "simultaneous band, all cells"): lambda row: between(row["band_low"], row["band_high"]),
    ("p", "p over all cells"): lambda row: probability(row["p"]),
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
}
"""Table of the study → caption and columns."""


def _measured(part: Part, layer: int) -> list[Table]:
    def here(name: str) -> pd.DataFrame:
        table = part.tables.get(name)
        return pd.DataFrame() if table is None else table[(table.layer == layer).fillna(False)]

    tables = [
        _table(caption, *cells_of(columns, records(here(name))))
        for name, (caption, columns) in _MEASURED.items()
    ]
    tables.insert(1, _means(part, layer))
    if not here("confounds").empty:
        names, rows = correlations(here("confounds"))
        caption = "Properties of sentences that go along with a measure: Spearman’s ρ"
        tables.append(_table(caption, ["measure", *map(words, names)], rows))
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
