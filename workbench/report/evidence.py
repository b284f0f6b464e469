"""Why to believe it: what each aligner brings on test, curves over layers, confounds, predictors."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.core.numbers import between, number, plain, probability, signed
from workbench.figures.markup import Child, Markup, count, records, table, tag, words
from workbench.report.chart import Line, interval_bar, panel
from workbench.report.heatmap import at_one_strength
from workbench.results import Part


def outcomes(part: Part) -> Markup:
    """What each aligner chose on dev, and what that brings on test."""
    selection = part.tables["selection"]
    ends = [0.0, *selection.gain_low.dropna(), *selection.gain_high.dropna()]
    rows = [_outcome(one, min(ends), max(ends)) for one in records(selection)]
    n = int(selection.n.iloc[0])
    caption = (
        f"Each aligner’s own choice on dev, scored once on {count(n, 'test item')}. * is a control: what it "
        "gains, a map has to beat."
    )
    heads = ["aligner", "formula", "layer", "α", "gain on dev", "gain on test", "95 % interval", ""]
    return table(caption, [*heads, "headline minus it"], rows, words=2)


def _outcome(one: dict[str, Any], left: float, right: float) -> list[Child]:
    name = words(one["aligner"]) + "*" * bool(one["control"])
    over = signed(one["headline_over"]) + " " + between(one["headline_over_low"], one["headline_over_high"])
    return [
        tag("strong", name) if one["headline"] else name,
        words(one["intervention"]),
        _where(one),
        plain(one["strength"], 2),
        signed(one["dev_gain"]),
        signed(one["gain"]),
        between(one["gain_low"], one["gain_high"]),
        interval_bar(float(one["gain"]), float(one["gain_low"]), float(one["gain_high"]), left, right),
        "" if number(one["headline_over"]) is None else over,
    ]


def _where(one: dict[str, Any]) -> Child:
    if pd.isna(one["layer"]):
        return "none"
    if one["joint"] == "one":
        return int(one["layer"])
    return f"{str(one['site']).partition('.')[2]} {words(one['joint'])}"


def curves(part: Part) -> Markup | None:
    """Fit and similarities over layers, small and alike, with the chosen layer marked."""
    sites = _sites(part)
    if not sites:
        return None
    names = [_site(site) for site in sites]
    places = {_layer(site): i for i, site in enumerate(sites)}
    mark = None if part.layer is None else places.get(part.layer)
    panels = [panel(title, names, lines, mark) for title, lines in _panels(part, sites)]
    chosen = "" if mark is None else "The upright line is the layer chosen on dev. "
    gain = ", but the gain on dev items" if part.finished else ""
    band = ", of the gain the simultaneous band" if part.finished else ""
    note = (
        f"{chosen}Measured on held-out sentences{gain}. Shaded: 95 % intervals where there are any{band}. "
        "“emb” is the embedding."
    )
    return tag("div", tag("p", note, class_="muted"), tag("div", *panels, class_="panels"))


def _panels(part: Part, sites: list[str]) -> list[tuple[str, list[Line]]]:
    found = _gain(part, sites)
    fit, similarity = part.tables.get("fit"), part.tables.get("similarity")
    lower = part.manifest.get("lower_is_better", ())
    if fit is not None:
        lines = [_line(words(name), some, "r2", sites) for name, some in fit.groupby("aligner", sort=False)]
        found.append(("R² of the maps", lines))
    if similarity is not None:
        for name, some in similarity.groupby("measure", sort=False):
            title = words(name) + (" (less is more alike)" if name in lower else "")
            found.append((title, [_line(words(name), some, "value", sites, ("low", "high"))]))
    return found


def _gain(part: Part, sites: list[str]) -> list[tuple[str, list[Line]]]:
    """The gain of the headline's aligner, to set the other curves beside."""
    best = part.headline
    if best is None or "exploration" not in part.tables:
        return []
    grid = at_one_strength(part)
    mine = grid[grid.aligner == best.aligner]
    formula = best.intervention if pd.notna(best.intervention) else mine.intervention.iloc[0]
    mine = mine[mine.intervention == formula]
    name = f"{words(best.aligner)}, {words(formula)}"
    return [(f"gain on dev: {name}", [_line(name, mine, "gain", sites, ("band_low", "band_high"))])]


def _line(name: str, some: pd.DataFrame, column: str, sites: list[str], band: tuple[str, ...] = ()) -> Line:
    at = some.drop_duplicates("site").set_index("site")

    def values(column: str) -> tuple[float | None, ...]:
        return tuple(number(at[column].get(site)) for site in sites)

    # A map with a control's errors can lie far below 0: the curve ends at −1, the table has the number.
    inside = tuple(None if v is None else max(v, -1.0) for v in values(column))
    return Line(name, inside, *map(values, band))


def numbers(part: Part) -> list[Markup]:
    """The same curves as tables."""
    sites = _sites(part)
    heads = [_site(site) for site in sites]
    made = []
    fit, similarity = part.tables.get("fit"), part.tables.get("similarity")
    if fit is not None:
        caption = "R² of the maps on held-out sentences, by layer"
        made.append(table(caption, ["aligner", *heads], _by_site(fit, "aligner", "r2", sites)))
        warnings = [text for text in dict.fromkeys(fit.warning.dropna()) if text]
        made += [tag("p", tag("strong", "Mind: "), text) for text in warnings]
    if similarity is not None:
        caption = "Similarity of the languages on held-out sentences, by layer"
        made.append(table(caption, ["measure", *heads], _by_site(similarity, "measure", "value", sites)))
    return made


def _by_site(found: pd.DataFrame, who: str, column: str, sites: list[str]) -> list[list[Child]]:
    rows: list[list[Child]] = []
    for name, some in found.groupby(who, sort=False):
        at = some.drop_duplicates("site").set_index("site")[column]
        rows.append([words(name), *(plain(at.get(site), 2) for site in sites)])
    return rows


def _sites(part: Part) -> list[str]:
    tables = [part.tables[name] for name in ("similarity", "fit") if name in part.tables]
    return list(dict.fromkeys(site for found in tables for site in found.site.dropna()))


def _site(site: str) -> str:
    component, _, layer = site.partition(".")
    return {"embed": "emb", "resid_post": layer}.get(component, site)


def _layer(site: str) -> int | None:
    component, _, layer = site.partition(".")
    return int(layer) if component == "resid_post" and layer.isdigit() else None


def confounds(part: Part) -> Markup | None:
    """Properties of sentences that go along with a measure, where the patch is."""
    found = part.tables.get("confounds")
    if found is None or found.empty:
        return None
    layers = sorted(found.layer.dropna().unique())
    layer = part.layer if part.layer is not None else (layers[len(layers) // 2] if layers else None)
    here = found[(found.layer == layer).fillna(False)] if layer is not None else found
    varied = [name for name, some in here.groupby("confound", sort=False) if some.rho.notna().any()]
    still = [name for name in dict.fromkeys(here.confound) if name not in varied]
    rows = [
        [words(measure), *(_rho(some[some.confound == name]) for name in varied)]
        for measure, some in here.groupby("measure", sort=False)
        if some.rho.notna().any()
    ]
    caption = (
        f"At layer {layer}: Spearman’s ρ of a property of sentences with what each sentence adds to the "
        "measure; far from 0, the measure may be about the property."
    )
    means = here.drop_duplicates("confound").set_index("confound")["mean"]
    heads = ["measure", *(f"{words(name)} (mean {plain(means[name], 2)})" for name in varied)]
    constant = [f"{words(name)} (mean {plain(means[name], 2)})" for name in still]
    said = "Without a correlation, because they do not vary between sentences or none can be formed: "
    return tag(
        "div",
        table(caption, heads, rows) if rows else None,
        tag("p", said, ", ".join(constant), ".") if constant else None,
    )


def _rho(some: pd.DataFrame) -> str:
    if some.empty:
        return plain(None)
    one = some.iloc[0]
    return f"{signed(one.rho, 2)} {between(one.low, one.high, 2)}".strip()


_SCOPES = {
    "pair": "a pair’s curve over layers with that of the gain on dev (descriptive)",
    "layers": "the mean of these over pairs",
    "pairs": "a measure’s best value with the gain on test, over pairs",
}


def predictors(found: pd.DataFrame | None, parts: Sequence[Part]) -> Markup | None:
    """Which cheap measure goes along with the gain."""
    if found is None or found.empty:
        return None
    made = []
    for scope, about in _SCOPES.items():
        some = found[(found.scope == scope) & found.rho.notna()]
        # The mean over one pair is that pair's own.
        if some.empty or (scope == "layers" and (some.n < 2).all()):
            continue
        task = "task" in some and some.task.nunique() > 1
        heads = ["measure", *(["pair"] if scope == "pair" else []), *(["task"] if task else [])]
        rows: list[list[Child]] = [
            [
                words(one["measure"]),
                *([str(one["pair"])] if scope == "pair" else []),
                *([str(one["task"])] if task else []),
                signed(one["rho"], 2),
                between(one["low"], one["high"], 2) or plain(None),
                probability(one["p"]),
                int(one["n"]),
            ]
            for one in records(some)
        ]
        heads += ["rank correlation", "95 % interval", "p", "n"]
        made.append(table(f"Rank correlation: {about}", heads, rows, words=len(heads) - 4))
    return tag("div", *made) if made else None
