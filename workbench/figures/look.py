"""Colours, dashes and markers of both renderings: safe for colour-blind readers, told apart in grey print."""

from typing import Literal

from workbench.figures.spec import Cells, Scale, Series

# ColorBrewer's PuOr, told apart with every common kind of colour blindness; white is zero.
DIVERGING = ["#b35806", "#f1a340", "#fee0b6", "#f7f7f7", "#d8daeb", "#998ec3", "#542788"]
# ColorBrewer's Purples: darker is more, in grey too.
SEQUENTIAL = ["#fcfbfd", "#dadaeb", "#bcbddc", "#9e9ac8", "#807dba", "#6a51a3", "#3f007d"]
# Okabe and Ito, without the yellow that paper swallows, and black, which is for what is random.
CURVES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#4d4d4d"]
GREYS = ["#4d4d4d", "#7a7a7a", "#999999", "#5f5f5f"]
AREAS = ["#0072b2", "#e69f00", "#e6e6e6"]
STATES = ["#0072b2", "#e69f00", "#009e73"]
BARS = ["#542788", "#f1a340", "#999999"]
FAINT = "#9fb6c9"
BLACK = "#222222"
UNMEASURED = "#dddddd"

Dash = Literal["solid", "dashed", "dashdot", "dotted"]
DASHES: list[Dash] = ["solid", "dashed", "dashdot", "dotted"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<"]
"""In matplotlib's letters."""
STATE_MARKERS = ["o", "s", "^"]
SCATTERED = ("points", "cloud", "mean", "estimates")
"""Looks that no line joins."""


def colours(scale: Scale) -> list[str]:
    """The stops of a scale, from its low end to its high one."""
    return DIVERGING if scale.diverging else SEQUENTIAL


def colour_of(series: Series) -> str:
    """The colour of a series."""
    if series.role == "reference":
        return BLACK
    if series.role == "faint":
        return FAINT
    if series.role == "control":
        return GREYS[series.slot % len(GREYS)]
    palette = {"area": AREAS, "bars": BARS, "cloud": STATES, "mean": STATES}.get(series.look, CURVES)
    return palette[series.slot % len(palette)]


def dash_of(series: Series) -> Dash:
    """The dash of a curve: of methods every second one is broken, of controls all are."""
    if series.role == "reference":
        return "dotted"
    if series.role == "control":
        return DASHES[1 + series.slot % (len(DASHES) - 1)]
    return (
        DASHES[series.slot % 2 + 2 * (series.slot // len(CURVES) % 2)] if series.role == "main" else "solid"
    )


def marker_of(series: Series) -> str:
    """The marker of a series."""
    if series.look in ("cloud", "mean"):
        return STATE_MARKERS[series.slot % len(STATE_MARKERS)]
    return MARKERS[(series.slot + (4 if series.role == "control" else 0)) % len(MARKERS)]


def shade(value: float, scale: Scale) -> tuple[float, float, float]:
    """The colour of a value, each part from 0 to 1."""
    stops = [tuple(int(stop[at : at + 2], 16) / 255 for at in (1, 3, 5)) for stop in colours(scale)]
    along = (min(max(value, scale.low), scale.high) - scale.low) / (scale.high - scale.low or 1)
    place = along * (len(stops) - 1)
    left = min(int(place), len(stops) - 2)
    red, green, blue = (
        a + (b - a) * (place - left) for a, b in zip(stops[left], stops[left + 1], strict=True)
    )
    return red, green, blue


def ink(value: float, scale: Scale) -> str:
    """Black or white, whichever is read on the colour of a value."""
    red, green, blue = shade(value, scale)
    return "#ffffff" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else BLACK


Stroke = tuple[tuple[float, float], tuple[float, float], str]
"""From (column, row) to (column, row), in a colour."""


def strokes(panel: Cells, scale: Scale, numbered: bool) -> list[Stroke]:
    """Two cut corners of each hatched cell, and a dash in each negative one that shows no number."""
    found: list[Stroke] = []
    corner = 0.24 if numbered else 0.42  # a number keeps its place
    for row, column in panel.hatched_at():
        colour = _ink_at(panel, row, column, scale)
        left, right, top, low = column - 0.5, column + 0.5, row - 0.5, row + 0.5
        found.append(((left, top + corner), (left + corner, top), colour))
        found.append(((right - corner, low), (right, low - corner), colour))
    if scale.diverging and not numbered:
        for row, column in panel.negative_at():
            found.append(((column - 0.25, row), (column + 0.25, row), _ink_at(panel, row, column, scale)))
    return found


def _ink_at(panel: Cells, row: int, column: int, scale: Scale) -> str:
    value = panel.values[row][column]
    return ink(0.0 if value is None else value, scale)
