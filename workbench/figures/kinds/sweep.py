"""Figures of the sweep: the gain on dev by layer, and what the chosen patch brings on test."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.numbers import between, interval, signed
from workbench.figures.frames import (
    EMBEDDING,
    Frames,
    NothingToShow,
    bar_axis,
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
    reach,
    said,
    span,
)
from workbench.figures.spec import Axis, Cells, Mark, Plot, Scale, Series, Spec, Value, short
from workbench.stats import paired_interval, units_of

HATCHED = "Hatched corners: the simultaneous band over all configurations includes 0. "
FOOTER = "Dash: below 0. Exploration on dev: the best cell is optimistically biased."
STUDY = ("model", "pair", "task")


@dataclass(frozen=True)
class Choice:
    """What one aligner chose on dev in one study, and what that brings on test."""

    place: int
    intervention: str
    strength: Value
    positions: str
    headline: bool
    gain: Value
    low: Value
    high: Value


Chosen = Mapping[tuple[str, str, str, str], Choice]
"""Model, pair, task, aligner → choice."""


def chosen(frames: Frames) -> Chosen:
    """The choices of the table `selection`; of a choice to do nothing, nothing."""
    if "selection" not in frames:
        return {}
    table = frames["selection"]
    table = table[table.layer.notna() & (table.joint.fillna("one") == "one")]
    rows: list[Any] = list(table.itertuples())
    return {
        (str(row.model), str(row.pair), str(row.task), str(row.aligner)): Choice(
            EMBEDDING if row.site == "embed" else int(row.layer),
            str(row.intervention),
            number(row.strength),
            str(row.positions),
            bool(row.headline),
            number(row.gain),
            number(row.gain_low),
            number(row.gain_high),
        )
        for row in rows
    }


def single(exploration: pd.DataFrame) -> pd.DataFrame:
    """The configurations of one site each: several sites at once have no place on an axis of layers."""
    return exploration[exploration.joint.fillna("one") == "one"]


def at_chosen(exploration: pd.DataFrame, choices: Chosen, formulas: bool = False) -> pd.DataFrame:
    """Of each study's aligners, the chosen patch type, strength and positions, over all layers.

    Where nothing was chosen, those of the first formula at its largest strength. With `formulas`, every
    formula is kept, each at the chosen strength or, where it has no such configuration, at its largest.
    """
    kept = []
    table = single(exploration)
    keys = [*STUDY, "aligner", *(["intervention"] if formulas else [])]
    for found, rows in table.groupby(keys, sort=False):
        model, pair, task, aligner = map(str, found[:4])
        made = choices.get((model, pair, task, aligner))
        if made is not None and not formulas:
            rows = rows[rows.intervention == made.intervention]
        rows = rows[rows.intervention == rows.intervention.iloc[0]]
        strengths = list(map(number, rows.strength.unique()))
        wanted = made.strength if made is not None and made.strength in strengths else rows.strength.max()
        rows = rows[rows.strength == wanted]
        positions = made.positions if made is not None else rows.positions.iloc[0]
        kept.append(rows[rows.positions == positions] if (rows.positions == positions).any() else rows)
    return pd.concat(kept)


def subtitle(table: pd.DataFrame, what: str) -> str:
    """Split, n and contrast of the rows shown, with what is the same in all of them."""
    same = said(table, ("model", "task", "pair"))
    return (
        f"{same + ': ' if same else ''}dev items, n = {span(table.n)}; "
        f"patched less unpatched accuracy on the same items; {what}"
    )


def _of_gains(
    kind: str, title: str, about: str, panels: Sequence[Cells], table: pd.DataFrame, notes: tuple[str, str]
) -> Spec:
    """Panels of gains on one scale; `notes` are what the footer begins with, and what a frame means."""
    longest = reach(table.gain)
    framed = notes[1] if any(panel.marks for panel in panels) else ""
    scale = Scale("gain in accuracy on dev", -longest, longest)
    footer = notes[0] + framed + HATCHED + FOOTER
    return Spec(kind, title, subtitle(table, about), tuple(panels), scale, footer)


def cells_of(
    table: pd.DataFrame, rows: Sequence[Any], columns: Sequence[int], row_key: str
) -> dict[str, Any]:
    """Values, hatching and notes of a panel whose rows are those of the column `row_key`."""
    cells: dict[tuple[Any, int], Any] = {}
    found: list[Any] = list(table.itertuples())
    for row in found:
        cells.setdefault((getattr(row, row_key), row.place), row)

    def each(made: Callable[[Any], Any]) -> tuple[tuple[Any, ...], ...]:
        return tuple(tuple(made(cells.get((row, column))) for column in columns) for row in rows)

    return {
        "columns": tuple(map(layer_name, columns)),
        "column_title": "layer patched",
        "values": each(lambda row: None if row is None else number(row.gain)),
        "hatched": each(lambda row: row is not None and not bool(row.beyond_band)),
        "notes": each(note),
        "keys": each(lambda row: getattr(row, "key", None)) if "key" in table else (),
    }


def note(row: Any) -> tuple[str, ...]:
    """The lines that explain a cell."""
    if row is None:
        return ()
    strength = number(row.strength)
    return (
        f"{row.aligner}, {row.intervention}" + ("" if strength is None else f", α = {strength:g}"),
        f"{row.pair}, layer {layer_name(row.place)}",
        f"gain on dev {interval(number(row.gain), number(row.low), number(row.high))}",
        f"simultaneous band {between(row.band_low, row.band_high)}, p = {row.p:.4f}",
        f"mean margin {signed(row.margin_gain, 2)}, n = {row.n}",
        *(
            f"{name} {value:.3f}"
            for column, name in _MORE.items()
            if (value := number(getattr(row, column, None))) is not None
        ),
    )


_MORE = {"correct": "accuracy", "patch_size": "patch size ‖h′ − h‖ / ‖h‖"}
"""Means over items that the table `sweep` has beside those of `exploration`."""


def gain_curve(frames: Frames) -> Plot | None:
    """The gain of one study's headline over layers, in its simultaneous band, where one was judged."""
    selection = frames.get("selection")
    if selection is None or "exploration" not in frames:
        return None
    best = str(selection[selection.headline.astype(bool)].aligner.iloc[0])
    table = at_chosen(frames["exploration"], chosen(frames))
    table = table[table.aligner == best]
    if table.empty:
        return None
    table = table.assign(place=places(table)).sort_values("place")
    series = Series(
        f"{best}, {table.intervention.iloc[0]}",
        tuple(map(float, table.place)),
        numbers(table.gain),
        numbers(table.band_low),
        numbers(table.band_high),
    )
    values = limits((*series.y, *series.low, *series.high), include=(0.0,))
    return Plot(f"gain on dev: {series.name}", layer_axis(table.place), Axis("gain", range=values), (series,))


_FRAMED_LAYER = "Framed: the layer chosen on dev; its number, the only one, is the gain on test. "


def layers(frames: Frames) -> Spec:
    """Pairs × layers for each aligner, each at the formula and strength that it chose on dev."""
    choices, known = chosen(frames), controls(frames)
    table = at_chosen(frames["exploration"], choices)
    pair = table.pair.astype(str)
    row = pair if table.model.nunique() <= 1 else table.model.astype(str) + " " + pair
    table = table.assign(place=places(table), row=row)
    columns = sorted(set(table.place))
    rows = list(dict.fromkeys(table.row))
    panels = []
    for title, _, mine in parts(table, ["task"]):
        for aligner in ordered(mine.aligner.astype(str), known):
            star = " (control)" if is_control(aligner, known) else ""
            name = f"{aligner}{star}" + (f", {title}" if title else "")
            panels.append(_layers_panel(name, mine[mine.aligner == aligner], rows, columns, choices))
    about = "each aligner at the formula and strength it chose on dev"
    return _of_gains("layers", "Where a mapped state helps", about, panels, table, ("", _FRAMED_LAYER))


def _layers_panel(
    title: str, some: pd.DataFrame, rows: Sequence[str], columns: Sequence[int], choices: Chosen
) -> Cells:
    marks = []
    for name, mine in some.groupby("row", sort=False):
        one = mine.iloc[0]
        made = choices.get((str(one.model), str(one.pair), str(one.task), str(one.aligner)))
        if made is not None and made.place in set(mine.place):
            marks.append(Mark(rows.index(str(name)), columns.index(made.place), short(made.gain)))
    return Cells(
        title=title,
        rows=tuple(rows),
        row_title="pair",
        marks=tuple(marks),
        numbers=False,
        **cells_of(some, rows, columns, "row"),
    )


_FRAMED_STRENGTH = "Framed: layer and strength chosen on dev. "


def strengths(frames: Frames) -> Spec:
    """Strengths × layers, a panel for each study, aligner and formula; controls are left to other figures."""
    choices, known = chosen(frames), controls(frames)
    heads = {key for key, made in choices.items() if made.headline}
    table = single(frames["exploration"])
    keys = list(zip(*(table[name].astype(str) for name in ("model", "pair", "task", "aligner")), strict=True))
    shown = [key in heads if heads else not is_control(key[-1], known) for key in keys]
    table = table[shown]
    table = table[table.strength.notna()]
    if table.empty:
        raise NothingToShow("figure strengths: no configuration has a strength")
    table = table.assign(place=places(table), row=table.strength.astype(float))
    columns = sorted(set(table.place))
    panels = []
    for title, named, mine in parts(table, ["model", "task", "pair", "aligner", "intervention", "positions"]):
        rows = sorted(set(mine.row), reverse=True)
        made = choices.get((named["model"], named["pair"], named["task"], named["aligner"]))
        here = made is not None and made.intervention == named["intervention"]
        here = here and made is not None and made.positions == named["positions"]
        marks = []
        if made is not None and here and made.strength in rows:
            marks.append(Mark(rows.index(made.strength), columns.index(made.place), ""))
        panels.append(
            Cells(
                title=title or f"{named['aligner']}, {named['intervention']}",
                rows=tuple(f"{number(row):g}" for row in rows),
                row_title="α",
                marks=tuple(marks),
                **cells_of(mine, rows, columns, "row"),
            )
        )
    about = "the aligner chosen on dev" if heads else "every aligner but controls"
    return _of_gains(
        "strengths", "How strong a patch has to be", about, panels, table, ("", _FRAMED_STRENGTH)
    )


_CONTROLS = "* below the line: controls, which a map has to beat. "
_FRAMED_CHOICE = "Framed: what the aligner chose on dev. "


def methods(frames: Frames) -> Spec:
    """Aligners × layers, controls below a line, each formula at its chosen or largest strength."""
    choices, known = chosen(frames), controls(frames)
    table = at_chosen(frames["exploration"], choices, formulas=True)
    several = table.intervention.nunique() > 1
    aligner = table.aligner.astype(str)
    star = aligner.map(lambda name: "*" if is_control(name, known) else "")
    label = aligner + star + (", " + table.intervention.astype(str) if several else "")
    table = table.assign(place=places(table), row=label)
    columns = sorted(set(table.place))
    panels = []
    for title, named, mine in parts(table, ["model", "task", "pair"]):
        first = ordered(mine.aligner.astype(str), known)
        rows = list(dict.fromkeys(mine.row.iloc[mine.aligner.map(first.index).argsort(kind="stable")]))
        marks = []
        for name in first:
            made = choices.get((named["model"], named["pair"], named["task"], name))
            own = mine[mine.aligner == name]
            own = own[own.intervention == made.intervention] if made is not None else own[:0]
            if made is not None and made.place in set(own.place):
                marks.append(Mark(rows.index(own.row.iloc[0]), columns.index(made.place), ""))
        above = sum(not row.partition(",")[0].endswith("*") for row in rows)
        panels.append(
            Cells(
                title=title,
                rows=tuple(rows),
                row_title="",
                marks=tuple(marks),
                rule_after=above if 0 < above < len(rows) else None,
                **cells_of(mine, rows, columns, "row"),
            )
        )
    about = "each formula at the strength chosen on dev, or else its largest"
    return _of_gains("methods", "Aligners and controls", about, panels, table, (_CONTROLS, _FRAMED_CHOICE))


def headlines(frames: Frames) -> Spec:
    """A row for each study: the aligner that it is about, at the formula and strength chosen."""
    selection = frames["selection"]
    heads = selection[selection.headline.astype(bool)]
    known = set(zip(*(heads[name].astype(str) for name in (*STUDY, "aligner")), strict=True))
    table = at_chosen(frames["exploration"], chosen(frames))
    keys = zip(*(table[name].astype(str) for name in (*STUDY, "aligner")), strict=True)
    table = table[[key in known for key in keys]]
    if table.empty:
        raise NothingToShow("no study has gains of the aligner that it is about")
    table = table.assign(place=places(table))
    rows = [some.assign(row=title or some.pair) for title, _, some in parts(table, STUDY)]
    names = [str(some.row.iloc[0]) for some in rows]
    columns = sorted(set(table.place))
    panel = Cells("", tuple(names), **cells_of(pd.concat(rows), names, columns, "row"))
    about = "the aligner of each study at the formula and strength chosen"
    return _of_gains("headlines", "Where the patch helps", about, [panel], table, ("", ""))


def configurations(frames: Frames) -> Spec:
    """A row for each aligner, formula and strength of a sweep, with the means of its items where they are."""
    table, known = single(frames["exploration"]), controls(frames)
    if "sweep" in frames:
        keys = [*STUDY, "language", "aligner", "intervention", "site", "strength", "positions"]
        dev = frames["sweep"]
        dev = dev[dev.split == "dev"].astype({"correct": "Float64", "strength": "Float64"})
        means = dev.groupby(keys, dropna=False, as_index=False)[list(_MORE)].mean()
        table = table.astype({"strength": "Float64"}).merge(means, on=keys, how="left")
    star = table.aligner.astype(str).map(lambda name: "*" if is_control(name, known) else "")
    label = table.aligner.astype(str) + star + ", " + table.intervention.astype(str)
    if table.strength.nunique() > 1:
        label += table.strength.map(lambda value: "" if number(value) is None else f", α = {value:g}")
    if table.positions.nunique() > 1:
        label += ", " + table.positions.astype(str)
    table = table.assign(place=places(table), row=label)
    rows, columns = list(dict.fromkeys(table.row)), sorted(set(table.place))
    panel = Cells("", tuple(rows), **cells_of(table, rows, columns, "row"))
    return _of_gains(
        "configurations", "Gain of every patch", "every formula and strength", [panel], table, ("", "")
    )


PANELS = 6
"""Up to so many studies have a panel each, with all aligners; of more, the headline's alone are shown."""


def flips(frames: Frames) -> Spec:
    """Bars to the right: became right; to the left: became wrong."""
    table, known = frames["selection"], controls(frames)
    table = table.assign(study=table.model.astype(str) + table.task.astype(str) + table.pair.astype(str))
    several = table.study.nunique() > PANELS
    table = table[table.headline.astype(bool)] if several else table
    longest = float(max(table.gained.max(), table.lost.max(), 1)) * 1.08
    panels = []
    for title, _, mine in [("", {}, table)] if several else parts(table, ["model", "task", "pair"]):
        if several:
            names = [name for name, _, _ in parts(mine, ["model", "task", "pair"])]
        else:
            order = ordered(mine.aligner.astype(str), known)
            mine = mine.iloc[mine.aligner.map(order.index).argsort(kind="stable")]
            names = [name + ("*" if is_control(name, known) else "") for name in mine.aligner.astype(str)]
        values = Axis("items", range=(-longest, longest))
        panels.append(Plot(title, bar_axis(names), values, _bars(mine, names), lying=True))
    same = said(table, ["model", "task", "pair"])
    shown = "the headline's patch" if several else "each aligner's patch"
    return Spec(
        kind="flips",
        title="Items that the patch turned",
        subtitle=f"{same + ': ' if same else ''}test items, n = {span(table.n)}; {shown}, chosen on dev, "
        "against the unpatched run",
        panels=tuple(panels),
        footer="" if several else "* controls.",
    )


def _bars(rows: pd.DataFrame, names: list[str]) -> tuple[Series, ...]:
    x = tuple(map(float, range(len(rows))))
    gained, lost = rows.gained.astype(float), -rows.lost.astype(float)
    notes = tuple(
        (f"{name}: {int(g)} became right, {int(-w)} wrong",)
        for name, g, w in zip(names, gained, lost, strict=True)
    )
    return (
        Series("became right", x, tuple(gained), look="bars", slot=0, notes=notes),
        Series("became wrong", x, tuple(lost), look="bars", slot=1, notes=notes),
    )


def gap(frames: Frames) -> Spec:
    """Gain over gap with the gain's interval in units of the gap; pairs without a gap are left out."""
    heads = frames["selection"][frames["selection"].headline.astype(bool)]
    sweep = frames["sweep"]
    clean = sweep[(sweep.split == "test") & (sweep.aligner == "clean")]
    names, rows, left = [], [], []
    for title, named, mine in parts(heads, ["model", "task", "pair"]):
        own = clean
        for key in ("model", "task", "pair"):
            own = own[own[key].astype(str) == named[key]]
        found = gap_of(own)
        name = title or named["pair"]
        if found is None:
            left.append(name)
        else:
            names.append(name)
            rows.append((mine.iloc[0], found))
    if not rows:
        raise NothingToShow("figure gap: no pair shows a gap on test items in both languages")
    share, low, high = (
        tuple(float(head[column]) / gap for head, gap in rows) for column in ("gain", "gain_low", "gain_high")
    )
    notes = tuple(
        (f"{name}: gain {signed(head.gain)} of a gap of {gap:.3f}",)
        for name, (head, gap) in zip(names, rows, strict=True)
    )
    x = tuple(map(float, range(len(names))))
    bars = Series("share of the gap closed", x, share, low, high, look="bars", notes=notes)
    values = Axis("gain over gap", range=limits((*share, *low, *high), include=(0.0, 1.0)))
    same = said(heads, ["model", "task", "pair"])
    return Spec(
        kind="gap",
        title="How much of the gap is closed",
        subtitle=f"{same + ': ' if same else ''}test items, n = {span(heads.n)}; "
        "gain of the chosen patch over the target language's lead on the same items",
        panels=(Plot("", bar_axis(names), values, (bars,), (0.0, 1.0), lying=True),),
        footer="Whiskers: 95 % interval of the gain, in units of the gap. "
        "1: as good as in the target language."
        + (f" No gap is shown for {', '.join(left)}." if left else ""),
    )


def gap_of(clean: pd.DataFrame) -> float | None:
    """The target's unpatched accuracy less the source's on the same items; None where 0 is not excluded."""
    by = {str(key): rows.set_index("example") for key, rows in clean.groupby("language", sort=False)}
    pair = str(clean.pair.iloc[0]) if len(clean) else ""
    source = next(
        (name for name in by if pair.startswith(f"{name}-") and pair.removeprefix(f"{name}-") in by), None
    )
    if source is None:
        return None
    here, there = by[source], by[pair.removeprefix(f"{source}-")]
    known = set(there.index)
    shared = [name for name in here.index if name in known]
    if len(shared) < 2:
        return None
    before = here.loc[shared].correct.astype(float).to_numpy()
    after = there.loc[shared].correct.astype(float).to_numpy()
    gap = paired_interval(after, before, units_of(here.loc[shared].group, shared))
    return gap.estimate if gap.low > 0 and np.isfinite(gap.estimate) else None
