"""Damage to plant: what was done, and where."""

import numpy as np

from workbench.checks import Finding, Report
from workbench.text import ParallelText

Planted = tuple[str, int, int, int | None]
"""Kind, first row, last row, offset."""


def with_side(text: ParallelText, side: list[str]) -> ParallelText:
    source, target = text.languages
    n = min(len(text), len(side))
    return ParallelText({source: text[source][:n], target: tuple(side[:n])})


def shifted(text: ParallelText, rng: np.random.Generator) -> tuple[ParallelText, Planted]:
    """The second side one to three rows too late or too early from some row on, 30 rows at least."""
    side = list(text[text.languages[1]])
    n, offset = len(side), int(rng.choice([-3, -2, -1, 1, 2, 3]))
    row = int(rng.integers(5, n - 36))
    if offset > 0:
        extra = [side[i] for i in rng.integers(0, n, offset)]
        damaged = with_side(text, side[:row] + extra + side[row:])
    else:
        damaged = with_side(text, side[:row] + side[row - offset :])
    return damaged, ("shift", row, len(damaged) - 1, offset)


def scrambled(text: ParallelText, rng: np.random.Generator, rows: int = 60) -> tuple[ParallelText, Planted]:
    """A run of rows of the second side in another order."""
    side = list(text[text.languages[1]])
    first = int(rng.integers(0, len(side) - rows))
    side[first : first + rows] = [side[first + i] for i in rng.permutation(rows)]
    return with_side(text, side), ("scramble", first, first + rows - 1, None)


def is_found(report: Report, planted: Planted, within: int = 20) -> bool:
    return any(_is(finding, planted, within) for finding in report.alarms)


def _is(finding: Finding, planted: Planted, within: int) -> bool:
    kind, first, last, offset = planted
    if finding.kind != kind or finding.offset != offset:
        return False
    [(a, b)] = finding.spans
    return abs(a - first) <= within and abs(b - last) <= within


def misplaced(report: Report) -> list[Finding]:
    return [f for f in report.alarms if f.kind in ("shift", "scramble", "unrelated")]
