"""Figures of a comparison: every method's gain, its controls, and what it costs."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from workbench.core.numbers import interval, signed
from workbench.figures.frames import (
    Frames,
    NothingToShow,
    bar_axis,
    limits,
    number,
    numbers,
    parts,
    said,
    span,
)
from workbench.figures.spec import Axis, Cells, Panel, Plot, Scale, Series, Spec, Value, short

FAMILIES = ("baseline", "recipe", "combination")
"""Kinds of methods, in the order of rows, colours and marks."""


def judged(comparison: pd.DataFrame) -> pd.DataFrame:
    """The rows with a gain; `shown` tells whether a gain or a loss stands after Holm's correction."""
    table = comparison[comparison.gain.notna()]
    if not (table.method != "direct").any():
        raise NothingToShow("the table comparison holds no method besides asking directly")
    # What gains are held against is no claim, and has no corrected verdict.
    verdict = table.holm_verdict.fillna(table.verdict).fillna("")
    table = table.assign(shown=verdict.isin(["helps", "harms"]))
    for control in ("random", "shuffled"):
        # A combination's are over its baseline; on the axis of gains they are over asking directly.
        table[f"{control}_gain"] = (table.gain - table[f"{control}_over"]).astype("Float64").round(9) + 0.0
    return table


def order_of(table: pd.DataFrame) -> list[str]:
    """Methods by family, those that gain more first: by the mean where there are several pairs or tasks."""
    mean = table.assign(gain=table.gain.astype(float)).groupby("method", sort=False).gain.mean()
    family = table.drop_duplicates("method").set_index("method").family
    return sorted(map(str, mean.index), key=lambda name: (_rank(str(family[name])), -mean[name]))


def _rank(family: str) -> int:
    return FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)


def _subtitle(table: pd.DataFrame) -> str:
    """Split, n and contrast."""
    same = said(table, ("model", "task", "pair"))
    return (
        f"{same + ': ' if same else ''}test items, n = {span(table.n)}; accuracy over asking directly, on "
        "the same items; verdicts by Holm over all rows of a comparison"
    )


def left_out(comparison: pd.DataFrame) -> str:
    """Which methods have no row, for the footer."""
    ran = set(comparison[comparison.gain.notna()].method)
    names = [str(name) for name in dict.fromkeys(comparison.method) if name not in ran]
    return f"Not run (the table says why): {', '.join(names)}. " if names else ""


def shown_gain(row: Any) -> tuple[str, ...]:
    """The lines that explain a method's mark or cell."""
    gain = interval(number(row["gain"]), number(row["gain_low"]), number(row["gain_high"]))
    verdict = row["holm_verdict"] if pd.notna(row["holm_verdict"]) else row["verdict"]
    lines = [f"{row['method']}: {row['title']}", f"{row['pair']}, {row['task']}: {row['chosen']}"]
    lines.append(f"gain {gain}" + (f", {verdict}" if pd.notna(verdict) else ""))
    for column, name in (("random", "random control"), ("shuffled", "shuffled pairs")):
        over, low, high = (number(row[f"{column}_over{end}"]) for end in ("", "_low", "_high"))
        if over is not None:
            lines.append(f"over {name} {interval(over, low, high)}")
    if number(row["retention"]) is not None:
        lines.append(f"main language {signed(row['retention'])}, at least {signed(row['retention_low'])}")
    return tuple(lines)


PANELS = 4
"""Up to so many pairs and tasks have a panel each, with intervals; more are columns of coloured cells."""
CONTROLS = {"random_gain": "control: random", "shuffled_gain": "control: shuffled pairs"}
"""A recipe's controls by the column of their gain."""
STUDY = ("model", "task", "pair")


def comparison(frames: Frames) -> Spec:
    """A row for each method: of few pairs and tasks with intervals, of many as cells."""
    table = judged(frames["comparison"])
    table = table[table.method != "direct"]
    studies = list(parts(table, STUDY))
    made = _cells if len(studies) > PANELS else _forest
    panels, scale, footer = made(table, studies)
    return Spec(
        kind="comparison",
        title="What each method gains",
        subtitle=_subtitle(table),
        panels=panels,
        scale=scale,
        footer=footer + left_out(frames["comparison"]),
    )


Found = tuple[tuple[Panel, ...], Scale | None, str]
Studies = Sequence[tuple[str, dict[str, str], pd.DataFrame]]


def _forest(table: pd.DataFrame, studies: Studies) -> Found:
    order = order_of(table)
    names = bar_axis(order)
    values = [number(v) for column in ("gain", "gain_low", "gain_high", *CONTROLS) for v in table[column]]
    x = Axis("gain", range=limits(values, include=(0.0,)))
    panels = tuple(_panel(title, rows, order, names, x) for title, _, rows in studies)
    footer = "Whiskers: 95 % intervals. Filled: a gain or a loss is shown; hollow (° in tables): none is. "
    footer += "" if table[list(CONTROLS)].isna().all(axis=None) else _ABOUT_CONTROLS
    if any(len(panel.lines) > 1 for panel in panels):
        footer += "Lines: no gain, and the gain of the same items in the target language. "
    if any(any(panel.aside) for panel in panels):
        footer += "main: change of accuracy on items in the main language; * a loss of δ is not ruled out. "
    return panels, None, footer


_ABOUT_CONTROLS = (
    "Controls of a recipe, each with its own choice on dev: steps as long in random directions; fitted on "
    "shuffled pairs. "
)


def _panel(title: str, rows: pd.DataFrame, order: Sequence[str], names: Axis, x: Axis) -> Plot:
    by = {str(row["method"]): row for row in rows.to_dict("records")}
    places = {name: float(place) for place, name in enumerate(order) if name in by}
    series = [_family(family, slot, by, places) for slot, family in enumerate(FAMILIES)]
    series += [_control(column, slot, by, places) for slot, column in enumerate(CONTROLS)]
    aside = tuple(_kept(by.get(name)) for name in order)
    target = number(by["target_language"]["gain"]) if "target_language" in by else None
    return Plot(
        title,
        names,
        x,
        tuple(one for one in series if one.x),
        lines=(0.0,) if target is None else (0.0, target),
        lying=True,
        aside=aside if any(aside) else (),
        aside_title="main" if any(aside) else "",
    )


def _family(family: str, slot: int, by: dict[str, dict[Any, Any]], places: dict[str, float]) -> Series:
    rows = [by[name] for name in places if by[name]["family"] == family]
    rows.sort(key=lambda row: not row["shown"])  # the legend shows the first: full, where any is
    return Series(
        family,
        tuple(places[str(row["method"])] for row in rows),
        numbers(row["gain"] for row in rows),
        numbers(row["gain_low"] for row in rows),
        numbers(row["gain_high"] for row in rows),
        look="estimates",
        slot=slot,
        notes=tuple(shown_gain(row) for row in rows),
        hollow=tuple(not row["shown"] for row in rows),
    )


def _control(column: str, slot: int, by: dict[str, dict[Any, Any]], places: dict[str, float]) -> Series:
    rows = [by[name] for name in places if number(by[name][column]) is not None]
    return Series(
        CONTROLS[column],
        tuple(places[str(row["method"])] for row in rows),
        numbers(row[column] for row in rows),
        look="estimates",
        role="control",
        slot=slot,
        notes=tuple((f"{row['method']}, {CONTROLS[column]}", f"gain {signed(row[column])}") for row in rows),
        hollow=(True,) * len(rows),
    )


def _kept(row: dict[Any, Any] | None) -> str:
    """The change in the main language, with a star where a loss that matters is not ruled out."""
    change = None if row is None else number(row["retention"])
    if row is None or change is None:
        return ""
    return short(change) + ("" if bool(row["noninferior"]) else "*")


def _cells(table: pd.DataFrame, studies: Studies) -> Found:
    order = order_of(table)
    columns = tuple(title for title, _, _ in studies)
    found = [{str(row["method"]): row for row in rows.to_dict("records")} for _, _, rows in studies]
    controlled = table[list(CONTROLS)].notna().any(axis=None)
    shown = [("gain", _gain)]
    shown += [("gain over the best control", _over)] if controlled else []
    shown += [("change in the main language", _change)] if table.retention.notna().any() else []
    families = {str(row["method"]): str(row["family"]) for rows in found for row in rows.values()}
    first = sum(families[name] == "baseline" for name in order)
    panels: list[Cells] = []
    for title, value in shown:
        panels.append(
            Cells(
                title,
                tuple(order),
                columns,
                _matrix(order, found, value),
                hatched=_matrix_of(order, found, lambda row: not row["shown"]) if title == "gain" else (),
                rule_after=first if 0 < first < len(order) else None,
                notes=_matrix_of(order, found, shown_gain, ()),
                turned=True,
            )
        )
    every = [abs(v) for panel in panels for row in panel.values for v in row if v is not None]
    reach = max(every, default=0.0) or 1.0
    footer = "Hatched corners: neither a gain nor a loss is shown. Below the line: patched. "
    footer += _ABOUT_CONTROLS if controlled else ""
    return tuple(panels), Scale("change of accuracy", -reach, reach), footer


def _matrix(
    order: Sequence[str], found: Sequence[dict[str, Any]], made: Callable[[Any], Value]
) -> tuple[tuple[Value, ...], ...]:
    return _matrix_of(order, found, made, None)


def _matrix_of(
    order: Sequence[str], found: Sequence[dict[str, Any]], made: Callable[[Any], Any], none: Any = False
) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(made(rows[name]) if name in rows else none for rows in found) for name in order)


def _gain(row: Any) -> Value:
    return number(row["gain"])


def _over(row: Any) -> Value:
    """Over the control that gains most: what a recipe brings beyond what a broken one does."""
    known = [v for v in (number(row["random_over"]), number(row["shuffled_over"])) if v is not None]
    return min(known, default=None)


def _change(row: Any) -> Value:
    return number(row["retention"])


COST_PANELS = 2
"""Up to so many pairs and tasks have panels each; of more, points are means over all of them."""
COSTS = {
    "item_tokens": "tokens run for an item",
    "fit_tokens": "tokens run to fit or train",
}
"""Column → what its axis measures."""
FRONT = "front"


def pareto(frames: Frames) -> Spec:
    """Two panels for each pair and task: gain over either cost, on axes of powers of ten."""
    ran = judged(frames["comparison"])
    ran = ran[ran[list(COSTS)].notna().all(axis=1)]
    # The ceiling is an oracle: it is what can be had, at no price that anybody could pay.
    table = ran[ran.method != "target_language"]
    if table.empty:
        raise NothingToShow("figure pareto: no method of the comparison has both a gain and its costs")
    numbered = {name: str(at + 1) for at, name in enumerate(order_of(table))}
    studies = list(parts(table, STUDY))
    means = len(studies) > COST_PANELS
    targets = ran[ran.method == "target_language"]
    footer = _FOOTER
    if means:
        table, partly = _means(table, len(studies))
        footer += f"Means over {len(studies)} pairs and tasks; "
        footer += "hollow (° in tables): shown in fewer than half of them. "
        footer += f"Not in all of them, so left out: {', '.join(partly)}. " if partly else ""
        numbered = {name: str(at + 1) for at, name in enumerate(order_of(table))}
        groups = [("", table, _target_gain(targets) if len(targets) == len(studies) else None)]
    else:
        footer += "Filled: a gain or a loss is shown; hollow (° in tables): none is. "
        groups = [(title, mine, _target_gain(_same(targets, named))) for title, named, mine in studies]
    gains = limits(numbers(table.gain), include=[0.0, *(top for *_, top in groups if top is not None)])
    panels = tuple(
        _cost_panel(title, mine, column, numbered, gains, top, table)
        for title, mine, top in groups
        for column in COSTS
    )
    if any(top is not None for *_, top in groups):
        footer += "Upper line: the same items in the target language. "
    key = ", ".join(f"{label}\u00a0{name}" for name, label in numbered.items())
    return Spec(
        kind="pareto",
        title="What a gain costs",
        subtitle=_subtitle(ran),
        panels=panels,
        footer=f"{key}. {footer}{left_out(frames['comparison'])}",
        together=len(COSTS),
    )


_FOOTER = (
    "Front: nothing that gains as much costs less. It joins estimates: neighbours may not differ "
    "(figure comparison has the intervals). Costs are on logarithmic axes, with 0 apart; tokens to choose "
    "on dev are not counted. "
)


def _means(table: pd.DataFrame, count: int) -> tuple[pd.DataFrame, list[str]]:
    """One row a method, of those that ran everywhere; and the names of the others."""
    per = table.groupby("method", sort=False)
    partly = [str(name) for name, rows in per if len(rows) < count]
    everywhere = table[~table.method.isin(partly)]
    if everywhere.empty:
        raise NothingToShow("figure pareto: no method ran on all pairs and tasks of the comparison")
    kept = everywhere.drop_duplicates("method").set_index("method")
    per = everywhere.groupby("method", sort=False)
    for column in ("gain", *COSTS):
        kept[column] = per[column].mean().astype(float)
    kept["helps"] = per.shown.sum()
    kept["shown"] = kept.helps * 2 >= count
    return kept.assign(studies=count).reset_index(), partly


def _same(targets: pd.DataFrame, named: dict[str, str]) -> pd.DataFrame:
    for key in named:
        targets = targets[targets[key].astype(str) == named[key]]
    return targets


def _target_gain(rows: pd.DataFrame) -> float | None:
    return None if rows.empty else float(rows.gain.mean())


def _cost_panel(
    title: str,
    rows: pd.DataFrame,
    column: str,
    numbered: dict[str, str],
    gains: tuple[float, float],
    target: float | None,
    every: pd.DataFrame,
) -> Plot:
    axis, zero = _cost_axis(column, every[column].astype(float).tolist())
    costs = [value if value > 0 else zero for value in rows[column].astype(float)]
    rows = rows.assign(cost=costs)
    series = []
    for slot, family in enumerate(FAMILIES):
        mine: list[dict[Any, Any]] = rows[rows.family == family].to_dict("records")
        # The legend shows the first of them: a full one, where there is any.
        mine.sort(key=lambda row: (not row["shown"], int(numbered[str(row["method"])])))
        if mine:
            series.append(
                Series(
                    family,
                    tuple(float(row["cost"]) for row in mine),
                    numbers(row["gain"] for row in mine),
                    look="estimates",
                    slot=slot,
                    notes=tuple(_note(row, column) for row in mine),
                    hollow=tuple(not row["shown"] for row in mine),
                    labels=tuple(numbered[str(row["method"])] for row in mine),
                )
            )
    stairs = front(list(zip(rows.cost, rows.gain.astype(float), strict=True)))
    line = Series(FRONT, *_steps(stairs, axis), role="reference")
    return Plot(
        title,
        axis,
        Axis("gain", range=gains),
        (*series, line),
        lines=(0.0,) if target is None else (0.0, target),
    )


def _note(row: dict[Any, Any], column: str) -> tuple[str, ...]:
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
    x, y = [stairs[0][0]], [stairs[0][1]]
    for cost, gain in stairs[1:]:
        x += [cost, cost]
        y += [y[-1], gain]
    return (*x, axis.range[1]), (*y, y[-1])


def _cost_axis(column: str, costs: Sequence[float]) -> tuple[Axis, float]:
    """A logarithmic axis with round numbers, and the place of what costs nothing, apart from the rest."""
    paid = [cost for cost in costs if cost > 0] or [1.0]
    low, high = math.log10(min(paid)), math.log10(max(paid))
    span = max(high - low, 0.6)
    air = 0.08 * span
    zero = low - max(0.35 * span, 0.3)
    free = len(paid) < len(costs)
    ends = ((zero if free else low) - 2 * air, low + span + air)  # on the left, room for two digits
    ticks = [(10.0**zero, "0")] if free else []
    ticks += [(value, _rounded(value)) for value in _round_numbers(low - air, ends[1])]
    return Axis(COSTS[column], tuple(ticks), (10.0 ** ends[0], 10.0 ** ends[1]), log=True), 10.0**zero


def _round_numbers(low: float, high: float) -> list[float]:
    """Powers of ten between two exponents; of few, their doubles and halves too."""
    leading = (1, 2, 5) if high - low < 2 else (1,)
    powers = range(math.floor(low), math.ceil(high) + 1)
    found = [lead * 10.0**power for power in powers for lead in leading]
    return [value for value in found if low <= math.log10(value) <= high]


def _rounded(value: float) -> str:
    """A round number in few letters.

    >>> _rounded(5.0), _rounded(20000.0), _rounded(1e6)
    ('5', '20k', '1M')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
