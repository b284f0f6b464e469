"""Why to believe it: what each aligner brings on test, curves over layers, confounds, predictors."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from workbench.core.numbers import NONE, between, interval, plain, probability, signed
from workbench.figures import NothingToShow, Plot, make_spec
from workbench.figures.kinds.maps import before_and_after as planes_of
from workbench.figures.kinds.states import FIRST
from workbench.figures.kinds.sweep import gain_curve
from workbench.figures.markup import Child, Markup, count, language, records, table, tag, words
from workbench.figures.naming import spoken
from workbench.figures.svg import draw_svg, interval_bar
from workbench.results import Part

Columns = Mapping[str, Callable[[dict[str, Any]], Child]]
"""Head of a column → what it shows of a row."""


def cells_of(columns: Columns, rows: Iterable[dict[str, Any]]) -> tuple[list[str], list[list[Child]]]:
    """Heads and cells of a table."""
    return list(columns), [[cell(row) for cell in columns.values()] for row in rows]


def outcomes(part: Part) -> dict[str, dict[str, Child]]:
    """What each aligner chose on dev, and its gain on test: for each head the cell of each aligner."""
    if not part.finished:
        return {}
    selection = part.tables["selection"]
    ends = [0.0, *selection.gain_low.dropna(), *selection.gain_high.dropna()]

    def gain(row: dict[str, Any]) -> Child:
        if pd.isna(row["layer"]):
            return None
        gain, low, high = (float(row[name]) for name in ("gain", "gain_low", "gain_high"))
        bar = interval_bar(gain, low, high, min(ends), max(ends))
        return [two_lines(row, "gain"), bar]

    columns: Columns = {
        "chosen on dev": _choice,
        "gain on test": gain,
        "headline minus it": lambda row: two_lines(row, "headline_over"),
    }
    rows = records(selection)
    return {head: {str(row["aligner"]): cell(row) for row in rows} for head, cell in columns.items()}


def two_lines(row: Mapping[str, Any], name: str) -> Child:
    """An estimate with its interval below it, or after it where all is in one line."""
    ends = between(row[f"{name}_low"], row[f"{name}_high"])
    return [signed(row[name], none=""), [" ", tag("small", ends)] if ends else None]


def _choice(row: dict[str, Any]) -> Child:
    if pd.isna(row["layer"]):
        return "no patch"
    layers = f"layer {row['layer']}"
    if row["joint"] != "one":
        layers = f"layers {str(row['site']).partition('.')[2]} {words(row['joint'])}, "
        layers += f"{words(row['intervention'])}, α = {row['strength']:g}"
    return tag("strong", layers) if row["headline"] else layers


def over_layers(part: Part) -> list[Markup]:
    """Gain, fit, similarities and sentences; of a finished study, all similarities but one are folded."""
    alike, planes = _similarities(part), before_and_after(part)
    first = [one for name in FIRST for one in alike if one.title == spoken(name)] or alike
    first = first[:1] if part.finished else alike
    fits = [replace(one, title=one.title or "R² of the maps") for one in plots_of("fit", part.tables)]
    panels = _curves(part, [*filter(None, [gain_curve(part.tables)]), *fits, *first])
    others = _curves(part, [one for one in alike if one not in first])
    blocks = []
    if panels or planes:
        notes = [_note(part, panels) if panels else "", _note_of_planes(part, planes) if planes else ""]
        heading = tag("h3", "Over layers" + ", and sentences before and after the map" * bool(planes))
        said = tag("p", " ".join(notes), class_="muted")
        shown = tag("div", *map(draw_svg, [*panels, *planes]), class_="panels")
        blocks.append(tag("div", heading, tag("div", said, shown), class_="block"))
    if tables := numbers(part):
        drawn = tag("div", *map(draw_svg, others), class_="panels") if others else None
        summary = f"{count(len(others), 'more measure')}, and all curves as tables" if others else "As tables"
        blocks.append(tag("details", tag("summary", summary), drawn, *tables))
    return blocks


def _similarities(part: Part) -> list[Plot]:
    """A panel for every measure; that of a distance says so."""
    if "similarity" not in part.tables:
        return []
    every = list(map(str, part.tables["similarity"].measure.unique()))
    lower = set(map(spoken, part.manifest.get("lower_is_better", ())))
    panels = plots_of("alignment", part.tables, measures=every)
    less = " (less is more alike)"
    return [replace(one, title=one.title + less * (one.title in lower)) for one in panels]


def _curves(part: Part, panels: Iterable[Plot]) -> list[Plot]:
    """Small and alike, with the chosen layer marked."""
    panels = list(panels)
    known = {place for panel in panels for place, _ in panel.x.ticks}
    mark = None if part.layer not in known else float(part.layer)
    return [replace(one, marked=mark) for one in panels]


def _note(part: Part, panels: Sequence[Plot]) -> str:
    """What the curves were measured on, and what their marks mean."""
    chosen = "The upright line is the layer chosen on dev. " if panels[0].marked is not None else ""
    gain = ", but the gain on dev items" if part.finished else ""
    band = ", of the gain the simultaneous band" if part.finished else ""
    return (
        f"{chosen}Measured on held-out sentences{gain}. Shaded: 95 % intervals where there are any{band}. "
        "“emb” is the embedding. A value outside of an axis is drawn at its edge; the tables have it."
    )


def plots_of(kind: str, tables: Mapping[str, pd.DataFrame], **options: Any) -> list[Plot]:
    """The panels of a figure; none where the tables hold nothing that it shows."""
    try:
        return [panel for panel in make_spec(kind, tables, **options).panels if isinstance(panel, Plot)]
    except NothingToShow:
        return []


def before_and_after(part: Part) -> list[Plot]:
    """The chosen layer, or else the middle one: both languages before the map, and mapped ones after."""
    pca = part.tables.get("pca")
    planes = [] if pca is None else planes_at(part, _shown_layer(part, pca))
    return [
        replace(plane, title=when)
        for plane, when in zip(planes, ("Before the map", "After it"), strict=False)
    ]


def _note_of_planes(part: Part, planes: Sequence[Plot]) -> str:
    """Whose states the points are, and which plane they lie in."""
    pca = part.tables["pca"]
    layer = _shown_layer(part, pca)
    which = "the layer chosen on dev" if layer == part.layer else "in the middle"
    aligner, n = words(pca.aligner.iloc[0]), len(planes[0].series[0].x)
    return (
        f"Before and after the map: layer {layer}, {which}; {n} held-out sentences, large: means. The plane "
        "is that of the first two principal components (PC) of both languages’ states before the map; states "
        f"mapped by {aligner} are put into the same plane."
    )


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
    return planes_of("", here, (source, language(part.target), f"{source}, mapped"))


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
    known = list(dict.fromkeys(rows[name]))
    cells = [
        ["emb" if site == "embed" else site.removeprefix("resid_post.")]
        + [plain(values.get((one, site)), 2) for one in known]
        for site in sites
    ]
    return table(caption, ["layer", *map(words, known)], cells)


def confounds(part: Part) -> Markup | None:
    """Properties of sentences that go along with a measure, where the patch is."""
    found = part.tables.get("confounds")
    if found is None or found.empty:
        return None
    layer = _shown_layer(part, found)
    here = found if layer is None else found[(found.layer == layer).fillna(False)]
    means = here.drop_duplicates("confound").set_index("confound")["mean"]
    heads = {name: f"{words(name)} (mean {plain(mean, 2)})" for name, mean in means.items()}
    varied, rows = correlations(here)
    constant = [head for name, head in heads.items() if name not in varied]
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


def correlations(confounds: pd.DataFrame) -> tuple[list[str], list[list[Child]]]:
    """The properties with a correlation, and for each measure a row: its name, then ρ with each of them."""
    known = confounds[confounds.rho.notna()].drop_duplicates(["measure", "confound"])
    names = [name for name in dict.fromkeys(confounds.confound) if name in set(known.confound)]
    rho = {
        (row["measure"], row["confound"]): interval(row["rho"], row["low"], row["high"], 2)
        for row in records(known)
    }
    measures = dict.fromkeys(known.measure)
    return names, [[words(one), *(rho.get((one, name), NONE) for name in names)] for one in measures]


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
