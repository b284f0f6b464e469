"""Why to believe it: what each aligner brings on test, curves over layers, confounds, predictors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from workbench.core.numbers import between, number, plain, probability, signed
from workbench.figures import NothingToShow, Plot, make_spec
from workbench.figures.kinds.maps import before_and_after
from workbench.figures.kinds.sweep import gain_curve
from workbench.figures.markup import Child, Markup, count, language, records, table, tag, words
from workbench.figures.svg import draw_svg, interval_bar
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
    """Gain, fit and similarities over layers, small and alike, with the chosen layer marked."""
    panels = _plots(part)
    if not panels:
        return None
    known = {place for panel in panels for place, _ in panel.x.ticks}
    mark = None if part.layer not in known else float(part.layer)
    drawn = [draw_svg(replace(panel, marked=mark)) for panel in panels]
    chosen = "" if mark is None else "The upright line is the layer chosen on dev. "
    gain = ", but the gain on dev items" if part.finished else ""
    band = ", of the gain the simultaneous band" if part.finished else ""
    note = (
        f"{chosen}Measured on held-out sentences{gain}. Shaded: 95 % intervals where there are any{band}. "
        "“emb” is the embedding. A value outside of an axis is drawn at its edge; the tables have it."
    )
    return tag("div", tag("p", note, class_="muted"), tag("div", *drawn, class_="panels"))


def _plots(part: Part) -> list[Plot]:
    """The panels of the same figures that `workbench figures` draws."""
    measured = [*plots_of("fit", part.tables), *plots_of("alignment", part.tables)]
    if not measured:
        return []
    lower = part.manifest.get("lower_is_better", ())
    found = [gain] if (gain := gain_curve(part.tables)) else []
    for panel in measured:
        less = " (less is more alike)" if panel.title in lower else ""
        found.append(replace(panel, title=words(panel.title) + less if panel.title else "R² of the maps"))
    return found


def plots_of(kind: str, tables: Mapping[str, pd.DataFrame]) -> list[Plot]:
    """The panels of a figure; none where the tables hold nothing that it shows."""
    try:
        return [panel for panel in make_spec(kind, tables).panels if isinstance(panel, Plot)]
    except NothingToShow:
        return []


def before_and_after_map(part: Part) -> Markup | None:
    """The chosen layer, or else the middle one: both languages before the map, and mapped ones after."""
    found = part.tables.get("pca")
    layers = [] if found is None else sorted(int(layer) for layer in found.layer.dropna().unique())
    if found is None or not layers:
        return None
    layer = part.layer if part.layer in layers else layers[len(layers) // 2]
    planes = planes_at(part, layer)
    if not planes:
        return None
    aligner, n = words(found.aligner.iloc[0]), len(planes[0].series[0].x)
    which = "the layer chosen on dev" if layer == part.layer else "in the middle"
    said = (
        f"Layer {layer}, {which}; {n} held-out sentences. Large: means. The plane is that of the first two "
        f"principal components (PC) of both languages’ states before the map; states mapped by {aligner} are "
        "put into the same plane."
    )
    titles = ("Before the map", "After it")
    drawn = [draw_svg(replace(plane, title=when)) for when, plane in zip(titles, planes, strict=True)]
    return tag("div", tag("p", said, class_="muted"), tag("div", *drawn, class_="panels"))


def planes_at(part: Part, layer: int | None) -> list[Plot]:
    """The two planes of a layer, before and after the map; none where the table has no place for them."""
    found = part.tables.get("pca")
    if found is None or layer is None:
        return []
    here = found[(found.layer == layer).fillna(False) & found.x.notna() & found.y.notna()]
    if not {True, False} <= set(here.mapped.astype(bool)) or here.language.nunique() < 2:
        return []
    source = language(here[here.mapped.astype(bool)].language.iloc[0])
    return before_and_after("", here, (source, language(part.target), f"{source}, mapped"))


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
