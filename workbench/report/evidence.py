"""Why to believe it: what each aligner brings on test, curves over layers, confounds, predictors."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from workbench.core.numbers import NONE, between, interval, plain, probability, signed
from workbench.figures import NothingToShow, Plot, make_spec
from workbench.figures.kinds.maps import before_and_after
from workbench.figures.kinds.sweep import gain_curve
from workbench.figures.markup import Child, Markup, count, language, records, table, tag, words
from workbench.figures.svg import draw_svg, interval_bar
from workbench.results import Part

Columns = Mapping[str, Callable[[dict[str, Any]], Child]]
"""Head of a column → what it shows of a row."""


def cells_of(columns: Columns, rows: Iterable[dict[str, Any]]) -> tuple[list[str], list[list[Child]]]:
    """Heads and cells of a table."""
    return list(columns), [[cell(row) for cell in columns.values()] for row in rows]


def outcomes(part: Part) -> Markup:
    """What each aligner chose on dev, and what that brings on test."""
    selection = part.tables["selection"]
    ends = [0.0, *selection.gain_low.dropna(), *selection.gain_high.dropna()]
    items = count(int(selection.n.iloc[0]), "test item")
    caption = (
        f"Each aligner’s own choice on dev, scored once on {items}. * is a control: what it gains, a map has "
        "to beat."
    )

    def bar(row: dict[str, Any]) -> Markup:
        gain, low, high = (float(row[name]) for name in ("gain", "gain_low", "gain_high"))
        return interval_bar(gain, low, high, min(ends), max(ends))

    columns: Columns = {
        "aligner": lambda row: tag("strong", _aligner(row)) if row["headline"] else _aligner(row),
        "formula": lambda row: words(row["intervention"]),
        "layer": _layers,
        "α": lambda row: plain(row["strength"], 2),
        "gain on dev": lambda row: signed(row["dev_gain"]),
        "gain on test": lambda row: signed(row["gain"]),
        "95 % interval": lambda row: between(row["gain_low"], row["gain_high"]),
        "": bar,
        "headline minus it": lambda row: interval(
            row["headline_over"], row["headline_over_low"], row["headline_over_high"], none=""
        ),
    }
    return table(caption, *cells_of(columns, records(selection)), words=2)


def _aligner(row: dict[str, Any]) -> str:
    return words(row["aligner"]) + "*" * bool(row["control"])


def _layers(row: dict[str, Any]) -> str:
    if pd.isna(row["layer"]):
        return "none"
    if row["joint"] == "one":
        return str(row["layer"])
    return f"{row['site'].partition('.')[2]} {words(row['joint'])}"


def curves(part: Part) -> Markup | None:
    """Gain, fit and similarities over layers, small and alike, with the chosen layer marked."""
    lower = part.manifest.get("lower_is_better", ())
    panels = []
    for panel in (*plots_of("fit", part.tables), *plots_of("alignment", part.tables)):
        less = " (less is more alike)" if panel.title in lower else ""
        panels.append(replace(panel, title=words(panel.title) + less if panel.title else "R² of the maps"))
    if not panels:
        return None
    if gain_panel := gain_curve(part.tables):
        panels.insert(0, gain_panel)
    known = {place for panel in panels for place, _ in panel.x.ticks}
    mark = None if part.layer not in known else float(part.layer)
    chosen = "" if mark is None else "The upright line is the layer chosen on dev. "
    gain = ", but the gain on dev items" if part.finished else ""
    band = ", of the gain the simultaneous band" if part.finished else ""
    note = (
        f"{chosen}Measured on held-out sentences{gain}. Shaded: 95 % intervals where there are any{band}. "
        "“emb” is the embedding. A value outside of an axis is drawn at its edge; the tables have it."
    )
    return _drawn(note, [replace(panel, marked=mark) for panel in panels])


def _drawn(note: str, panels: Iterable[Plot]) -> Markup:
    return tag("div", tag("p", note, class_="muted"), tag("div", *map(draw_svg, panels), class_="panels"))


def plots_of(kind: str, tables: Mapping[str, pd.DataFrame], **options: Any) -> list[Plot]:
    """The panels of a figure; none where the tables hold nothing that it shows."""
    try:
        return [panel for panel in make_spec(kind, tables, **options).panels if isinstance(panel, Plot)]
    except NothingToShow:
        return []


def before_and_after_map(part: Part) -> Markup | None:
    """The chosen layer, or else the middle one: both languages before the map, and mapped ones after."""
    pca = part.tables.get("pca")
    layer = None if pca is None else _shown_layer(part, pca)
    planes = planes_at(part, layer)
    if pca is None or not planes:
        return None
    aligner, n = words(pca.aligner.iloc[0]), len(planes[0].series[0].x)
    which = "the layer chosen on dev" if layer == part.layer else "in the middle"
    note = (
        f"Layer {layer}, {which}; {n} held-out sentences. Large: means. The plane is that of the first two "
        f"principal components (PC) of both languages’ states before the map; states mapped by {aligner} are "
        "put into the same plane."
    )
    titles = ("Before the map", "After it")
    return _drawn(note, (replace(plane, title=when) for when, plane in zip(titles, planes, strict=True)))


def _shown_layer(part: Part, table: pd.DataFrame) -> int | None:
    """The layer chosen on dev; where the table has no such, its middle one."""
    layers = sorted(int(layer) for layer in table.layer.dropna().unique())
    return part.layer if part.layer in layers else layers[len(layers) // 2] if layers else None


def planes_at(part: Part, layer: int | None) -> list[Plot]:
    """The two planes of a layer, before and after the map; none where the table has no place for them."""
    pca = part.tables.get("pca")
    if pca is None or layer is None:
        return []
    here = pca[(pca.layer == layer).fillna(False) & pca.x.notna() & pca.y.notna()]
    mapped = here[here.mapped.astype(bool)]
    if mapped.empty or len(mapped) == len(here) or here.language.nunique() < 2:
        return []
    source = language(mapped.language.iloc[0])
    return before_and_after("", here, (source, language(part.target), f"{source}, mapped"))


def numbers(part: Part) -> list[Markup]:
    """The same curves as tables."""
    shown = {name: part.tables[name] for name in ("similarity", "fit") if name in part.tables}
    sites = list(dict.fromkeys(site for one in shown.values() for site in one.site.dropna()))
    tables = []
    if "fit" in shown:
        caption = "R² of the maps on held-out sentences, by layer"
        warnings = filter(None, dict.fromkeys(shown["fit"].warning.dropna()))
        tables = [
            _by_site(caption, shown["fit"], "aligner", "r2", sites),
            *(tag("p", tag("strong", "Caution: "), text) for text in warnings),
        ]
    if "similarity" in shown:
        caption = "Similarity of the languages on held-out sentences, by layer"
        tables.append(_by_site(caption, shown["similarity"], "measure", "value", sites))
    return tables


def _by_site(caption: str, rows: pd.DataFrame, name: str, column: str, sites: list[str]) -> Markup:
    values = rows.drop_duplicates([name, "site"]).set_index([name, "site"])[column]
    cells = [
        [words(row), *(plain(values.get((row, site)), 2) for site in sites)]
        for row in dict.fromkeys(rows[name])
    ]
    heads = ["emb" if site == "embed" else site.removeprefix("resid_post.") for site in sites]
    return table(caption, [name, *heads], cells)


def confounds(part: Part) -> Markup | None:
    """Properties of sentences that go along with a measure, where the patch is."""
    found = part.tables.get("confounds")
    if found is None or found.empty:
        return None
    layer = _shown_layer(part, found)
    here = found if layer is None else found[(found.layer == layer).fillna(False)]
    known = here[here.rho.notna()].drop_duplicates(["measure", "confound"])
    means = here.drop_duplicates("confound").set_index("confound")["mean"]
    heads = {name: f"{words(name)} (mean {plain(mean, 2)})" for name, mean in means.items()}
    varied = [name for name in heads if name in set(known.confound)]
    constant = [head for name, head in heads.items() if name not in varied]
    rho = {
        (row["measure"], row["confound"]): interval(row["rho"], row["low"], row["high"], 2)
        for row in records(known)
    }
    rows = [
        [words(measure), *(rho.get((measure, name), NONE) for name in varied)]
        for measure in dict.fromkeys(known.measure)
    ]
    caption = (
        f"At layer {layer}: Spearman’s ρ of a property of sentences with what each sentence adds to the "
        "measure; far from 0, the measure may be about the property."
    )
    note = "Without a correlation, because they do not vary between sentences or none can be formed: "
    return tag(
        "div",
        table(caption, ["measure", *(heads[name] for name in varied)], rows) if rows else None,
        tag("p", note, ", ".join(constant), ".") if constant else None,
    )


_SCOPES = {
    "pair": "a pair’s curve over layers with that of the gain on dev (descriptive)",
    "layers": "the mean of these over pairs",
    "pairs": "a measure’s best value with the gain on test, over pairs",
}
_PREDICTORS: Columns = {
    "measure": lambda row: words(row["measure"]),
    "pair": lambda row: str(row["pair"]),
    "task": lambda row: str(row["task"]),
    "rank correlation": lambda row: signed(row["rho"], 2),
    "95 % interval": lambda row: between(row["low"], row["high"], 2) or NONE,
    "p": lambda row: probability(row["p"]),
    "n": lambda row: int(row["n"]),
}


def predictors(found: pd.DataFrame) -> Markup | None:
    """Which cheap measure goes along with the gain."""
    tables = []
    for scope, about in _SCOPES.items():
        rows = found[(found.scope == scope) & found.rho.notna()]
        # The mean over one pair is that pair's own.
        if rows.empty or (scope == "layers" and (rows.n < 2).all()):
            continue
        shown = {"pair": scope == "pair", "task": "task" in rows and rows.task.nunique() > 1}
        columns = {head: cell for head, cell in _PREDICTORS.items() if shown.get(head, True)}
        cells = cells_of(columns, records(rows))
        tables.append(table(f"Rank correlation: {about}", *cells, words=len(columns) - 4))
    return tag("div", *tables) if tables else None
