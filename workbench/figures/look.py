"""The look of every drawing: colours, dashes, markers, sizes, and where labels of points go.

Colours are safe for colour-blind readers and told apart in grey print: purple helps, orange harms. Figures
are drawn on white; the report also on a dark screen, with a style sheet.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from workbench.core.errors import InputError, did_you_mean
from workbench.figures.spec import Cells, Plot, Scale, Series, Value

# ColorBrewer's PuOr, told apart with every common kind of colour blindness; white is zero.
DIVERGING = ["#b35806", "#f1a340", "#fee0b6", "#f7f7f7", "#d8daeb", "#998ec3", "#542788"]
# ColorBrewer's Purples: darker is more, in grey too.
SEQUENTIAL = ["#fcfbfd", "#dadaeb", "#bcbddc", "#9e9ac8", "#807dba", "#6a51a3", "#3f007d"]
# Okabe and Ito, without the yellow that paper swallows, and black, which is for what is random.
CURVES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#4d4d4d"]
BLACK = "#222222"
GREY = "#8c8c8c"
UNMEASURED = "#dddddd"
PALETTES = {
    "main": CURVES,
    "control": ["#4d4d4d", "#7a7a7a", "#999999", "#5f5f5f"],
    "area": ["#0072b2", "#e69f00", "#e6e6e6"],
    "bars": ["#542788", "#f1a340", "#999999"],
    "state": ["#0072b2", "#e69f00", "#009e73"],
    "reference": [BLACK],
    "faint": ["#9fb6c9"],
}
"""Kind of a series → its colours by slot."""

Dash = Literal["solid", "dashed", "dashdot", "dotted"]
DASHES: list[Dash] = ["solid", "dashed", "dashdot", "dotted"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<"]
"""In matplotlib's letters."""
SCATTERED = ("points", "cloud", "mean", "estimates")
"""Looks that no line joins."""


def colours(scale: Scale) -> list[str]:
    """The stops of a scale, from its low end to its high one."""
    return DIVERGING if scale.diverging else SEQUENTIAL


def kind_of(series: Series) -> tuple[str, int]:
    """The palette of a series and its place there."""
    looks = {"area": "area", "bars": "bars", "cloud": "state", "mean": "state"}
    kind = looks.get(series.look, "main") if series.role == "main" else series.role
    return kind, series.slot % len(PALETTES[kind])


def colour_of(series: Series) -> str:
    """The colour of a series."""
    kind, slot = kind_of(series)
    return PALETTES[kind][slot]


def dash_of(series: Series) -> Dash:
    """The dash of a curve: of aligners every second one is broken, of controls all are."""
    dashes: dict[str, Dash] = {
        "reference": "dotted",
        "control": DASHES[1 + series.slot % (len(DASHES) - 1)],
        "main": DASHES[series.slot % 2 + 2 * (series.slot // len(CURVES) % 2)],
        "faint": "solid",
    }
    return dashes[series.role]


def marker_of(series: Series) -> str:
    """The marker of a series; clouds and their means have the first three."""
    if series.look in ("cloud", "mean"):
        return MARKERS[series.slot % 3]
    return MARKERS[(series.slot + (4 if series.role == "control" else 0)) % len(MARKERS)]


def shade(value: float, scale: Scale) -> tuple[float, float, float]:
    """The colour of a value, each part from 0 to 1."""
    stops = np.array(list(map(channels, colours(scale)))) / 255
    places = np.linspace(scale.low, scale.high, len(stops))
    red, green, blue = (float(np.interp(value, places, channel)) for channel in stops.T)
    return red, green, blue


VEIL = 0.6
"""How much white lies over a cell with few items."""


def ink(value: Value, scale: Scale, pale: bool = False) -> str:
    """Black or white, whichever is read on the colour of a value; black where it is pale, or none."""
    if value is None or pale:
        return BLACK
    red, green, blue = shade(value, scale)
    return "#ffffff" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else BLACK


DOT, DASH, ABOVE, BELOW = ".", "_", "^", "v"
"""Signs in cells, in matplotlib's letters."""
Sign = tuple[float, float, str]
"""Column, row and colour."""


def signs(panel: Cells, scale: Scale, numbered: bool) -> dict[str, list[Sign]]:
    """By marker, a small sign in cells: a dot, a triangle or a dash, the first of these that applies.

    A grey dot says that a cell shows nothing by itself, a triangle that its value is beyond the scale, a dash
    that it is below zero, which grey print does not tell. A number keeps its place, and needs no dash.
    """
    found: dict[str, list[Sign]] = {}
    for row, values in enumerate(panel.values):
        for column, value in enumerate(values):
            if value is None:
                continue
            colour = ink(value, scale, panel.few(row, column) is not None)
            place = (column + 0.4, row - 0.36) if numbered else (float(column), float(row))
            if panel.hatched and panel.hatched[row][column]:
                found.setdefault(DOT, []).append((*place, GREY))
            elif not scale.low <= value <= scale.high:
                found.setdefault(ABOVE if value > scale.high else BELOW, []).append((*place, colour))
            elif value < 0 and scale.diverging and not numbered:
                found.setdefault(DASH, []).append((*place, colour))
    return found


def clipped(panels: Sequence[Cells], scale: Scale) -> tuple[bool, bool]:
    """Whether any value is below the scale, and whether any is above."""
    known = [value for panel in panels for row in panel.values for value in row if value is not None]
    return any(value < scale.low for value in known), any(value > scale.high for value in known)


STEPS = 8
"""Shades on either side of zero."""
DIM = 0.42
"""How strong the colour of a cell inside the band is, beside one beyond it."""

_SCHEMES = {
    "page": ("#ffffff", "#141318"),
    "raised": ("#f6f5f8", "#1f1d25"),
    "ink": ("#1c1b20", "#ebe9f1"),
    "muted": ("#56545f", "#b1adbd"),
    "line": ("#d9d7e0", "#3a3744"),
    "accent": (DIVERGING[-1], "#c9b3ff"),
    "helps": (DIVERGING[-1], "#c9b3ff"),
    "on-helps": ("#ffffff", "#1d0f38"),
    "costs": ("#ffc34d", "#eab04a"),
    "on-costs": ("#2b1a00", "#241500"),
    "harms": ("#9a4a00", "#ffb266"),
    "on-harms": ("#ffffff", "#301700"),
    "equivalent": ("#4d4b57", "#b9b6c4"),
    "on-equivalent": ("#ffffff", "#141318"),
    "undecided": ("#e4e2ea", "#3a3744"),
    "on-undecided": ("#1c1b20", "#ebe9f1"),
    "warn": ("#fff3df", "#3a2a10"),
    "on-warn": ("#5c3300", "#ffe2b8"),
    "more": (DIVERGING[-1], "#b79aff"),
    "less": (DIVERGING[0], "#f39a3d"),
    "zero": ("#f4f3f6", "#26242d"),
}
"""What is coloured → its colour on a light page and on a dark one."""
LIGHT = {name: light for name, (light, _) in _SCHEMES.items()}
DARK = {name: dark for name, (_, dark) in _SCHEMES.items()}


def shades(scheme: dict[str, str], dim: float = 1.0) -> dict[str, tuple[str, str]]:
    """Background and ink of each shade: `p1` … `p8` above zero, `n1` … `n8` below, `z` at zero."""
    backs = {"z": scheme["zero"]} | {
        f"{letter}{step}": _mixed(scheme["zero"], scheme[end], dim * step / STEPS)
        for letter, end in (("p", "more"), ("n", "less"))
        for step in range(1, STEPS + 1)
    }
    return {
        name: (back, max("#ffffff", "#000000", key=lambda ink: contrast(ink, back)))
        for name, back in backs.items()
    }


def step_of(value: float | None, reach: float) -> str | None:
    """The shade of a number on a scale that is `reach` long on either side of zero.

    >>> step_of(0.5, 0.5), step_of(-0.25, 0.5), step_of(0.0, 0.5)
    ('p8', 'n4', 'z')
    """
    if value is None:
        return None
    step = min(round(abs(value) / reach * STEPS), STEPS)
    return "z" if step == 0 else f"{'p' if value > 0 else 'n'}{step}"


def style() -> str:
    """The colours as CSS: light, dark where the reader's screen is, and light again on paper."""
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n{_rules(DARK)}}}\n"
    return ":root { color-scheme: light dark; }\n" + _rules(LIGHT) + dark


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _rules(scheme: dict[str, str]) -> str:
    names = "".join(f" --{name}: {value};" for name, value in scheme.items())
    cells = [
        f"{inside}.{name} {{ background-color: {back}; color: {ink}; }}"
        for inside, dim in (("", 1.0), (".in", DIM))
        for name, (back, ink) in shades(scheme, dim).items()
    ]
    kinds = [
        f".{kind}-{slot} {{ --kind: {on_page(colour, scheme)}; }}"
        for kind, palette in PALETTES.items()
        for slot, colour in enumerate(palette)
    ]
    return f":root {{{names} }}\n" + "\n".join([*cells, *kinds]) + "\n"


def on_page(colour: str, scheme: dict[str, str]) -> str:
    """A series' colour on the report's page: lighter where a dark page would swallow it."""
    if scheme is LIGHT:
        return colour
    steps = (_mixed(colour, "#ffffff", step / 20) for step in range(21))
    return next(found for found in steps if contrast(found, scheme["page"]) >= 4.5)


def _luminance(colour: str) -> float:
    parts = (value / 255 for value in channels(colour))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def channels(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mixed(one: str, other: str, weight: float) -> str:
    pairs = zip(channels(one), channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * weight):02x}" for a, b in pairs)


# Labels of points: none lies on another or on a point --------------------------------------------

_STEPS, _RISES = 8, 12
"""How far to the side and up or down a label may go, in halves of its width and quarters of its height."""
Place = tuple[float, float]
Box = tuple[float, float, float, float]
"""Middle, width and height."""


def beside_points(
    points: Sequence[Place], sizes: Sequence[Place], panel: Place, mark: float, lines: Sequence[Place] = ()
) -> list[Place | None]:
    """The middle of each point's label: the free place nearest to it, or None where there is none.

    Points, `sizes` of labels, the size of the panel and that of a `mark` are all in one unit; `lines` are the
    corners of a stair that no label may lie on. A label without width has no place.
    """
    taken: list[Box] = [(x, y, mark, mark) for x, y in points]
    taken += [((a + c) / 2, (b + d) / 2, abs(c - a), abs(d - b)) for (a, b), (c, d) in pairwise(lines)]
    places: list[Place | None] = [None] * len(points)
    # From the top down, so that of points above each other labels fall to the right and left in turn.
    for at in sorted(range(len(points)), key=lambda at: (-points[at][1], points[at][0])):
        (x, y), (wide, high) = points[at], sizes[at]
        if not wide:
            continue
        for across, up in _offsets(wide, high, mark):
            if _is_free(box := (x + across, y + up, wide, high), panel, taken):
                taken.append(box)
                places[at] = box[:2]
                break
    return places


def _is_free(box: Box, panel: Place, taken: Sequence[Box]) -> bool:
    """Whether a box lies whole in a panel of this size and touches no other."""
    (x, y, wide, high), (right, top) = box, panel
    inside = wide / 2 <= x <= right - wide / 2 and high / 2 <= y <= top - high / 2
    return inside and not any(
        abs(x - a) < (wide + other_wide) / 2 and abs(y - b) < (high + other_high) / 2
        for a, b, other_wide, other_high in taken
    )


@dataclass(frozen=True)
class Label:
    """A label, its point in the units of the axes, and both in those of the panel."""

    text: str
    x: float
    y: float
    point: Place
    place: Place
    size: Place
    far: bool
    """Whether a line has to say whose label it is."""


def place_labels(
    plot: Plot,
    placed: Callable[[float, float], Place],
    size: Callable[[str], Place],
    panel: Place,
    mark: float,
) -> list[Label]:
    """The labels of estimates that have room; `placed` puts a point of the axes into the panel."""
    marked = [
        (x, y, label)
        for series in plot.series
        for x, y, label in zip(series.x, series.y, series.labels, strict=False)
        if y is not None
    ]
    # Of the stair that joins some estimates.
    lines = [series for series in plot.series if series.role == "reference"][:1] if marked else []
    corners = [placed(x, y) for line in lines for x, y in zip(line.x, line.y, strict=True) if y is not None]
    points = [placed(x, y) for x, y, _ in marked]
    sizes = [size(label) for *_, label in marked]
    places = beside_points(points, sizes, panel, mark, corners)
    labels = []
    for (x, y, text), point, place, room in zip(marked, points, places, sizes, strict=True):
        if place is not None and text:
            across, up = abs(point[0] - place[0]), abs(point[1] - place[1])
            far = across > room[0] / 2 + mark * 1.2 or up > room[1] / 2 + mark * 0.8
            labels.append(Label(text, x, y, point, place, room, far))
    return labels


def _offsets(wide: float, high: float, mark: float) -> list[Place]:
    """Steps from a point to its label, the best first: beside it, then above and below, then further off."""
    beside, above = (wide + mark) / 2 * 1.05, (high + mark) / 2 * 1.05
    rises = [rise * high / 4 for rise in range(-_RISES, _RISES + 1)]
    places = [
        (side * (beside + at * wide / 2), up) for at in range(_STEPS) for up in rises for side in (1, -1)
    ]
    places += [(0.0, above), (0.0, -above)]
    # To the side costs less than up or down: the eye finds the point at the same height.
    return sorted(places, key=lambda at: (round(math.hypot(at[0] / 2, at[1]) / high, 2), -at[0], -at[1]))


# Sizes ------------------------------------------------------------------------------------------

CM = 1 / 2.54


@dataclass(frozen=True)
class Preset:
    """Inches and points."""

    name: str
    width: float
    height: float
    """A page is no higher than this; what does not fit goes onto another."""
    text: float
    """Size of labels; titles are a little larger."""
    dpi: int

    @property
    def title(self) -> float:
        """Size of the title."""
        return self.text * 9 / 7

    @property
    def line(self) -> float:
        """Height of a line of text, in inches."""
        return self.text * 1.25 / 72


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("acl", 7.7 * CM, 9.0, 7, 300),
        Preset("acl-wide", 16.0 * CM, 9.0, 7, 300),
        Preset("neurips", 5.5, 8.5, 7.5, 300),
        Preset("slide", 10.0, 5.625, 12, 150),
        Preset("notebook", 9.0, 12.0, 10, 100),
    )
}
"""One column of ACL, both of them, the text of NeurIPS, a slide of 16:9, and a cell of a notebook."""


def preset(name: str) -> Preset:
    """The preset of this name."""
    if name not in PRESETS:
        raise InputError(f"no preset is called {name!r}: {did_you_mean(name, PRESETS)}")
    return PRESETS[name]
