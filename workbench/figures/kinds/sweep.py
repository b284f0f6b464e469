"""Figures of the sweep: the gain on dev by layer, and what the chosen patch brings on test."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
    controls,
    curve,
    is_control,
    layer_axis,
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
    subtitle,
)
from workbench.figures.spec import Axis, Cells, Mark, Plot, Scale, Series, Spec, short
from workbench.stats import paired_interval, units_of

PALER = "Paler: dropped in a race before all dev items were run (small: their number of items). "
FOOTER = (
    "Hatched corners: the simultaneous band over all configurations includes 0. Dash: below 0. "
    "Exploration on dev: the best cell is optimistically biased."
)


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
    known, table = controls(frames), single(frames["exploration"])
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
) -> Spec:
    """Panels of gains on one scale; the footer begins with `first`, and with what a frame means."""
    longest = reach(table.gain)
    what = f"dev items, n = {span(table.n)}; patched less unpatched accuracy on the same items; {about}"
    scale = Scale("gain in accuracy on dev", -longest, longest)
    framed = framed if any(panel.marks for panel in panels) else ""
    paler = PALER if any(panel.counts for panel in panels) else ""
    footer = first + framed + paler + FOOTER
    return Spec(kind, title, subtitle(table, what), tuple(panels), scale, footer)


def gain_cells(
    title: str,
    table: pd.DataFrame,
    rows: Sequence[Any],
    columns: Sequence[int],
    choices: Choices,
    text: Callable[[Any], str] = lambda choice: "",
    **style: Any,
) -> Cells:
    """Gains by the columns `row` and `place`; what was chosen on dev is framed, with a text."""
    marks = {}
    configuration = attrgetter("place", "intervention", "strength", "positions")
    every: Iterable[Any] = table.itertuples()
    for choice, row in zip(map(choices.get, _owners(table)), every, strict=True):
        if choice is not None and configuration(row) == configuration(choice):
            at = rows.index(row.row), columns.index(row.place)
            marks[at] = Mark(*at, text(choice))
    return cells(
        title,
        table,
        ("row", "place"),
        "gain",
        _note,
        rows,
        columns,
        lambda row: not row["beyond_band"],
        column_title="layer patched",
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
    name = f"{headline}, {table.intervention.iloc[0]}"
    series = curve(name, table, "place", "gain", "band_low", "band_high")
    values = limits((*series.y, *series.low, *series.high), include=(0.0,))
    return Plot(f"gain on dev: {name}", layer_axis(table.place), Axis("gain", range=values), (series,))


def layers(frames: Frames) -> Spec:
    """Pairs × layers for each aligner, each at the formula and strength that it chose on dev."""
    choices, known = chosen(frames), controls(frames)
    table = at_chosen(frames)
    pair, models = table.pair.astype(str), table.model.astype(str)
    table = table.assign(row=models + " " + pair if models.nunique() > 1 else pair)
    columns, rows = sorted(set(table.place)), names(table.row)
    panels = [
        gain_cells(
            ", ".join(filter(None, [marked(aligner, known, " (control)"), title])),
            group[group.aligner == aligner],
            rows,
            columns,
            choices,
            lambda choice: short(number(choice.gain)),
            row_title="pair",
            numbers=False,
        )
        for title, _, group in parts(table, ["task"])
        for aligner in ordered(group.aligner, known)
    ]
    return _of_gains(
        "layers",
        "Where a mapped state helps",
        "each aligner at the formula and strength it chose on dev",
        panels,
        table,
        framed="Framed: the layer chosen on dev; its number, the only one, is the gain on test. ",
    )


def strengths(frames: Frames) -> Spec:
    """Strengths × layers, a panel for each study, aligner and formula; controls are left to other figures."""
    choices, table = chosen(frames), of_headlines(frames)
    table = table[table.strength.notna()]
    if table.empty:
        raise NothingToShow("figure strengths: no configuration has a strength")
    table = table.assign(row=table.strength.astype(float))
    columns = sorted(set(table.place))
    panels = []
    for title, named, group in parts(table, (*STUDY, "aligner", "intervention", "positions")):
        name = title or f"{named['aligner']}, {named['intervention']}"
        panels.append(gain_cells(name, group, sorted(set(group.row))[::-1], columns, choices, row_title="α"))
    heads = any(choice.headline for choice in choices.values())
    return _of_gains(
        "strengths",
        "How strong a patch has to be",
        "the aligner chosen on dev" if heads else "every aligner but controls",
        panels,
        table,
        framed="Framed: layer and strength chosen on dev. ",
    )


def aligners(frames: Frames) -> Spec:
    """Aligners × layers, controls below a line, each formula at its chosen or largest strength."""
    choices, known = chosen(frames), controls(frames)
    table = _by_aligner(at_chosen(frames, formulas=True), known)
    table["row"] = table.starred
    if table.intervention.nunique() > 1:
        table["row"] += ", " + table.intervention.astype(str)
    columns = sorted(set(table.place))
    panels = []
    for title, _, group in parts(table):
        rows = names(group.row)
        above = group[group.starred == group.aligner].row.nunique()
        rule = above if 0 < above < len(rows) else None
        panels.append(gain_cells(title, group, rows, columns, choices, rule_after=rule))
    return _of_gains(
        "aligners",
        "Aligners and controls",
        "each formula at the strength chosen on dev, or else its largest",
        panels,
        table,
        "* below the line: controls, which a map has to beat. ",
        "Framed: what the aligner chose on dev. ",
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
    table = pd.concat([rows.assign(row=title or rows.pair) for title, _, rows in studies])
    panel = gain_cells("", table, names(table.row), sorted(set(table.place)), {})
    about = "the aligner of each study at the formula and strength chosen"
    return _of_gains("headlines", "Where the patch helps", about, [panel], table)


def configurations(frames: Frames) -> Spec:
    """A row for each aligner, formula and strength of a sweep, with the means of its items where they are."""
    table, known = single(frames["exploration"]), controls(frames)
    if "sweep" in frames:
        keys = [*STUDY, "language", "aligner", "intervention", "site", "strength", "positions"]
        dev = frames["sweep"]
        dev = dev[dev.split == "dev"].astype({"correct": "Float64", "strength": "Float64"})
        means = dev.groupby(keys, dropna=False, as_index=False)[list(_MEANS)].mean()
        table = table.astype({"strength": "Float64"}).merge(means, on=keys, how="left")
    table["row"] = [marked(str(name), known) for name in table.aligner]
    table["row"] += ", " + table.intervention.astype(str)
    if table.strength.nunique() > 1:
        table["row"] += table.strength.map(lambda value: "" if number(value) is None else f", α = {value:g}")
    if table.positions.nunique() > 1:
        table["row"] += ", " + table.positions.astype(str)
    panel = gain_cells("", table, names(table.row), sorted(set(table.place)), {})
    return _of_gains("configurations", "Gain of every patch", "every formula and strength", [panel], table)


PANELS = 6
"""Up to so many studies have a panel each, with all aligners; of more, the headline's alone are shown."""


def flips(frames: Frames) -> Spec:
    """Bars to the right: became right; to the left: became wrong."""
    table, known = frames["selection"], controls(frames)
    several = len(list(parts(table))) > PANELS
    table = table[table.headline.astype(bool)] if several else table
    longest = float(max(table.gained.max(), table.lost.max(), 1)) * 1.08
    panels = []
    x = Axis("items", range=(-longest, longest))
    for title, _, rows in [("", {}, table)] if several else parts(table):
        rows = rows if several else _by_aligner(rows, known)
        labels = [name for name, _, _ in parts(rows)] if several else list(rows.starred)
        panels.append(Plot(title, bar_axis(labels), x, _bars(rows, labels), lying=True))
    shown = "the headline's patch" if several else "each aligner's patch"
    return Spec(
        kind="flips",
        title="Items that the patch turned",
        subtitle=subtitle(
            table, f"test items, n = {span(table.n)}; {shown}, chosen on dev, against the unpatched run"
        ),
        panels=tuple(panels),
        footer="" if several else "* controls.",
    )


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
    shown, left_out = [], []
    for title, named, rows in parts(heads):
        name, key = title or named["pair"], tuple(named.values())
        lead = gap_of(clean[key]) if key in clean else None
        if lead is None:
            left_out.append(name)
        else:
            shown.append(rows.head(1).assign(name=name, lead=lead))
    if not shown:
        raise NothingToShow("figure gap: no pair shows a gap on test items in both languages")
    table = pd.concat(shown).assign(place=range(len(shown)))
    ends = ["gain", "gain_low", "gain_high"]
    notes = tuple(
        (f"{name}: gain {signed(gain)} of a gap of {lead:.3f}",)
        for name, gain, lead in zip(table.name, table.gain, table.lead, strict=True)
    )
    shares = table.assign(**{end: table[end].astype(float) / table.lead for end in ends})
    bars = curve("share of the gap closed", shares, "place", *ends, look="bars", notes=notes)
    x = Axis("gain over gap", range=limits((*bars.y, *bars.low, *bars.high), include=(0.0, 1.0)))
    return Spec(
        kind="gap",
        title="How much of the gap is closed",
        subtitle=subtitle(
            heads,
            f"test items, n = {span(heads.n)}; "
            "gain of the chosen patch over the target language's lead on the same items",
        ),
        panels=(Plot("", bar_axis(list(table.name)), x, (bars,), (0.0, 1.0), lying=True),),
        footer="Whiskers: 95 % interval of the gain, in units of the gap. "
        "1: as good as in the target language."
        + (f" No gap is shown for {', '.join(left_out)}." if left_out else ""),
    )


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
