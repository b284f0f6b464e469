"""Estimates on paper: marks with whiskers, full or hollow, numbered where they are asked to be."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from workbench.figures.labels import beside_points, corners, is_far
from workbench.figures.look import colour_of, marker_of
from workbench.figures.paper_layout import PAD, Block, Page
from workbench.figures.spec_parts import Plot, Series

MARK = 4.2
"""Size of a mark in points, where text has seven."""


def draw_estimates(axes: Axes, series: Series, panel: Plot, wide: float) -> None:
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


def draw_labels(axes: Axes, page: Page, block: Block) -> None:
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


def draw_aside(axes: Axes, page: Page, block: Block) -> None:
    """The texts to the right of named places, and what they say below them."""
    panel, size = block.panel, page.preset.text
    assert isinstance(panel, Plot)
    right = 1 + aside_from(page, size) / block.width
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


def aside_from(page: Page, size: float) -> float:
    """How far to the right of axes these texts begin: a number below the end of the axis keeps its room."""
    return page.ruler.width("80", size) / 2 + PAD
