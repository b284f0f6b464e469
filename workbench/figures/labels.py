"""Where short labels of points go, so that none lies on another or on a point: plain geometry."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from workbench.figures.spec import Plot

_STEPS, _RISES = 8, 12
"""How far to the side and up or down a label may go, in halves of its width and quarters of its height."""
Place = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """Middle, width and height."""

    x: float
    y: float
    width: float
    height: float

    def touches(self, other: "Box") -> bool:
        """Whether the two have a place in common."""
        return (
            abs(self.x - other.x) < (self.width + other.width) / 2
            and abs(self.y - other.y) < (self.height + other.height) / 2
        )

    def inside(self, width: float, height: float) -> bool:
        """Whether it lies in a panel of this size whole."""
        return (
            self.width / 2 <= self.x <= width - self.width / 2
            and self.height / 2 <= self.y <= height - self.height / 2
        )


def beside_points(
    points: Sequence[Place], sizes: Sequence[Place], panel: Place, mark: float, lines: Sequence[Place] = ()
) -> list[Place | None]:
    """The middle of each point's label: the free place nearest to it, or None where there is none.

    Points, `sizes` of labels, the size of the panel and that of a `mark` are all in one unit; `lines` are the
    corners of a stair that no label may lie on.
    """
    fixed = [Box(x, y, mark, mark) for x, y in points]
    fixed += [Box((a + c) / 2, (b + d) / 2, abs(c - a), abs(d - b)) for (a, b), (c, d) in pairwise(lines)]
    taken: list[Box] = []
    found: dict[int, Place | None] = {}
    # From the top down, so that of points above each other labels fall to the right and left in turn.
    for at in sorted(range(len(points)), key=lambda at: (-points[at][1], points[at][0])):
        wide, high = sizes[at]
        found[at] = None
        for across, up in _offsets(wide, high, mark):
            box = Box(points[at][0] + across, points[at][1] + up, wide, high)
            if box.inside(*panel) and not any(box.touches(other) for other in (*fixed, *taken)):
                taken.append(box)
                found[at] = (box.x, box.y)
                break
    return [found[at] for at in range(len(points))]


def corners(panel: Plot) -> list[Place]:
    """Of the stair that joins some estimates, in the units of the axes."""
    lines = [one for one in panel.series if one.role == "reference"]
    return [(x, y) for one in lines[:1] for x, y in zip(one.x, one.y, strict=True) if y is not None]


def is_far(point: Place, label: Place, size: Place, mark: float) -> bool:
    """Whether a label stands so far from its point that a line has to say whose it is."""
    across, up = (abs(a - b) for a, b in zip(point, label, strict=True))
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
