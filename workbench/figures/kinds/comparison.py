"""Figures of a comparison: every method's gain, its controls, and what it costs."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from workbench.core.errors import InputError
from workbench.core.numbers import interval_of, signed
from workbench.figures.frames import (
    Frames,
    Lines,
    NothingToShow,
    bar_axis,
    cells,
    curve,
    limits,
    names,
    number,
    numbers,
    parts,
    reach,
    span,
    subtitle,
)
from workbench.figures.markup import records
from workbench.figures.naming import spoken
from workbench.figures.spec import Axis, Panel, Plot, Scale, Series, Spec, Value, short

FAMILIES = ("baseline", "recipe", "combination")
"""Kinds of methods, in the order of rows, colours and marks."""
PANELS = 4
"""Up to so many pairs and tasks have a panel each, with intervals; more are columns of coloured cells."""
CONTROLS = {"random_gain": "control: random", "shuffled_gain": "control: shuffled pairs"}
"""A recipe's controls by the column of their gain."""
CELL_PANELS = {
    "gain": "gain",
    "over": "gain over the best control",
    "retention": "change in the target language",
}
"""Panels of cells: column → title."""
Row = dict[str, Any]


def judged(comparison: pd.DataFrame) -> pd.DataFrame:
    """The rows with a gain; `shown` tells whether a gain or a loss stands after Holm's correction."""
    table = comparison[comparison.gain.notna()]
    if not (table.method != "direct").any():
        raise NothingToShow("the table comparison holds no method besides asking directly")
    # What gains are held against is no claim, and has no corrected verdict.
    table = table.assign(shown=table.holm_verdict.fillna(table.verdict).isin(["helps", "harms"]))
    for control in ("random", "shuffled"):
        # A combination's are over its baseline; on the axis of gains they are over asking directly.
        table[f"{control}_gain"] = (table.gain - table[f"{control}_over"]).astype("Float64").round(9) + 0.0
    return table


def order_of(table: pd.DataFrame) -> list[str]:
    """Methods by family, those that gain more first: by the mean where there are several pairs or tasks."""
    methods = table.astype({"gain": float}).groupby("method", sort=False)
    ranks = {family: rank for rank, family in enumerate(FAMILIES)}
    means = methods.agg(family=("family", "first"), gain=("gain", "mean"))
    means["rank"] = means.family.map(lambda family: ranks.get(family, len(ranks)))
    return names(means.sort_values(["rank", "gain"], ascending=[True, False], kind="stable").index)


def _subtitle(table: pd.DataFrame) -> str:
    """Split, n and contrast."""
    return subtitle(
        table,
        f"test items, n = {span(table.n)}; accuracy over asking directly, on "
        "the same items; verdicts by Holm over all rows of a comparison",
    )


def left_out(comparison: pd.DataFrame) -> str:
    """Which methods have no row, for the footer."""
    ran = set(comparison[comparison.gain.notna()].method)
    missing = [name for name in names(comparison.method) if name not in ran]
    return f"Not run (the table says why): {', '.join(missing)}. " if missing else ""


def shown_gain(row: Row) -> Lines:
    """The lines that explain a method's mark or cell."""
    gain = interval_of(row, "gain")
    verdict: Any = row["holm_verdict"] if pd.notna(row["holm_verdict"]) else row["verdict"]
    lines = [
        f"{row['method']}: {row['title']}",
        f"{row['pair']}, {row['task']}: {row['chosen']}",
        f"gain {gain}" + (f", {verdict}" if pd.notna(verdict) else ""),
    ]
    for column, name in (("random", "random control"), ("shuffled", "shuffled pairs")):
        if number(row[f"{column}_over"]) is not None:
            lines.append(f"over {name} {interval_of(row, f'{column}_over')}")
    if number(row["retention"]) is not None:
        lines.append(f"target language {signed(row['retention'])}, at least {signed(row['retention_low'])}")
    return tuple(lines)


def _families(rows: pd.DataFrame, x: str, note: Callable[[Row], Lines], *ends: str) -> list[Series]:
    """The gains of each family; the legend shows the first of a family, a full one where there is any."""
    series = []
    for slot, family in enumerate(FAMILIES):
        own = rows[rows.family == family].sort_values("shown", ascending=False, kind="stable")
        about: dict[str, Any] = {
            "notes": tuple(map(note, records(own))),
            "hollow": tuple(not shown for shown in own.shown),
            "labels": tuple(own.label) if "label" in own else (),
        }
        series.append(curve(family, own, x, "gain", *ends, look="estimates", slot=slot, **about))
    return [one for one in series if one.x]


TOP = 10
"""So many methods are shown, those that gain most on average."""


def _best(table: pd.DataFrame, top: int) -> tuple[pd.DataFrame, str]:
    """The rows of the methods that gain most, and of the target language; how many others there are."""
    if top < 1:
        raise InputError(f"top {top}: show at least one method")
    methods = table[table.method != "target_language"].astype({"gain": float}).groupby("method", sort=False)
    means = methods.gain.mean().sort_values(ascending=False, kind="stable")
    others = len(means) - top
    kept = table[table.method.isin(["target_language", *means.index[:top]])]
    said = f"The {top} methods with the largest mean gain, of {len(means)}. " if others > 0 else ""
    return kept, said


def comparison(frames: Frames, top: int = TOP) -> Spec:
    """A row for each method: of few pairs and tasks with intervals, of many as cells."""
    table = judged(frames["comparison"])
    table, best = _best(table[table.method != "direct"], top)
    studies = list(parts(table))
    of = _cells if len(studies) > PANELS else _forest
    panels, scale, signs = of(table, [(title, rows) for title, _, rows in studies])
    return Spec(
        kind="comparison",
        title="Gain of each method on test",
        subtitle=_subtitle(table),
        panels=panels,
        scale=scale,
        footer=best + left_out(frames["comparison"]),
        signs=signs,
        emphasis="" if scale else f"Bold: a gain or a loss is shown. {_TARGET * (_TARGET in signs)}".strip(),
    )


Drawn = tuple[tuple[Panel, ...], Scale | None, str]
"""Panels, their scale, and how their signs are to be read."""
Studies = Sequence[tuple[str, pd.DataFrame]]


def _forest(table: pd.DataFrame, studies: Studies) -> Drawn:
    order = order_of(table)
    values = [number(v) for column in ("gain", "gain_low", "gain_high", *CONTROLS) for v in table[column]]
    x = Axis("gain", range=limits(values, include=(0.0,)))
    panels = tuple(_panel(title, rows, order, x) for title, rows in studies)
    notes = {
        "Whiskers: 95 % intervals. Filled: a gain or a loss is shown; hollow: none is. ": True,
        _ABOUT_CONTROLS: table[list(CONTROLS)].notna().any(axis=None),
        "Lines: no gain, and the gain of the same items in the target language. ": any(
            len(panel.lines) > 1 for panel in panels
        ),
        _TARGET: any(panel.aside for panel in panels),
        "Empty row: the method has no result there. ": any(len(rows) < len(order) for _, rows in studies),
    }
    return panels, None, "".join(note for note, applies in notes.items() if applies)


_TARGET = "target: change of accuracy on items in the target language; * a loss of δ is not ruled out. "
_ABOUT_CONTROLS = (
    "Controls of a recipe, each with its own choice on dev (at 0 if it chose no patch): steps as long in "
    "random directions; fitted on shuffled pairs. "
)


def _panel(title: str, rows: pd.DataFrame, order: Sequence[str], x: Axis) -> Plot:
    rows = rows.assign(place=rows.method.map(order.index)).sort_values("place")
    series = _families(rows, "place", shown_gain, "gain_low", "gain_high")
    for slot, (column, name) in enumerate(CONTROLS.items()):
        own = rows[rows[column].notna()]
        gains = zip(own.method, own[column], strict=True)
        notes = tuple((f"{method}, {name}", f"gain {signed(gain)}") for method, gain in gains)
        style: Row = {"look": "estimates", "role": "control", "slot": slot, "hollow": (True,) * len(own)}
        series += [curve(name, own, "place", column, notes=notes, **style)] if len(own) else []
    # The change in the target language, with a star where a loss that matters is not ruled out.
    kept = {
        row["method"]: short(number(row["retention"])) + ("" if row["noninferior"] else "*")
        for row in records(rows[rows.retention.notna()])
    }
    return Plot(
        title,
        bar_axis(list(map(spoken, order))),
        x,
        tuple(series),
        lines=(0.0, *rows[rows.method == "target_language"].gain.map(float)),
        lying=True,
        aside=tuple(kept.get(name, "") for name in order) if kept else (),
        aside_title="change in target" if kept else "",
    )


def _cells(table: pd.DataFrame, studies: Studies) -> Drawn:
    order, columns = order_of(table), [title for title, _ in studies]
    rows = pd.concat([own.assign(study=title) for title, own in studies])
    # The control that gains most: what a recipe brings beyond what a broken one does.
    rows["over"] = rows[["random_over", "shuffled_over"]].astype("Float64").min(axis=1)
    rows["name"] = rows.method.map(spoken)
    order = list(map(spoken, order))
    shown = {column: title for column, title in CELL_PANELS.items() if rows[column].notna().any()}
    first = table[table.family == "baseline"].method.nunique()
    panels = tuple(
        cells(
            title,
            rows,
            ("name", "study"),
            column,
            shown_gain,
            order,
            columns,
            (lambda row: not row["shown"]) if column == "gain" else None,
            rule_after=first if 0 < first < len(order) else None,
            turned=True,
        )
        for column, title in shown.items()
    )
    longest = reach(value for panel in panels for row in panel.values for value in row)
    signs = "Grey dot: neither a gain nor a loss is shown. Below the line: patched. "
    signs += _ABOUT_CONTROLS if "over" in shown else ""
    return panels, Scale("change of accuracy", -longest, longest), signs


COST_PANELS = 2
"""Up to so many pairs and tasks have panels each; of more, points are means over all of them."""
COSTS = {
    "item_tokens": "tokens run for an item",
    "fit_tokens": "tokens run to fit or train",
}
"""Column → what its axis measures."""
FRONT = "front"
_FRONT = (
    "Front, which is named: no other method gains as much for less. It joins estimates: neighbours may not "
    "differ (the figure comparison has intervals). Costs are on logarithmic axes, with 0 apart. "
)
_COSTS = "Tokens to choose on dev are not counted. "


def pareto(frames: Frames) -> Spec:
    """Two panels for each pair and task: gain over either cost, on axes of powers of ten."""
    ran = judged(frames["comparison"])
    ran = ran[ran[list(COSTS)].notna().all(axis=1)]
    # The ceiling is an oracle: it is what can be had, at no price that anybody could pay.
    oracle = ran.method == "target_language"
    table, targets = ran[~oracle], ran[oracle]
    if table.empty:
        raise NothingToShow("figure pareto: no method of the comparison has both a gain and its costs")
    studies = list(parts(table))
    signs, footer = _FRONT, _COSTS
    groups: list[tuple[str, pd.DataFrame, Value]]
    if len(studies) > COST_PANELS:
        table, partly = _means(table, len(studies))
        footer += f"Means over {len(studies)} pairs and tasks. "
        signs += "Hollow: a gain or a loss is shown in fewer than half of them. "
        footer += f"Not in all of them, so left out: {', '.join(partly)}. " if partly else ""
        groups = [("", table, float(targets.gain.mean()) if len(targets) == len(studies) else None)]
    else:
        signs += "Filled: a gain or a loss is shown; hollow: none is. "
        tops = {tuple(named.values()): float(rows.gain.mean()) for _, named, rows in parts(targets)}
        groups = [(title, rows, tops.get(tuple(named.values()))) for title, named, rows in studies]
    axes = {column: _cost_axis(column, table[column].astype(float).tolist()) for column in COSTS}
    several = len(groups) > 1
    y = Axis(
        "gain", range=limits(numbers(table.gain), [0.0, *(top for *_, top in groups if top is not None)])
    )
    panels = tuple(
        _cost_panel(title if several else "", rows, column, *axes[column], y, () if top is None else (top,))
        for title, rows, top in groups
        for column in COSTS
    )
    for column in COSTS:
        fronts = [_on_front(rows, column) for _, rows, _ in groups]
        own = zip(groups, fronts, strict=True)
        told = "; ".join(", ".join(found) + (f" ({title})" if several else "") for (title, *_), found in own)
        footer += f"On the front by {COSTS[column]}: {told}. "
    if any(top is not None for *_, top in groups):
        signs += "Upper line: the same items in the target language. "
    return Spec(
        kind="pareto",
        title="Gain and cost of each method",
        subtitle=_subtitle(ran),
        panels=panels,
        footer=footer + left_out(frames["comparison"]),
        together=len(COSTS),
        signs=signs,
        emphasis=f"Bold: a gain or a loss is shown{'' if several else ' in at least half of them'}.",
    )


def _means(table: pd.DataFrame, count: int) -> tuple[pd.DataFrame, list[str]]:
    """One row a method, of those that ran everywhere; and the names of the others."""
    everywhere = table.groupby("method", sort=False).method.transform("size") == count
    partly = names(table[~everywhere].method)
    methods = (
        table[everywhere].astype({"gain": float, **dict.fromkeys(COSTS, float)}).groupby("method", sort=False)
    )
    if not len(methods):
        raise NothingToShow("figure pareto: no method ran on all pairs and tasks of the comparison")
    means = methods.agg(dict.fromkeys(("title", "family"), "first") | dict.fromkeys(("gain", *COSTS), "mean"))
    means["helps"] = methods.shown.sum()
    means["shown"] = means.helps * 2 >= count
    return means.assign(studies=count).reset_index(), partly


def _cost_panel(
    title: str,
    rows: pd.DataFrame,
    column: str,
    x: Axis,
    zero: float,
    y: Axis,
    tops: tuple[float, ...],
) -> Plot:
    costs = rows[column].astype(float)
    rows = rows.assign(cost=costs.where(costs > 0, zero), label=rows.method.map(spoken))
    rows["label"] = rows.label.where(rows.label.isin(_on_front(rows, column)), "")
    stairs = front(list(zip(rows.cost, rows.gain.astype(float), strict=True)))
    series = _families(rows, "cost", lambda row: _note(row, column))
    line = Series(FRONT, *_steps(stairs, x), role="reference")
    return Plot("", x, y, (*series, line), (0.0, *tops), head=title)


def _on_front(rows: pd.DataFrame, column: str) -> list[str]:
    """The methods on the front, from the cheapest on."""
    points = list(zip(rows[column].astype(float), rows.gain.astype(float), strict=True))
    by_place = dict(zip(points, rows.method, strict=True))
    return [spoken(by_place[point]) for point in front(points)]


def _note(row: Row, column: str) -> Lines:
    cost = f"{row[column]:,.0f} {COSTS[column]}"
    if "studies" in row:
        shown = f"shown in {row['helps']} of {row['studies']}"
        return f"{row['method']}: {row['title']}", f"mean gain {signed(row['gain'])}, {shown}", cost
    return (*shown_gain(row), cost)


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points (cost, gain) that gain more than all that cost no more, from the cheapest on.

    >>> front([(7, 0.1), (7, 0.3), (9, 0.2), (20, 0.5)])
    [(7, 0.3), (20, 0.5)]
    """
    found: list[tuple[float, float]] = []
    for cost, gain in sorted(points, key=lambda point: (point[0], -point[1])):
        if not found or gain > found[-1][1]:
            found.append((cost, gain))
    return found


def _steps(stairs: Sequence[tuple[float, float]], axis: Axis) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The front as a stair: what is gained stays until more is paid, up to the end of the axis."""
    assert axis.range is not None
    x = [place for cost, _ in stairs for place in (cost, cost)]
    y = [value for _, gain in stairs for value in (gain, gain)]
    return (*x[1:], axis.range[1]), tuple(y)


def _cost_axis(column: str, costs: Sequence[float]) -> tuple[Axis, float]:
    """A logarithmic axis with round numbers, and the place of what costs nothing, apart from the rest."""
    paid = [cost for cost in costs if cost > 0] or [1.0]
    low, high = math.log10(min(paid)), math.log10(max(paid))
    span = max(high - low, 0.6)
    air = 0.08 * span
    zero = low - max(0.35 * span, 0.3)
    free = len(paid) < len(costs)
    ends = ((zero if free else low) - 2 * air, low + span + air)
    # Powers of ten; of few, their doubles and halves too.
    leading = (1, 2, 5) if ends[1] - (low - air) < 2 else (1,)
    powers = range(math.floor(low - air), math.ceil(ends[1]) + 1)
    rounds = [lead * 10.0**power for power in powers for lead in leading]
    ticks = [(value, _rounded(value)) for value in rounds if low - air <= math.log10(value) <= ends[1]]
    nothing = [(10.0**zero, "0")] if free else []
    axis = Axis(COSTS[column], (*nothing, *ticks), (10.0 ** ends[0], 10.0 ** ends[1]), log=True)
    return axis, 10.0**zero


def _rounded(value: float) -> str:
    """A round number in few letters.

    >>> _rounded(5.0), _rounded(20000.0), _rounded(1e6)
    ('5', '20k', '1M')
    """
    sizes = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
    return next((f"{value / size:g}{letter}" for size, letter in sizes if value >= size), f"{value:g}")
