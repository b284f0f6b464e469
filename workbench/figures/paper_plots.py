"""Curves, clouds, bands, bars and estimates on paper."""

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from workbench.figures.labels import beside_points, corners, is_far
from workbench.figures.look import AREAS, BLACK, SCATTERED, colour_of, dash_of, marker_of
from workbench.figures.paper_layout import PAD, Block, Page, Ruler
from workbench.figures.spec import Axis, Plot, Series, Value

_FEW = 24
"""Markers stand on curves of up to so many places."""


def draw_plot(axes: Axes, page: Page, block: Block) -> None:
    """One panel of series."""
    panel = block.panel
    assert isinstance(panel, Plot)
    ruler = page.ruler
    for value in panel.lines:
        low, high = panel.y.range or (-np.inf, np.inf)
        if low <= value <= high:
            draw = axes.axvline if panel.lying else axes.axhline
            draw(value, color="#aaaaaa", linewidth=0.6, zorder=0.5, gid="zero")
    if panel.marked is not None:
        axes.axvline(panel.marked, color="#777777", linewidth=0.6, linestyle="dotted", gid="zero")
    for series in panel.series:
        _DRAW[series.look](axes, series, panel, page.preset.text / 7)
    across, down = (panel.y, panel.x) if panel.lying else (panel.x, panel.y)
    _limit(axes, panel, across, down)
    _x_ticks(axes, across, page, block, ruler)
    _y_ticks(axes, down, page, block, lying=panel.lying)
    if block.x_title and across.title:
        axes.set_xlabel(across.title, labelpad=1.5)
    if block.y_title and down.title:
        axes.set_ylabel(down.title, labelpad=2, y=page.middle(down.title, block))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    _labels(axes, page, block)
    if panel.aside:
        _aside(axes, page, block)


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


def plain(values: tuple[Value, ...]) -> np.ndarray:
    """Values as numbers, those that are missing as NaN."""
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _line(axes: Axes, series: Series, panel: Plot, wide: float) -> None:
    colour, x = colour_of(series), np.array(series.x)
    if series.low and series.high:
        low, high = plain(series.low), plain(series.high)
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0, gid="band")
    faint = series.role == "faint"
    marked = len(x) <= _FEW and not faint and series.role != "reference"
    axes.plot(
        x,
        plain(series.y),
        color=colour,
        linestyle=dash_of(series),
        marker=marker_of(series) if marked else None,
        linewidth=(0.4 if faint else 1.0) * wide,
        zorder=1.5 if faint else 2.5,
        gid=series.name,
    )


def _points(axes: Axes, series: Series, panel: Plot, wide: float) -> None:
    axes.plot(
        np.array(series.x),
        plain(series.y),
        linestyle="none",
        marker=marker_of(series),
        color=colour_of(series),
        alpha=0.8,
        markeredgewidth=0,
        gid=series.name,
    )


def _cloud(axes: Axes, series: Series, panel: Plot, wide: float) -> None:
    _scatter(axes, series, 2.2 * wide, alpha=0.5, markeredgewidth=0, zorder=2)


def _mean(axes: Axes, series: Series, panel: Plot, wide: float) -> None:
    _scatter(axes, series, 6.5 * wide, markeredgecolor=BLACK, markeredgewidth=0.8 * wide, zorder=3)


def _scatter(axes: Axes, series: Series, size: float, **style: Any) -> None:
    axes.plot(
        np.array(series.x),
        plain(series.y),
        linestyle="none",
        marker=marker_of(series),
        markersize=size,
        color=colour_of(series),
        gid=series.name,
        **style,
    )


def _bars(axes: Axes, series: Series, panel: Plot, wide: float) -> None:
    y = plain(series.y)
    axes.barh(
        np.array(series.x),
        y,
        height=0.7,
        color=colour_of(series),
        edgecolor="#555555",
        linewidth=0.3,
        gid=series.name,
    )
    if series.low and series.high:
        reach = np.abs(np.stack([y - plain(series.low), plain(series.high) - y]))
        axes.errorbar(
            y, series.x, xerr=reach, fmt="none", ecolor="#222222", elinewidth=0.8 * wide, capsize=1.5 * wide
        )


def _area(axes: Axes, series: Series, panel: Plot, wide: float) -> None:
    axes.fill_between(
        np.array(series.x),
        plain(series.low),
        plain(series.high),
        facecolor=AREAS[series.slot % len(AREAS)],
        edgecolor="white",
        linewidth=0.4,
        gid=series.name,
    )


MARK = 4.2
"""Size of a mark in points, where text has seven."""


def _estimates(axes: Axes, series: Series, panel: Plot, wide: float) -> None:
    """Marks of one series, with their intervals behind them."""
    colour = colour_of(series)
    turned = -1 if panel.lying else 1
    if series.low and series.high:
        ends = [
            [(place, low)[::turned], (place, high)[::turned]]
            for place, low, high in zip(series.x, series.low, series.high, strict=True)
            if low is not None and high is not None
        ]
        whiskers = LineCollection(ends, colors=[colour], linewidths=0.9 * wide, gid="whisker", zorder=2.2)
        axes.add_collection(whiskers, autolim=False)
    x, y = (series.y, series.x) if panel.lying else (series.x, series.y)
    hollow = series.hollow or (False,) * len(series.x)
    control = series.role == "control"
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


def _labels(axes: Axes, page: Page, block: Block) -> None:
    """A label beside each estimate that has one, with a line to it where it stands further off."""
    panel, size = block.panel, page.preset.text
    assert isinstance(panel, Plot)
    marked = [
        (x, y, label)
        for series in panel.series
        for x, y, label in zip(series.x, series.y, series.labels, strict=False)
        if y is not None
    ]
    if not marked:
        return
    box = np.array([block.width, block.height])
    to_box = axes.transData + axes.transAxes.inverted()

    def placed(found: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(float(x), float(y)) for x, y in to_box.transform(found) * box] if found else []

    points = placed([(x, y) for x, y, _ in marked])
    mark = MARK * size / 7 / 72 * 1.15
    apart = size / 72 * 0.4
    sizes = [(page.ruler.width(label, size) + apart, page.preset.line * 0.88) for *_, label in marked]
    lines = placed(corners(panel))
    places = beside_points(points, sizes, (block.width, block.height), mark, lines)
    leaders = []
    for (_, _, label), here, there, room in zip(marked, points, places, sizes, strict=True):
        if there is None:
            continue
        x, y = there[0] / block.width, there[1] / block.height
        axes.text(
            x,
            y,
            label,
            transform=axes.transAxes,
            ha="center",
            va="center_baseline",
            size=size,
            zorder=4,
            gid="label",
        )
        if is_far(here, there, room, mark):
            # From the point to the near end of the label.
            end = x + (-1 if there[0] > here[0] else 1) * room[0] / 2 / block.width
            leaders.append([(here[0] / block.width, here[1] / block.height), (end, y)])
    axes.add_collection(
        LineCollection(
            leaders,
            colors="#888888",
            linewidths=0.4,
            transform=axes.transAxes,
            zorder=2,
            gid="leader",
        ),
        autolim=False,
    )


def _aside(axes: Axes, page: Page, block: Block) -> None:
    """The texts to the right of named places, and what they say below them."""
    panel, size = block.panel, page.preset.text
    assert isinstance(panel, Plot)
    right = 1 + _aside_from(page, size) / block.width
    for (place, _), text in zip(panel.x.ticks, panel.aside, strict=True):
        axes.text(
            right,
            place,
            text,
            transform=axes.get_yaxis_transform(),
            va="center_baseline",
            ha="left",
            size=size,
            gid="aside",
        )
    below = -(page.preset.line * 0.75 + 2.5 * size / 7 / 72) / block.height
    axes.text(
        right,
        below,
        panel.aside_title,
        transform=axes.transAxes,
        va="center_baseline",
        ha="left",
        size=size,
        gid="aside title",
    )


def _aside_from(page: Page, size: float) -> float:
    """How far to the right of axes these texts begin: a number below the end of the axis keeps its room."""
    return page.ruler.width("80", size) / 2 + PAD


_DRAW = {"line": _line, "points": _points, "bars": _bars, "area": _area, "cloud": _cloud, "mean": _mean} | {
    "estimates": _estimates
}


def _limit(axes: Axes, panel: Plot, across: Axis, down: Axis) -> None:
    if across.log:
        axes.set_xscale("log")
    if across.range:
        axes.set_xlim(*across.range)
    elif panel.series and any(series.x for series in panel.series):
        places = [x for series in panel.series for x in series.x]
        air = 0.0 if any(series.look == "area" for series in panel.series) else 0.03
        air *= max(places) - min(places) or 1.0
        axes.set_xlim(min(places) - air, max(places) + air)
    if down.range:
        axes.set_ylim(*(reversed(down.range) if panel.lying else down.range))


def _x_ticks(axes: Axes, axis: Axis, page: Page, block: Block, ruler: Ruler) -> None:
    size = page.preset.text
    gap = size / 72 * 0.6
    if axis.ticks:
        shown = _apart(axes, axis, block.width, ruler, size, gap)
    else:
        low, high = axes.get_xlim()
        for count in (5, 4, 3, 2, 1):
            places = [p for p in MaxNLocator(count).tick_values(low, high) if low <= p <= high]
            shown = [(float(place), tick_text(place)) for place in places]
            if sum(ruler.width(name, size) + gap for _, name in shown) <= block.width:
                break
    axes.xaxis.set_major_locator(FixedLocator([place for place, _ in shown]))
    axes.xaxis.set_major_formatter(FixedFormatter([name for _, name in shown]))
    axes.xaxis.set_minor_locator(NullLocator())


def _apart(
    axes: Axes, axis: Axis, width: float, ruler: Ruler, size: float, gap: float
) -> list[tuple[float, str]]:
    """The named places that are written: of layers every k-th, of others those that do not touch."""
    low, high = axes.get_xlim()
    scaled = np.log if axis.log else np.asarray
    low, high = float(scaled(low)), float(scaled(high))

    def touches(ticks: list[tuple[float, str]]) -> bool:
        ends = [
            ((float(scaled(place)) - low) / (high - low) * width, ruler.width(name, size) / 2)
            for place, name in ticks
        ]
        return any(a + wide + gap > b - other for (a, wide), (b, other) in pairwise(ends))

    ticks = list(axis.ticks)
    for step in (2, 5, 10, 20, 50, 100):
        if not touches(ticks):
            return ticks
        if axis.log:
            ticks = [axis.ticks[at] for at in range(len(axis.ticks) - 1, -1, -step)][::-1]
        else:
            ticks = [(place, name) for place, name in axis.ticks if place >= 0 and place % step == 0]
    return ticks


def _y_ticks(axes: Axes, axis: Axis, page: Page, block: Block, lying: bool) -> None:
    room = block.height / (page.preset.line * 0.92)
    if lying:
        step = max(1, int(np.ceil(len(axis.ticks) / max(room, 1))))
        shown = (
            list(zip((place for place, _ in axis.ticks), block.names, strict=True))[::step]
            if block.names
            else []
        )
        axes.tick_params(axis="y", length=0)
    else:
        low, high = sorted(axes.get_ylim())
        places = MaxNLocator(max(1, min(5, int(room / 1.6)))).tick_values(low, high)
        shown = [(float(place), tick_text(place)) for place in places if low <= place <= high]
    if not block.names:
        shown = [(place, "") for place, _ in shown] if not lying else []
    axes.yaxis.set_major_locator(FixedLocator([place for place, _ in shown]))
    axes.yaxis.set_major_formatter(FixedFormatter([name for _, name in shown]))


def tick_text(value: float) -> str:
    """A number of an axis.

    >>> tick_text(-0.25), tick_text(1e-17), tick_text(200.0)
    ('−0.25', '0', '200')
    """
    return f"{0.0 if abs(value) < 1e-12 else value:g}".replace("-", "−")
