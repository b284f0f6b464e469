"""Where short labels of points go, so that none lies on another or on a point: plain geometry."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from workbench.figures.spec import Plot

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
    corners of a stair that no label may lie on.
    """
    taken: list[Box] = [(x, y, mark, mark) for x, y in points]
    taken += [((a + c) / 2, (b + d) / 2, abs(c - a), abs(d - b)) for (a, b), (c, d) in pairwise(lines)]
    found: dict[int, Place] = {}
    # From the top down, so that of points above each other labels fall to the right and left in turn.
    for at in sorted(range(len(points)), key=lambda at: (-points[at][1], points[at][0])):
        for across, up in _offsets(*sizes[at], mark):
            box = (points[at][0] + across, points[at][1] + up, *sizes[at])
            if _is_inside(box, panel) and not any(_touch(box, other) for other in taken):
                taken.append(box)
                found[at] = box[:2]
                break
    return [found.get(at) for at in range(len(points))]


def _touch(one: Box, other: Box) -> bool:
    """Whether two boxes have a place in common."""
    across, up = abs(one[0] - other[0]), abs(one[1] - other[1])
    return across < (one[2] + other[2]) / 2 and up < (one[3] + other[3]) / 2


def _is_inside(box: Box, panel: Place) -> bool:
    """Whether a box lies whole in a panel of this size."""
    (x, y, wide, high), (right, top) = box, panel
    return wide / 2 <= x <= right - wide / 2 and high / 2 <= y <= top - high / 2


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
    return [
        Label(label, x, y, point, place, room, _is_far(point, place, room, mark))
        for (x, y, label), point, place, room in zip(marked, points, places, sizes, strict=True)
        if place is not None
    ]


def _is_far(point: Place, label: Place, size: Place, mark: float) -> bool:
    """Whether a label stands so far from its point that a line has to say whose it is."""
    across, up = abs(point[0] - label[0]), abs(point[1] - label[1])
    return across > size[0] / 2 + mark * 1.2 or up > size[1] / 2 + mark * 0.8


def _offsets(wide: float, high: float, mark: float) -> list[Place]:
    """Steps from a point to its label, the best first: beside it, then above and below, then further off."""
    beside, above = (wide + mark) / 2 * 1.05, (high + mark) / 2 * 1.05
    found = [(0.0, above), (0.0, -above)]
    for step in range(_STEPS):
        for rise in range(-_RISES, _RISES + 1):
            across, up = beside + step * wide / 2, rise * high / 4
            found += [(across, up), (-across, up)]
    # To the side costs less than up or down: the eye finds the point at the same height.
    return sorted(found, key=lambda one: (round(math.hypot(one[0] / 2, one[1]) / high, 2), -one[0], -one[1]))
