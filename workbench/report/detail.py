"""What is shown of a layer when its cell is opened: tables made here, shown by the page's script."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.core.numbers import between, number, plain, probability, signed
from workbench.figures.markup import Markup, raw, records, tag, words
from workbench.report.evidence import planes_at
from workbench.report.heatmap import with_rows
from workbench.results import Part

Table = dict[str, Any]
"""`caption`, `heads` and `rows`, all of them text."""


def details(part: Part) -> dict[str, list[Table]]:
    """For each layer its tables; the first has the configurations, in the order that cells count them in."""
    if "exploration" not in part.tables:
        return {}
    grid = with_rows(part.tables["exploration"])
    return {
        str(int(layer)): [_configurations(grid[grid.layer == layer]), *_measured(part, int(layer))]
        for layer in sorted(grid.layer.dropna().unique())
    }


def as_data(parts: Sequence[Part]) -> Markup:
    """All details as JSON inside the page; no text in it can end the element."""
    data = [{"title": part.title, "layers": details(part)} for part in parts]
    spelled = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&":
        spelled = spelled.replace(sign, f"\\u{ord(sign):04x}")
    return tag("script", raw(spelled), type="application/json", id="details")


def _configurations(grid: pd.DataFrame) -> Table:
    rows = [
        [
            words(one["aligner"]),
            _formula(one),
            plain(one["strength"], 2),
            signed(one["gain"]),
            between(one["low"], one["high"]),
            between(one["band_low"], one["band_high"]),
            probability(one["p"]),
            "beyond the band" if one["beyond_band"] else "inside the band",
            signed(one["margin_gain"], 2),
        ]
        for one in records(grid)
    ]
    return {
        "caption": f"Patches here, on {int(grid.n.iloc[0])} dev items (exploratory)",
        "heads": ["aligner", "formula", "α", "gain", "interval", "band", "p", "0 lies", "margin"],
        "titles": [
            *("aligner", "formula", "strength α", "gain on dev", "95 % interval, this cell alone"),
            *("simultaneous band, all cells", "p over all cells", "0 lies", "gain in mean margin (nats)"),
        ],
        "rows": rows,
    }


def _formula(one: dict[str, Any]) -> str:
    joint = "" if one["joint"] == "one" else f" ({words(one['joint'])}, {one['site']})"
    return words(one["intervention"]) + joint


def _measured(part: Part, layer: int) -> list[Table]:
    made = (_fit(part, layer), _means(part, layer), _similarity(part, layer), _confounds(part, layer))
    return [_without_empty_columns(table) for table in made if table["rows"]]


def _without_empty_columns(table: Table) -> Table:
    kept = [i for i in range(len(table["heads"])) if i == 0 or any(row[i] for row in table["rows"])]
    return table | {
        "heads": [table["heads"][i] for i in kept],
        "rows": [[row[i] for i in kept] for row in table["rows"]],
    }


def _at(part: Part, name: str, layer: int) -> list[dict[str, Any]]:
    table = part.tables.get(name)
    return [] if table is None else records(table[(table.layer == layer).fillna(False)])


def _fit(part: Part, layer: int) -> Table:
    rows = [
        [
            words(one["aligner"]),
            *(plain(one[name]) for name in ("r2", "r2_median", "cosine", "ratio_to_control")),
            str(one["warning"] or ""),
        ]
        for one in _at(part, "fit", layer)
    ]
    heads = ["aligner", "R²", "R² of the median dimension", "cosine", "error over best control's", "mind"]
    return {"caption": "How near the maps come, on held-out sentences", "heads": heads, "rows": rows}


def _means(part: Part, layer: int) -> Table:
    """Where the languages' means lie before and after the map, in the plane of the picture."""
    caption = "Means of the languages’ states, in the plane where both spread most before the map"
    planes = planes_at(part, layer)
    if not planes:
        return {"caption": caption, "heads": [], "rows": []}
    means = {one.name: one for plane in planes for one in plane.series if one.look == "mean"}
    rows = [[name, plain(one.x[0], 2), plain(one.y[0], 2)] for name, one in means.items()]
    heads = ["mean of", planes[0].x.title, planes[0].y.title]
    return {"caption": caption, "heads": heads, "rows": rows}


def _similarity(part: Part, layer: int) -> Table:
    rows = [
        [words(one["measure"]), plain(one["value"]), between(one["low"], one["high"]), str(one["note"] or "")]
        for one in _at(part, "similarity", layer)
    ]
    heads = ["measure", "value", "95 % interval", "mind"]
    return {"caption": "How alike the languages are, on held-out sentences", "heads": heads, "rows": rows}


def _confounds(part: Part, layer: int) -> Table:
    rows = [
        [
            words(one["measure"]),
            words(one["confound"]),
            signed(one["rho"], 2),
            between(one["low"], one["high"], 2),
        ]
        for one in _at(part, "confounds", layer)
        if number(one["rho"]) is not None
    ]
    heads = ["measure", "property of sentences", "ρ", "95 % interval"]
    return {"caption": "What else the measures go along with", "heads": heads, "rows": rows}
