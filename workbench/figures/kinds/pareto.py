"""What a gain costs: methods by the tokens they run for an item, and for being fitted, with the front."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.core.numbers import signed
from workbench.figures.compared import FAMILIES, judged, left_out, order_of, shown_gain, subtitle
from workbench.figures.frames import NothingToShow, limits, numbers, parts
from workbench.figures.spec_parts import Axis, Plot, Series, Spec
from workbench.figures.tables_in import Frames

PANELS = 2
"""Up to so many pairs and tasks have panels each; of more, points are means over all of them."""
COSTS = {
    "item_tokens": "tokens run for an item",
    "fit_tokens": "tokens run to fit or train",
}
"""Column → what its axis measures."""
STUDY = ("model", "task", "pair")
FRONT = "front"


def spec(frames: Frames) -> Spec:
    """Two panels for each pair and task: gain over either cost, on axes of powers of ten."""
    ran = judged(frames["comparison"])
    ran = ran[ran[list(COSTS)].notna().all(axis=1)]
    # The ceiling is an oracle: it is what can be had, at no price that anybody could pay.
    table = ran[ran.method != "ceiling"]
    if table.empty:
        raise NothingToShow("figure pareto: no method of the comparison has both a gain and its costs")
    numbered = {name: str(at + 1) for at, name in enumerate(order_of(table))}
    studies = list(parts(table, STUDY))
    means = len(studies) > PANELS
    ceilings = ran[ran.method == "ceiling"]
    footer = _FOOTER
    if means:
        table, partly = _means(table, len(studies))
        footer += f"Means over {len(studies)} pairs and tasks; "
        footer += "hollow (° in tables): shown in fewer than half of them. "
        footer += f"Not in all of them, so left out: {', '.join(partly)}. " if partly else ""
        numbered = {name: str(at + 1) for at, name in enumerate(order_of(table))}
        groups = [("", table, _ceiling(ceilings) if len(ceilings) == len(studies) else None)]
    else:
        footer += "Filled: a gain or a loss is shown; hollow (° in tables): none is. "
        groups = [(title, mine, _ceiling(_same(ceilings, named))) for title, named, mine in studies]
    gains = limits(numbers(table.gain), include=[0.0, *(top for *_, top in groups if top is not None)])
    panels = tuple(
        _panel(title, mine, column, numbered, gains, top, table)
        for title, mine, top in groups
        for column in COSTS
    )
    if any(top is not None for *_, top in groups):
        footer += "Upper line: the ceiling, the same items in the main language. "
    key = ", ".join(f"{label}\u00a0{name}" for name, label in numbered.items())
    return Spec(
        kind="pareto",
        title="What a gain costs",
        subtitle=subtitle(ran),
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


def _same(ceilings: pd.DataFrame, named: dict[str, str]) -> pd.DataFrame:
    for key in named:
        ceilings = ceilings[ceilings[key].astype(str) == named[key]]
    return ceilings


def _ceiling(rows: pd.DataFrame) -> float | None:
    return None if rows.empty else float(rows.gain.mean())


def _panel(
    title: str,
    rows: pd.DataFrame,
    column: str,
    numbered: dict[str, str],
    gains: tuple[float, float],
    ceiling: float | None,
    every: pd.DataFrame,
) -> Plot:
    axis, zero = _axis(column, every[column].astype(float).tolist())
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
        lines=(0.0,) if ceiling is None else (0.0, ceiling),
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


def _axis(column: str, costs: Sequence[float]) -> tuple[Axis, float]:
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
