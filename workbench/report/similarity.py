"""How alike the languages are, pair by layer: the map of a run, whether or not anything was patched."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.core.numbers import between, number
from workbench.figures.look import step_of
from workbench.figures.markup import Child, Markup, records, scrolling, short, tag, words
from workbench.results import Part

FIRST = ("cka_debiased", "cka")
"""The measure that is shown at once, or else the first that there is; the others are a click away."""


def similarity_maps(parts: Sequence[Part]) -> Markup | None:
    """A row for each pair, a column for each layer; without similarities, the held-out R² of the maps."""
    tables = [part.tables["similarity"] for part in parts if "similarity" in part.tables]
    if tables:
        whole = pd.concat(tables, ignore_index=True).drop_duplicates(["pair", "measure", "site"])
        return _maps(whole, "measure", "value", "on held-out sentences")
    fits = [part.tables["fit"] for part in parts if "fit" in part.tables]
    if not fits:
        return None
    whole = pd.concat(fits, ignore_index=True).drop_duplicates(["pair", "aligner", "site"])
    return _maps(whole, "aligner", "r2", "R² on held-out sentences")


def _maps(table: pd.DataFrame, who: str, column: str, about: str) -> Markup:
    table = table[table[column].notna()]
    names = list(dict.fromkeys(map(str, table[who])))
    first = next((name for name in FIRST if name in names), names[0] if names else "")
    drawn = {name: _map(table[table[who] == name], column, f"{words(name)} {about}", name) for name in names}
    others = [drawn[name] for name in names if name != first]
    more = tag("details", tag("summary", f"{len(others)} more"), *others) if others else None
    return tag("div", drawn.get(first), more)


def _map(mine: pd.DataFrame, column: str, title: str, name: str) -> Markup:
    sites = list(dict.fromkeys(map(str, mine.site)))
    reach = max(1.0, float(mine[column].clip(-1.0, 1.0).abs().max()))
    heads = [tag("th", "pair", scope="col"), *(tag("th", _site(site), scope="col") for site in sites)]
    body = []
    for pair, rows in mine.groupby("pair", sort=False):
        at = {str(row["site"]): row for row in records(rows.drop_duplicates("site"))}
        cells = [_cell(at.get(site), column, reach) for site in sites]
        body.append(tag("tr", tag("th", str(pair), scope="row"), *cells))
    over = tag("tr", tag("td"), tag("th", "layer", colspan=len(sites), scope="colgroup"))
    table = tag(
        "table",
        tag("thead", over, tag("tr", *heads)),
        tag("tbody", *body),
        class_="heat" if len(sites) <= 16 else "heat many",
        aria_labelledby=f"alike-{name}",
    )
    caption = tag(
        "p", tag("b", f"{title}, by pair and layer. "), _count(mine), id=f"alike-{name}", class_="caption"
    )
    return tag("div", caption, scrolling(table, "Heatmap, scrolls sideways"), class_="heatmap")


def _count(mine: pd.DataFrame) -> str:
    counts = mine["n"] if "n" in mine else mine["n_held_out"]
    return f"n = {', '.join(str(int(n)) for n in dict.fromkeys(counts))}; “emb” is the embedding."


def _cell(row: dict[str, Any] | None, column: str, reach: float) -> Markup:
    if row is None:
        return tag("td", tag("span", "not measured", class_="unseen"))
    value = number(row[column])
    shown: list[Child] = [short(value).removeprefix("+")]
    about = between(row["low"], row["high"]) if "low" in row else ""
    shade_of = step_of(None if value is None else max(value, -1.0), reach)
    return tag("td", *shown, class_=shade_of, title=f"95 % interval {about}" if about else None)


def _site(site: str) -> str:
    component, _, layer = site.partition(".")
    return {"embed": "emb", "resid_post": layer}.get(component, site)
