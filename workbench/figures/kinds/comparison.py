"""Every method of a comparison: its gain on test, its controls' gains, and its price in the main language."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from workbench.core.numbers import signed
from workbench.figures.compared import FAMILIES, judged, left_out, order_of, shown_gain, subtitle
from workbench.figures.frames import limits, number, numbers, parts
from workbench.figures.kinds_shared import bar_axis
from workbench.figures.spec_parts import Axis, Cells, Panel, Plot, Scale, Series, Spec, Value, short
from workbench.figures.tables_in import Frames

PANELS = 4
"""Up to so many pairs and tasks have a panel each, with intervals; more are columns of coloured cells."""
CONTROLS = {"random_gain": "control: random", "shuffled_gain": "control: shuffled pairs"}
"""A recipe's controls by the column of their gain."""
STUDY = ("model", "task", "pair")


def spec(frames: Frames) -> Spec:
    """A row for each method: of few pairs and tasks with intervals, of many as cells."""
    table = judged(frames["comparison"])
    table = table[table.method != "direct"]
    studies = list(parts(table, STUDY))
    made = _cells if len(studies) > PANELS else _forest
    panels, scale, footer = made(table, studies)
    return Spec(
        kind="comparison",
        title="What each method gains",
        subtitle=subtitle(table),
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
        footer += "Lines: no gain, and the ceiling, the same items in the main language. "
    if any(any(panel.aside) for panel in panels):
        footer += "main: change of accuracy on items in the main language; * a loss of δ is not ruled out. "
    return panels, None, footer


_ABOUT_CONTROLS = (
    "Controls of a recipe, each with its own choice on dev: steps as long in random directions; fitted on "
    "pairs that are none. "
)


def _panel(title: str, rows: pd.DataFrame, order: Sequence[str], names: Axis, x: Axis) -> Plot:
    by = {str(row["method"]): row for row in rows.to_dict("records")}
    places = {name: float(place) for place, name in enumerate(order) if name in by}
    series = [_family(family, slot, by, places) for slot, family in enumerate(FAMILIES)]
    series += [_control(column, slot, by, places) for slot, column in enumerate(CONTROLS)]
    aside = tuple(_kept(by.get(name)) for name in order)
    ceiling = number(by["ceiling"]["gain"]) if "ceiling" in by else None
    return Plot(
        title,
        names,
        x,
        tuple(one for one in series if one.x),
        lines=(0.0,) if ceiling is None else (0.0, ceiling),
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
