"""Figures of the maps: how well they fit, what they need, where they put states, what foretells a gain."""

from collections.abc import Sequence

import pandas as pd

from workbench.core.numbers import percent, signed
from workbench.figures.frames import (
    FLOOR,
    MANY,
    Frames,
    NothingToShow,
    controls,
    is_control,
    layer_axis,
    layer_name,
    limits,
    number,
    numbers,
    ordered,
    parts,
    places,
    residual,
    said,
    some_of,
    span,
)
from workbench.figures.kinds.sweep import STUDY, chosen, single
from workbench.figures.spec import Axis, Plot, Series, Spec


def fit(frames: Frames) -> Spec:
    """R² over layers, a panel for each pair and a curve for each aligner."""
    known = controls(frames)
    table = residual(frames["fit"])
    table = table.assign(place=places(table))
    aligners = ordered(table.aligner.astype(str), known)
    maps = [name for name in aligners if not is_control(name, known)]
    y = Axis("held-out R²", range=limits(numbers(table.r2), include=(0, 1), low=FLOOR, high=1.05))
    panels = []
    for title, _, mine in parts(table, ["model", "pair"]):
        series = []
        for name in aligners:
            rows = mine[mine.aligner == name].sort_values("place")
            control = is_control(name, known)
            slot = aligners.index(name) - (len(maps) if control else 0)
            series.append(
                Series(
                    f"{name} (control)" if control else name,
                    tuple(map(float, rows.place)),
                    numbers(rows.r2),
                    role="control" if control else "main",
                    slot=slot,
                )
            )
        panels.append(Plot(title, layer_axis(table.place), y, tuple(one for one in series if one.x)))
    same = said(table, ["model", "pair"])
    cut = bool((table.r2 < FLOOR).any())
    return Spec(
        kind="fit",
        title="How well the maps fit",
        subtitle=f"{same + ': ' if same else ''}{span(table.n_fit)} sentences fitted, "
        f"{span(table.n_held_out)} held out and shown",
        panels=tuple(panels),
        footer=f"Values below −{-FLOOR:g} are not drawn." if cut else "",
    )


CURVE_LAYERS = 4
"""So many layers are shown, evenly spread: first and last among them."""


def curve(frames: Frames) -> Spec:
    """A panel for each pair and aligner, a curve for each of some layers, with the range of the draws."""
    known = controls(frames)
    table = residual(frames["curve"])
    table = table.assign(place=places(table))
    layers = some_of(sorted(set(table.place)), CURVE_LAYERS)
    table = table[table.place.isin(layers)]
    y = Axis("held-out R²", range=limits(numbers(table.r2), include=(0, 1), low=FLOOR, high=1.05))
    sizes = sorted({float(n) for n in table.n_fit})
    x = Axis(
        "sentence pairs fitted", tuple((n, f"{n:g}") for n in sizes), (sizes[0] * 0.9, sizes[-1] * 1.1), True
    )
    panels = []
    for pair, _, mine in parts(table, ["model", "pair"]):
        for aligner in ordered(mine.aligner.astype(str), known):
            star = " (control)" if is_control(aligner, known) else ""
            rows = mine[mine.aligner == aligner]
            series = tuple(_curve(rows[rows.place == place], layers.index(place)) for place in layers)
            panels.append(Plot(f"{aligner}{star}" + (f", {pair}" if pair else ""), x, y, series))
    same = said(table, ["model", "pair"])
    return Spec(
        kind="curve",
        title="How many sentences a map needs",
        subtitle=f"{same + ': ' if same else ''}held-out sentences, n = {span(table.n_held_out)}; "
        "mean over random samples of the sentences",
        panels=tuple(panels),
        footer="Bands: from the smallest to the largest of the draws."
        + (f" Values below −{-FLOOR:g} are not drawn." if (table.r2 < FLOOR).any() else ""),
    )


def _curve(rows: pd.DataFrame, slot: int) -> Series:
    found = rows.groupby("n_fit").r2.agg(["mean", "min", "max"])
    return Series(
        f"layer {layer_name(int(rows.place.iloc[0]))}",
        tuple(map(float, found.index)),
        numbers(found["mean"]),
        numbers(found["min"]),
        numbers(found["max"]),
        slot=slot,
    )


LAYERS = 4
"""So many layers of a pair are shown, evenly spread, the chosen one among them."""
FEW = 3
"""Of more pairs than these, each has one layer: the chosen one."""
KEYS = ("model", "pair", "aligner")
NAMES = ("source", "target", "source, mapped")
"""In the order of their colours and markers."""


def pca(frames: Frames) -> Spec:
    """Two panels for each layer shown, before and after, in one plane and one range."""
    table = residual(frames["pca"])
    table = table[table.x.notna() & table.y.notna()]
    if table.empty:
        raise NothingToShow("figure pca: the table pca holds no place")
    table = table.assign(place=places(table))
    found = list(parts(table, KEYS))
    panels: list[Plot] = []
    left_out = marked = False
    for title, named, mine in found:
        all_of_them, picked = sorted(set(mine.place)), _chosen_layers(frames, named)
        shown = _shown(all_of_them, picked, LAYERS if len(found) <= FEW else 1)
        left_out |= len(shown) < len(all_of_them)
        marked |= any(place in picked for place in shown)
        for place in shown:
            where = f"layer\u00a0{layer_name(place)}" + ("*" if place in picked else "")
            panels += before_and_after(", ".join(filter(None, (title, where))), mine[mine.place == place])
    same, aligner = said(table, ["model", "pair"]), said(table, ["aligner"]) or "the map"
    return Spec(
        kind="pca",
        title="Sentences before and after the map",
        subtitle=f"{same + ': ' if same else ''}held-out sentences, n = {span(table.n)}; "
        f"before and after {aligner}",
        panels=tuple(panels),
        footer="Large: means. PC 1, PC 2: principal components of both languages' states before the map, "
        "with their shares of the variance; mapped states are put into the same plane."
        + (" *\u00a0chosen on dev." if marked else "")
        + (_of_many(len(found), marked) if left_out else ""),
        together=2,
    )


def _of_many(groups: int, marked: bool) -> str:
    if groups > FEW:
        return f" Of each pair one layer is shown: {'the chosen, or else ' if marked else ''}the middle one."
    return f" Shown are {LAYERS} layers, evenly spread{', with the chosen one' if marked else ''}."


def _chosen_layers(frames: Frames, named: dict[str, str]) -> list[int]:
    """The layers that the headline's patch of this pair was chosen at, one for each task."""
    wanted = tuple(named[key] for key in KEYS if key in named)
    picked = (
        made.place
        for (model, pair, _, aligner), made in chosen(frames).items()
        if made.headline and (model, pair, aligner) == wanted
    )
    return list(dict.fromkeys(picked))


def _shown(found: Sequence[int], picked: Sequence[int], most: int) -> list[int]:
    """At most so many layers: evenly spread, and those that were chosen.

    >>> _shown(range(80), [33], 4), _shown(range(6), [5], 4), _shown(range(80), [], 1), _shown([0, 1], [1], 4)
    ([0, 33, 40, 79], [0, 2, 3, 5], [40], [0, 1])
    """
    picked = [place for place in picked if place in found][: max(1, most - 2)]
    if most == 1:
        return picked[:1] or [found[len(found) // 2]]
    spread = some_of(found, most)
    if not set(picked) <= set(spread):
        spread = some_of(found, most - len(picked))
    return sorted({*spread, *picked})


def before_and_after(title: str, rows: pd.DataFrame, names: Sequence[str] = NAMES) -> list[Plot]:
    """Before: source and target. After: the mapped source states and target, in the same range."""
    x, y = (
        Axis(f"PC {number} ({percent(rows[f'share_{name}'].iloc[0])})", range=limits(numbers(rows[name])))
        for number, name in ((1, "x"), (2, "y"))
    )
    mapped = rows.mapped.astype(bool)
    source = rows.language == rows[mapped].language.iloc[0]
    clouds = (rows[~mapped & source], rows[~mapped & ~source], rows[mapped])
    panels = []
    for when, slots in (("before", (0, 1)), ("after", (1, 2))):
        series = tuple(made(clouds[slot], slot, names[slot]) for made in (_cloud, _mean) for slot in slots)
        panels.append(Plot(", ".join(filter(None, (title, when))), x, y, series, lines=()))
    return panels


def _cloud(rows: pd.DataFrame, slot: int, name: str) -> Series:
    notes = tuple((f"{name}, sentence {one}",) for one in rows.sentence)
    x = tuple(map(float, rows.x))
    return Series(name, x, numbers(rows.y), look="cloud", slot=slot, notes=notes)


def _mean(rows: pd.DataFrame, slot: int, name: str) -> Series:
    x, y = ((float(rows[name].mean()),) for name in ("x", "y"))
    notes = ((f"mean of {name}", f"n = {len(rows)}"),)
    return Series(name, x, y, look="mean", slot=slot, notes=notes)


def predictors(frames: Frames) -> Spec:
    """Points are layers; a panel for each measure, with its rank correlation over layers."""
    gains = _gains(frames)
    table = residual(frames["similarity"])
    table = table.assign(place=places(table))[["model", "pair", "measure", "place", "value"]]
    joined = table[table.value.notna()].merge(gains, on=["model", "pair", "place"])
    if joined.empty:
        raise NothingToShow("figure predictors: no layer has both a similarity and a gain")
    y = Axis("gain on dev", range=limits(numbers(joined.gain), include=(0,)))
    names = list(dict.fromkeys(joined.pair.astype(str)))
    panels = []
    for title, named, mine in parts(joined, ["task", "measure"]):
        series = []
        for pair, rows in mine.groupby("pair", sort=False):
            series.append(
                Series(
                    str(pair) if len(names) <= MANY else f"{len(names)} pairs",
                    tuple(map(float, rows.value)),
                    numbers(rows.gain),
                    look="points",
                    slot=names.index(str(pair)) if len(names) <= MANY else 0,
                    notes=tuple((f"{pair}, layer {layer_name(place)}",) for place in rows.place),
                )
            )
        x = Axis("similarity", range=limits(numbers(mine.value)))
        remark = _rho(frames.get("predictors"), named)
        panels.append(Plot(title or named["measure"], x, y, tuple(series), remark=remark))
    same = said(joined, ["model", "task", "pair"])
    return Spec(
        kind="predictors",
        title="Does similarity foretell the gain?",
        subtitle=f"{same + ': ' if same else ''}dev items, n = {span(joined.n)}; one point a layer; "
        "gain of the aligner chosen on dev, the mean over its formulas and strengths",
        panels=tuple(panels),
        footer="ρ: Spearman's, over layers, of more than one pair their mean; its sign turned for distances, "
        "so that more is better. p: by circular shifts, as neighbouring layers are "
        "no independent observations.",
    )


def _gains(frames: Frames) -> pd.DataFrame:
    """The mean gain of the headline aligner's configurations at each place, as `predictors` takes it."""
    heads = {key for key, made in chosen(frames).items() if made.headline}
    known = controls(frames)
    table = single(frames["exploration"])
    keys = zip(*(table[name].astype(str) for name in (*STUDY, "aligner")), strict=True)
    table = table[[key in heads if heads else not is_control(key[-1], known) for key in keys]]
    table = table.assign(place=places(table), gain=table.gain.astype(float))
    return table.groupby([*STUDY, "place"], sort=False, as_index=False).agg(
        gain=("gain", "mean"), n=("n", "max")
    )


def _rho(predictors: pd.DataFrame | None, named: dict[str, str]) -> str:
    if predictors is None:
        return ""
    mine = predictors[(predictors.scope == "layers") & (predictors.measure == named["measure"])]
    if "task" in mine and mine.task.notna().any():
        mine = mine[mine.task.astype(str) == named["task"]]
    if len(mine) != 1:
        return ""
    rho, p = number(mine.rho.iloc[0]), number(mine.p.iloc[0])
    if rho is None:
        return ""
    return f"ρ = {signed(rho, 2)}" + ("" if p is None else f", p = {p:.2g}")
