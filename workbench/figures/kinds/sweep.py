"""Figures of the sweep: the gain on dev by layer, and what the chosen patch brings on test."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.numbers import between, interval, signed
from workbench.figures.frames import (
    STUDY,
    Frames,
    Lines,
    NothingToShow,
    bar_axis,
    cells,
    crossed,
    curve,
    depth_ticks,
    is_control,
    layer_axis,
    layer_counts,
    layer_name,
    limits,
    marked,
    names,
    number,
    ordered,
    parts,
    places,
    reach,
    span,
    starred,
    subtitle,
)
from workbench.figures.frames import controls as known_controls
from workbench.figures.look import clipped
from workbench.figures.naming import labels, pair_name, spoken
from workbench.figures.spec import Axis, Cells, Mark, Plot, Scale, Series, Spec, side_by_side
from workbench.stats import paired_interval, units_of

PALER = "Paler: dropped in a race before all dev items were run. "
ITALIC = PALER.replace("Paler", "Italic")
SIGNS = "Grey dot: the simultaneous band over all configurations includes 0. Dash: below 0. "
BEYOND = "Triangle: beyond the scale, which is that of the methods. "
FOOTER = "Exploration on dev: the best cell is optimistically biased."


Owner = tuple[str, ...]
"""Model, task, pair, aligner."""
Choices = Mapping[Owner, Any]
"""Whose configuration → its row of `selection`: what was chosen on dev, and what that brings on test."""


def _owners(table: pd.DataFrame) -> list[Owner]:
    """Whose configuration each row is."""
    return list(zip(*(table[key].astype(str) for key in (*STUDY, "aligner")), strict=True))


def single(table: pd.DataFrame) -> pd.DataFrame:
    """The configurations of one site each, with their `place`; those of several have none.

    `few` is the number of items of those that a race dropped before all dev items of their study were run.
    """
    rows = table[table.joint.fillna("one") == "one"]
    rows = rows.assign(place=places(rows))
    if not {"n", *STUDY} <= set(rows):
        return rows
    most = rows.groupby([*STUDY], dropna=False).n.transform("max")
    return rows.assign(few=rows.n.astype("Int64").where(rows.n < most))


def chosen(frames: Frames) -> Choices:
    """The choices of the table `selection`; of a choice to do nothing, nothing."""
    if "selection" not in frames:
        return {}
    table = single(frames["selection"])
    table = table[table.layer.notna()]
    return dict(zip(_owners(table), table.itertuples(), strict=True))


def of_headlines(frames: Frames) -> pd.DataFrame:
    """The configurations of the aligners that studies are about; without a selection, of all but controls."""
    heads = {owner for owner, choice in chosen(frames).items() if choice.headline}
    known, table = known_controls(frames), single(frames["exploration"])
    return table[[owner in heads if heads else not is_control(owner[-1], known) for owner in _owners(table)]]


def at_chosen(frames: Frames, formulas: bool = False) -> pd.DataFrame:
    """Of each study's aligners, the chosen patch type, strength and positions, over all layers.

    Where nothing was chosen, those of the first formula at its largest strength. With `formulas`, every
    formula is kept, each at the chosen strength or, where it has no such configuration, at its largest.
    """
    kept, choices = [], chosen(frames)
    keys = [*STUDY, "aligner", *(["intervention"] if formulas else [])]
    for key, rows in single(frames["exploration"]).groupby(keys, sort=False):
        choice = choices.get(tuple(map(str, key[:4])))
        if choice is not None and not formulas:
            rows = rows[rows.intervention == choice.intervention]
        rows = rows[rows.intervention == rows.intervention.iloc[0]]
        strengths = rows.strength == (rows.strength.max() if choice is None else choice.strength)
        rows = rows[strengths if strengths.any() else rows.strength == rows.strength.max()]
        positions = rows.positions == (rows.positions.iloc[0] if choice is None else choice.positions)
        kept.append(rows[positions] if positions.any() else rows)
    return pd.concat(kept)


def _of_gains(
    kind: str,
    title: str,
    about: str,
    panels: Sequence[Cells],
    table: pd.DataFrame,
    first: str = "",
    framed: str = "",
    known: frozenset[str] = frozenset(),
) -> Spec:
    """Panels of gains on one scale, which is as long as the largest gain of an aligner that is no control.

    What the signs say begins with `first`, and with what a frame means.
    """
    methods = table[[not is_control(str(name), known) for name in table.aligner]]
    longest = reach((methods if len(methods) else table).gain)
    what = f"dev items, n = {span(table.n)}; accuracy with the patch minus without, same items; {about}"
    scale = Scale("gain on dev", -longest, longest)
    marked_any = any(panel.marks for panel in panels)
    paler = PALER if any(panel.counts for panel in panels) else ""
    beyond = BEYOND if any(clipped(panels, scale)) else ""
    return Spec(
        kind,
        title,
        subtitle(table, what),
        tuple(panels),
        scale,
        FOOTER,
        together=side_by_side(panels),
        signs=first + (framed if marked_any else "") + paler + beyond + SIGNS,
        emphasis="Bold: chosen on dev. " * marked_any + ITALIC * bool(paler),
    )


def gain_cells(
    title: str,
    table: pd.DataFrame,
    rows: Sequence[Any],
    columns: Sequence[int],
    choices: Choices,
    counts: Mapping[str, int] | None = None,
    **style: Any,
) -> Cells:
    """Gains by the columns `row` and `place`; what was chosen on dev is framed.

    With `counts`, the number of layers of each model, columns are labelled by relative depth.
    """
    marks: dict[tuple[int, int], Mark] = {}
    configuration = attrgetter("place", "intervention", "strength", "positions")
    every: Iterable[Any] = table.itertuples()
    for choice, row in zip(map(choices.get, _owners(table)), every, strict=True):
        if choice is not None and configuration(row) == configuration(choice):
            at = rows.index(row.row), columns.index(row.place)
            marks[at] = Mark(*at)
    style = {"column_title": "layer patched"} | style
    if counts:
        style["column_title"] = "relative depth"
        style["ticks"] = depth_ticks(columns, counts[str(table.model.iloc[0])])
    return cells(
        title,
        table,
        ("row", "place"),
        "gain",
        _note,
        rows,
        columns,
        lambda row: not row["beyond_band"],
        marks=tuple(marks.values()),
        **style,
    )


def _note(row: dict[str, Any]) -> Lines:
    """The lines that explain a cell."""
    strength = number(row["strength"])
    means = {name: number(row.get(column)) for column, name in _MEANS.items()}
    return (
        f"{row['aligner']}, {row['intervention']}" + ("" if strength is None else f", α = {strength:g}"),
        f"{row['pair']}, layer {layer_name(row['place'])}",
        f"gain on dev {interval(row['gain'], row['low'], row['high'])}",
        f"simultaneous band {between(row['band_low'], row['band_high'])}, p = {row['p']:.4f}",
        f"mean margin {signed(row['margin_gain'], 2)}, n = {row['n']}",
        *(f"{name} {value:.3f}" for name, value in means.items() if value is not None),
    )


_MEANS = {"correct": "accuracy", "patch_size": "patch size ‖h′ − h‖ / ‖h‖"}
"""Means over items that the table `sweep` has beside those of `exploration`."""


def gain_curve(frames: Frames) -> Plot | None:
    """The gain of one study's headline over layers, in its simultaneous band, where one was judged."""
    if "selection" not in frames or "exploration" not in frames:
        return None
    selection = frames["selection"]
    headline = str(selection[selection.headline.astype(bool)].aligner.iloc[0])
    table = at_chosen(frames)
    table = table[table.aligner == headline].sort_values("place")
    if table.empty:
        return None
    name = f"{spoken(headline)}, {spoken(table.intervention.iloc[0])}"
    series = curve(name, table, "place", "gain", "band_low", "band_high")
    values = limits((*series.y, *series.low, *series.high), include=(0.0,))
    return Plot(f"gain on dev: {name}", layer_axis(table.place), Axis("gain", range=values), (series,))


def layers(frames: Frames, controls: bool = False, depth: bool = False) -> Spec:
    """Pairs × layers: a row of panels for each aligner at what it chose on dev, a column for each task."""
    choices, known = chosen(frames), known_controls(frames)
    table = at_chosen(frames)
    methods = table[[not is_control(str(name), known) for name in table.aligner]]
    table = table if controls or methods.empty else methods
    pairs = labels("pair", table.pair)
    table = table.assign(row=table.pair.astype(str).map(pairs))
    groups = list(parts(table, ["model", "task"]))
    several, rows = len(groups) > 1, names(table.row)
    panels = []
    for aligner in ordered(table.aligner, known):
        name = marked(aligner, known)
        for title, named, group in groups:
            own = group[group.aligner == aligner]
            gains = [choices.get((named["model"], named["task"], pair, aligner)) for pair in pairs]
            right = tuple(None if choice is None else number(choice.gain) for choice in gains)
            about: dict[str, Any] = {
                "column_title": "layer",
                "numbers": False,
                "head": name if several else "",
            }
            if any(gain is not None for gain in right):
                about |= {"right": right, "aside_title": "test gain"}
            columns = sorted(set(group.place))
            counts = layer_counts(frames) if depth else None
            panel = gain_cells(title if several else name, own, rows, columns, choices, counts, **about)
            panels.append(panel)
    unpatched = any(None in panel.right for panel in panels)
    return _of_gains(
        "layers",
        "Gain on dev by layer and pair",
        "each aligner at the patch type and strength it chose on dev",
        panels,
        table,
        starred(panels),
        "Framed: the layer chosen on dev (by margins, not accuracy); right: its gain on test"
        + (", empty where no patch was chosen. " if unpatched else ". "),
        known,
    )


def strengths(frames: Frames, depth: bool = False) -> Spec:
    """Strengths × layers, a panel for each study, aligner and patch type with several strengths."""
    choices, table = chosen(frames), of_headlines(frames)
    table = table[table.strength.notna()]
    keys = [*STUDY, "aligner", "intervention", "positions"]
    several = table.groupby(keys, dropna=False).strength.transform("nunique") > 1
    table = table[several]
    if table.empty:
        raise NothingToShow("figure strengths: every patch type was run at one strength only")
    table = table.assign(row=table.strength.astype(float))
    panels = []
    for title, named, group in parts(table, keys):
        name = title or f"{spoken(named['aligner'])}, {spoken(named['intervention'])}"
        rows, columns = sorted(set(group.row))[::-1], sorted(set(group.place))
        counts = layer_counts(frames) if depth else None
        panels.append(gain_cells(name, group, rows, columns, choices, counts, row_title="α"))
    heads = any(choice.headline for choice in choices.values())
    return _of_gains(
        "strengths",
        "Gain on dev by layer and strength",
        "the aligner chosen on dev" if heads else "every aligner but controls",
        panels,
        table,
        framed="Framed: layer and strength chosen on dev. ",
    )


def aligners(frames: Frames, depth: bool = False) -> Spec:
    """Aligners × layers, controls below a line, each formula at its chosen or largest strength."""
    choices, known = chosen(frames), known_controls(frames)
    table = _by_aligner(at_chosen(frames, formulas=True), known)
    table["row"] = table.starred
    if table.intervention.nunique() > 1:
        table["row"] += ", " + table.intervention.map(spoken)
    panels = []
    for model, _, own in parts(table, ["model"]):
        for head, title, group in crossed(own, "pair", "task"):
            rows = names(group.row)
            above = group[[not is_control(str(name), known) for name in group.aligner]].row.nunique()
            style: dict[str, Any] = {"rule_after": above if 0 < above < len(rows) else None}
            style["head"] = ", ".join(filter(None, (model, head)))
            counts = layer_counts(frames) if depth else None
            columns = sorted(set(group.place))
            panels.append(gain_cells(title, group, rows, columns, choices, counts, **style))
    return _of_gains(
        "aligners",
        "Gain on dev by aligner and layer",
        "each patch type at the strength chosen on dev, or else its largest",
        panels,
        table,
        starred(panels),
        "Framed: what the aligner chose on dev. ",
        known,
    )


def _by_aligner(table: pd.DataFrame, known: frozenset[str]) -> pd.DataFrame:
    """The rows by aligner, those of controls last; `starred` is the name, of a control with *."""
    order = ordered(table.aligner, known)
    table = table.assign(starred=[marked(str(name), known) for name in table.aligner])
    return table.sort_values("aligner", key=lambda column: column.map(order.index), kind="stable")


def headlines(frames: Frames) -> Spec:
    """A row for each study: the aligner that it is about, at the formula and strength chosen."""
    selection = frames["selection"]
    heads = set(_owners(selection[selection.headline.astype(bool)]))
    table = at_chosen(frames)
    table = table[[owner in heads for owner in _owners(table)]]
    if table.empty:
        raise NothingToShow("no study has gains of the aligner that it is about")
    studies = parts(table, ("model", "pair", "task"))
    table = pd.concat([rows.assign(row=title or rows.pair.map(pair_name)) for title, _, rows in studies])
    panel = gain_cells("", table, names(table.row), sorted(set(table.place)), {})
    about = "the aligner of each study at the formula and strength chosen"
    return _of_gains("headlines", "Gain on dev by study and layer", about, [panel], table)


def configurations(frames: Frames) -> Spec:
    """A row for each aligner, formula and strength of a sweep, with the means of its items where they are."""
    table, known = single(frames["exploration"]), known_controls(frames)
    if "sweep" in frames:
        keys = [*STUDY, "language", "aligner", "intervention", "site", "strength", "positions"]
        dev = frames["sweep"]
        dev = dev[dev.split == "dev"].astype({"correct": "Float64", "strength": "Float64"})
        means = dev.groupby(keys, dropna=False, as_index=False)[list(_MEANS)].mean()
        table = table.astype({"strength": "Float64"}).merge(means, on=keys, how="left")
    table["row"] = [marked(str(name), known) for name in table.aligner]
    table["row"] += ", " + table.intervention.map(spoken)
    if table.strength.nunique() > 1:
        table["row"] += table.strength.map(lambda value: "" if number(value) is None else f", α = {value:g}")
    if table.positions.nunique() > 1:
        table["row"] += ", " + table.positions.map(spoken)
    panel = gain_cells("", table, names(table.row), sorted(set(table.place)), {})
    about = "every patch type and strength"
    return _of_gains("configurations", "Gain on dev of every patch", about, [panel], table, known=known)


PANELS = 6
"""Up to so many studies have a panel each, with all aligners; of more, the headline's alone are shown."""


def flips(frames: Frames) -> Spec:
    """Bars to the right: became right; to the left: became wrong."""
    table, known = frames["selection"], known_controls(frames)
    several = len(list(parts(table))) > PANELS
    table = table[table.headline.astype(bool)] if several else table
    # Each side is as long as its longest bar.
    longest = table.lost.max() + table.gained.max() or 1
    air = 0.04 * float(longest)
    x = Axis("items", range=(-float(table.lost.max()) - air, float(table.gained.max()) + air))
    panels = []
    for title, _, rows in parts(table, ["model", "task"] if several else STUDY):
        rows = rows if several else _by_aligner(rows, known)
        bars = [name for name, _, _ in _studies(rows, table)] if several else list(rows.starred)
        panels.append(Plot(title, bar_axis(bars), x, _bars(rows, bars), lying=True))
    shown = "the headline's patch" if several else "each aligner's patch"
    return Spec(
        kind="flips",
        title="Items that became right and wrong under the patch",
        subtitle=subtitle(
            table, f"test items, n = {span(table.n)}; {shown}, chosen on dev, against the unpatched run"
        ),
        panels=tuple(panels),
        footer=starred(panels),
    )


def _studies(rows: pd.DataFrame, table: pd.DataFrame) -> list[tuple[str, dict[str, str], pd.DataFrame]]:
    """The studies of one model and task, each under the name of its pair among all of the table."""
    among = labels("pair", table.pair)
    return [(among[named["pair"]], named, own) for _, named, own in parts(rows)]


def _bars(rows: pd.DataFrame, labels: Sequence[str]) -> tuple[Series, Series]:
    rows = rows.assign(place=range(len(rows)), wrong=-rows.lost.astype(float))
    notes = tuple(
        (f"{name}: {int(right)} became right, {int(wrong)} wrong",)
        for name, right, wrong in zip(labels, rows.gained, rows.lost, strict=True)
    )
    return (
        curve("became right", rows, "place", "gained", look="bars", slot=0, notes=notes),
        curve("became wrong", rows, "place", "wrong", look="bars", slot=1, notes=notes),
    )


def gap(frames: Frames) -> Spec:
    """Gain over gap with the gain's interval in units of the gap; pairs without a gap are left out."""
    heads = frames["selection"][frames["selection"].headline.astype(bool)]
    sweep = frames["sweep"]
    clean = {
        tuple(named.values()): rows
        for _, named, rows in parts(sweep[(sweep.split == "test") & (sweep.aligner == "clean")])
    }
    rows = list(labels("pair", heads.pair).values())
    shown, left_out = [], []
    for group, _, studies in parts(heads, ["model", "task"]):
        own = []
        for name, named, study in _studies(studies, heads):
            key = tuple(named.values())
            lead = gap_of(clean[key]) if key in clean else None
            if lead is None:
                left_out.append(", ".join(filter(None, (group, name))))
            else:
                own.append(study.head(1).assign(name=name, lead=lead))
        if own:
            shown.append((group, pd.concat(own)))
    if not shown:
        raise NothingToShow("figure gap: no pair shows a gap on test items in both languages")
    # Pairs that show a gap in any panel have a row in all.
    rows = [row for row in rows if any(row in set(table.name) for _, table in shown)]
    bars = [(group, _shares(table.assign(place=table.name.map(rows.index)))) for group, table in shown]
    known = (value for _, one in bars for value in (*one.y, *one.low, *one.high))
    x = Axis("gain over gap", range=limits(known, include=(0.0, 1.0)))
    return Spec(
        kind="gap",
        title="Share of the gap that the patch closes",
        subtitle=subtitle(
            heads,
            f"test items, n = {span(heads.n)}; "
            "gain of the chosen patch over the target language's lead on the same items",
        ),
        panels=tuple(Plot(group, bar_axis(rows), x, (one,), (0.0, 1.0), lying=True) for group, one in bars),
        signs="Whiskers: 95 % interval of the gain, in units of the gap. "
        "1: as accurate as in the target language.",
        footer=f"No gap is shown for {', '.join(left_out)}." if left_out else "",
    )


def _shares(table: pd.DataFrame) -> Series:
    """Bars of the gain over the gap."""
    ends = ["gain", "gain_low", "gain_high"]
    notes = tuple(
        (f"{name}: gain {signed(gain)} of a gap of {lead:.3f}",)
        for name, gain, lead in zip(table.name, table.gain, table.lead, strict=True)
    )
    shares = table.assign(**{end: table[end].astype(float) / table.lead for end in ends})
    return curve("share of the gap closed", shares, "place", *ends, look="bars", notes=notes)


def gap_of(clean: pd.DataFrame) -> float | None:
    """The target's unpatched accuracy less the source's on the same items; None where 0 is not excluded."""
    pair, languages = str(clean.pair.iloc[0]), names(clean.language)
    both = [codes for codes in product(languages, repeat=2) if "-".join(codes) == pair]
    if not both:
        return None
    source, target = (clean[clean.language == code].set_index("example") for code in both[0])
    shared = source.index[source.index.isin(target.index)]
    if len(shared) < 2:
        return None
    before, after = (rows.loc[shared].correct.astype(float).to_numpy() for rows in (source, target))
    gap = paired_interval(after, before, units_of(source.loc[shared].group, list(shared)))
    return gap.estimate if gap.low > 0 and np.isfinite(gap.estimate) else None
