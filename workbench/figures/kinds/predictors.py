"""Whether likeness foretells gain: each layer's similarity against the gain of patching there, on dev."""

import pandas as pd

from workbench.core.numbers import signed
from workbench.figures.explored import STUDY, chosen, single
from workbench.figures.frames import (
    MANY,
    NothingToShow,
    controls,
    is_control,
    layer_name,
    limits,
    number,
    numbers,
    parts,
    places,
    residual,
    said,
    span,
)
from workbench.figures.spec_parts import Axis, Plot, Series, Spec
from workbench.figures.tables_in import Frames


def spec(frames: Frames) -> Spec:
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
    """The mean gain of the headline aligner's branches at each place, as `predictors` takes it."""
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
