"""Curves, clouds, bands, bars and estimates on paper."""

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from workbench.figures.look import BLACK, SCATTERED, colour_of, dash_of, marker_of, place_labels
from workbench.figures.paper_layout import GAP, Block, Page
from workbench.figures.spec import Axis, Plot, Series

_FEW = 24
"""Markers stand on curves of up to so many places."""


def draw_plot(axes: Axes, page: Page, block: Block, panel: Plot) -> None:
    """One panel of series."""
    low, high = panel.y.range or (-np.inf, np.inf)
    for value in panel.lines:
        if low <= value <= high:
            line = axes.axvline if panel.lying else axes.axhline
            line(value, color="#aaaaaa", linewidth=0.6, zorder=0.5, gid="zero")
    if panel.marked is not None:
        axes.axvline(panel.marked, color="#777777", linewidth=0.6, linestyle="dotted", gid="zero")
    for series in panel.series:
        _DRAW.get(series.look, _scattered)(axes, series, panel, page.preset.text / 7)
    _limit(axes, panel)
    _tick(axes.xaxis, _x_ticks(axes, panel.axes[0], page, block))
    _tick(axes.yaxis, _y_ticks(axes, page, block, panel))
    axes.xaxis.set_minor_locator(NullLocator())
    if panel.lying:
        axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)
    _labels(axes, page, block, panel)
    if panel.aside:
        _aside(axes, page, block, panel)


def handle(series: Series) -> Any:
    """What stands for a series in the legend."""
    if series.look in ("bars", "area"):
        return Patch(facecolor=colour_of(series), edgecolor="#555555", linewidth=0.3)
    hollow = bool(series.hollow) and all(series.hollow)
    return Line2D(
        [],
        [],
        color=colour_of(series),
        linestyle="none" if series.look in SCATTERED else dash_of(series),
        marker=None if series.role == "reference" else marker_of(series),
        markerfacecolor="none" if hollow else colour_of(series),
        markeredgewidth=0.6 if hollow else None,
    )


def _line(axes: Axes, series: Series, panel: Plot, wide: float) -> None:
    colour, faint = colour_of(series), series.role == "faint"
    if series.low and series.high:
        _between(axes, series, color=colour, alpha=0.18, linewidth=0, gid="band")
    marked = len(series.x) <= _FEW and not faint and series.role != "reference"
    axes.plot(
        series.x,
        np.array(series.y, float),
        color=colour,
        linestyle=dash_of(series),
        marker=marker_of(series) if marked else None,
        linewidth=(0.4 if faint else 1.0) * wide,
        zorder=1.5 if faint else 2.5,
        gid=series.name,
    )


def _scattered(axes: Axes, series: Series, panel: Plot, wide: float) -> None:
    """Points, a cloud, or its mean."""
    styles: dict[str, dict[str, Any]] = {
        "points": {"alpha": 0.8, "markeredgewidth": 0},
        "cloud": {"markersize": 2.2 * wide, "alpha": 0.5, "markeredgewidth": 0, "zorder": 2},
        "mean": {"markersize": 6.5 * wide, "mew": 0.8 * wide, "markeredgecolor": BLACK, "zorder": 3},
    }
    look: dict[str, Any] = {"linestyle": "none", "marker": marker_of(series), "color": colour_of(series)}
    axes.plot(series.x, np.array(series.y, float), gid=series.name, **look, **styles[series.look])


def _bars(axes: Axes, series: Series, panel: Plot, wide: float) -> None:
    style: dict[str, Any] = {"edgecolor": "#555555", "linewidth": 0.3, "gid": series.name}
    y, low, high = (np.array(values, float) for values in (series.y, series.low, series.high))
    intervals = bool(len(low) and len(high))
    # Whiskers are seen on paler bars.
    axes.barh(series.x, y, height=0.7, color=colour_of(series), alpha=0.55 if intervals else 1.0, **style)
    if intervals:
        whiskers: dict[str, Any] = {"fmt": "none", "elinewidth": 0.8 * wide, "capsize": 1.5 * wide}
        axes.errorbar(y, series.x, xerr=np.abs([y - low, high - y]), ecolor=BLACK, **whiskers)


def _area(axes: Axes, series: Series, panel: Plot, wide: float) -> None:
    style: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.4, "gid": series.name}
    _between(axes, series, facecolor=colour_of(series), **style)


def _between(axes: Axes, series: Series, **style: Any) -> None:
    """What lies between both edges of a series."""
    axes.fill_between(series.x, np.array(series.low, float), np.array(series.high, float), **style)


MARK = 4.2
"""Size of a mark in points, where text has seven."""


def _estimates(axes: Axes, series: Series, panel: Plot, wide: float) -> None:
    """Marks of one series, with their intervals behind them."""
    colour, control = colour_of(series), series.role == "control"
    turned = -1 if panel.lying else 1
    if series.low and series.high:
        ends = [[(x, low)[::turned], (x, high)[::turned]] for x, low, high in series.intervals()]
        whiskers = LineCollection(ends, colors=[colour], linewidths=0.9 * wide, gid="whisker", zorder=2.2)
        axes.add_collection(whiskers, autolim=False)
    x, y = (series.y, series.x) if panel.lying else (series.x, series.y)
    hollow = series.hollow or (False,) * len(series.x)
    axes.scatter(
        np.array(x, dtype=float),
        np.array(y, dtype=float),
        s=(MARK * wide) ** 2,
        marker=marker_of(series),
        facecolors=["none" if control and empty else "white" if empty else colour for empty in hollow],
        edgecolors=[colour if empty else "white" for empty in hollow],
        linewidths=[(0.8 if empty else 0.3) * wide for empty in hollow],
        zorder=2.1 if control else 2.6,
        gid=series.name,
    )


_DRAW = {"line": _line, "bars": _bars, "area": _area, "estimates": _estimates}


def _labels(axes: Axes, page: Page, block: Block, panel: Plot) -> None:
    """A label beside each estimate that has one, with a line to it where it stands further off."""
    size, to_axes = page.preset.text, axes.transData + axes.transAxes.inverted()
    box = np.array([block.width, block.height])

    def placed(x: float, y: float) -> tuple[float, float]:
        across, up = to_axes.transform((x, y)) * box
        return float(across), float(up)

    def room(label: str) -> tuple[float, float]:
        return (page.ruler.width(label, size) + size / 72 * 0.4) * bool(label), page.preset.line * 0.88

    leaders = []
    style: dict[str, Any] = {"ha": "center", "va": "center_baseline", "size": size, "zorder": 4}
    mark = MARK * size / 7 / 72 * 1.15
    for label in place_labels(panel, placed, room, (block.width, block.height), mark):
        x, y = label.place / box
        axes.text(x, y, label.text, transform=axes.transAxes, gid="label", **style)
        if label.far:
            # From the point to the near end of the label.
            right = label.place[0] > label.point[0]
            end = x + (-1 if right else 1) * label.size[0] / 2 / block.width
            leaders.append([tuple(label.point / box), (end, y)])
    if leaders:
        style = {"colors": "#888888", "linewidths": 0.4, "zorder": 2, "gid": "leader"}
        axes.add_collection(LineCollection(leaders, transform=axes.transAxes, **style), autolim=False)


def _aside(axes: Axes, page: Page, block: Block, panel: Plot) -> None:
    """The texts to the right of named places."""
    size = page.preset.text
    right = 1 + (GAP + page.ruler.widest(panel.aside, size)) / block.width
    style: dict[str, Any] = {"va": "center_baseline", "ha": "right", "size": size}
    for (place, _), text in zip(panel.x.ticks, panel.aside, strict=True):
        axes.text(right, place, text, transform=axes.get_yaxis_transform(), gid="aside", **style)


# Axes -------------------------------------------------------------------------------------------

Ticks = list[tuple[float, str]]


def _limit(axes: Axes, panel: Plot) -> None:
    across, up = panel.axes
    places = [x for series in panel.series for x in series.x]
    if across.log:
        axes.set_xscale("log")
    if across.range:
        axes.set_xlim(*across.range)
    elif places:
        air = 0.0 if any(series.look == "area" for series in panel.series) else 0.03
        air *= max(places) - min(places) or 1.0
        axes.set_xlim(min(places) - air, max(places) + air)
    if up.range:
        axes.set_ylim(*(reversed(up.range) if panel.lying else up.range))


def _tick(axis: XAxis | YAxis, ticks: Ticks) -> None:
    axis.set_major_locator(FixedLocator([place for place, _ in ticks]))
    axis.set_major_formatter(FixedFormatter([name for _, name in ticks]))


def _x_ticks(axes: Axes, axis: Axis, page: Page, block: Block) -> Ticks:
    """The ticks that are written: those of numbers all, of names those that do not touch."""
    size = page.preset.text
    gap = size / 72 * 0.6
    low, high = axes.get_xlim()
    if axis.ticks:
        return _apart(axis, (low, high), block.width, page, gap)
    every = [_rounds(count, low, high) for count in (5, 4, 3, 2, 1)]
    widths = [sum(page.ruler.width(name, size) + gap for _, name in ticks) for ticks in every]
    return next((ticks for ticks, wide in zip(every, widths, strict=True) if wide <= block.width), every[-1])


def _rounds(count: int, low: float, high: float) -> Ticks:
    """Round numbers of an axis."""
    places = MaxNLocator(count).tick_values(low, high)
    return [(float(place), tick_text(place)) for place in places if low <= place <= high]


def _apart(axis: Axis, ends: tuple[float, float], width: float, page: Page, gap: float) -> Ticks:
    """The named places that are written: of layers every k-th, of others those that do not touch."""
    low, high = map(axis.scaled, ends)

    def touch(ticks: Ticks) -> bool:
        places = [(axis.scaled(place) - low) / (high - low) * width for place, _ in ticks]
        halves = [page.ruler.width(name, page.preset.text) / 2 for _, name in ticks]
        both = pairwise(zip(places, halves, strict=True))
        return any(a + half + gap > b - other for (a, half), (b, other) in both)

    ticks = list(axis.ticks)
    for step in (2, 5, 10, 20, 50, 100):
        if not touch(ticks):
            break
        if axis.log:
            ticks = list(axis.ticks[::-step][::-1])
        else:
            ticks = [(place, name) for place, name in axis.ticks if place >= 0 and place % step == 0]
    return ticks


def _y_ticks(axes: Axes, page: Page, block: Block, panel: Plot) -> Ticks:
    """The names of rows, or round numbers: only their marks, where the panel to the left has the names."""
    room = block.height / (page.preset.line * 0.92)
    if panel.lying:
        step = max(1, int(np.ceil(len(panel.x.ticks) / max(room, 1))))
        # None where the panel to the left has the names.
        return [(place, name) for (place, _), name in zip(panel.x.ticks, block.names, strict=False)][::step]
    ticks = _rounds(max(1, min(5, int(room / 1.6))), *sorted(axes.get_ylim()))
    return ticks if block.names else [(place, "") for place, _ in ticks]


def tick_text(value: float) -> str:
    """A number of an axis.

    >>> tick_text(-0.25), tick_text(1e-17), tick_text(200.0)
    ('−0.25', '0', '200')
    """
    return f"{0.0 if abs(value) < 1e-12 else value:g}".replace("-", "−")
