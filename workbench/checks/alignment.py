"""Shifts and scrambles of one side against another, decoded from the text and located by rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.checks.association import Array, Rows, constant_offset, profiles
from workbench.checks.evidence import REACH, SHIFTS, Evidence
from workbench.checks.path import ALIGNED, SCRAMBLED, Stretch, emissions, stretches, threshold, viterbi

MIN_ROWS = 50
"""With fewer rows there is too little to learn the languages from."""
_ROUNDS = 4
_SHIFT_ROWS, _SCRAMBLE_ROWS = 15, 30
"""Shorter ones are for a person to look at: a verse cut elsewhere looks the same."""
_LIKE = 0.4
"""A shift is one if its rows match there at least so well as the good rows do where they are."""


@dataclass(frozen=True)
class Alignment:
    """What is wrong with the order of two sides."""

    stretches: tuple[Stretch, ...]
    """Shifts and scrambles."""
    doubtful: tuple[Stretch, ...]
    """Stretches too short or too unclear to be called so."""
    match: float
    """Mean ℓ of the rows where they were found to belong, in nats: how much the text gives away."""
    needed: float
    """The gain, in nats, that a stretch had to exceed: more than this file's good rows give by chance."""


def align(a: tuple[str, ...], b: tuple[str, ...], more: Sequence[Array] = ()) -> Alignment:
    """Decode which rows of two sides belong together; learned, decoded and learned again without damage."""
    n = len(a)
    both = profiles(a, b)
    evidence = Evidence(a, b, both, more)
    path = np.full(n, ALIGNED + constant_offset(both, SHIFTS))
    for _ in range(_ROUNDS):
        offsets, usable = _pairing(path)
        ratios = evidence.ratios(offsets, usable)
        emitted = emissions(ratios)
        needed = threshold(emitted, viterbi(emitted, 6.0))
        found = viterbi(emitted, needed / 2)
        if np.mean(found != path) < 0.005 or (found != SCRAMBLED).sum() < MIN_ROWS:
            path = found
            break
        path = found
    good = emitted[np.arange(n), path][path != SCRAMBLED]
    match = float(good.mean()) if len(good) else 0.0
    apart = float(-ratios[:, [0, -1]].mean())
    sure: list[Stretch] = []
    doubtful: list[Stretch] = []
    for stretch in _joined(stretches(emitted, path)):
        if stretch.gain > needed:
            (sure if _is_clear(stretch, match, apart) else doubtful).append(stretch)
    return Alignment(tuple(sure), tuple(doubtful), match, needed)


def _pairing(path: Rows) -> tuple[Rows, Rows]:
    """The offset of each row's partner, and the rows that have one, each partner once."""
    rows = np.arange(len(path))
    offsets = np.where(path == SCRAMBLED, 0, path - SHIFTS)
    partners = rows + offsets
    usable = rows[(path != SCRAMBLED) & (partners >= 0) & (partners < len(path))]
    _, first = np.unique(partners[usable], return_index=True)
    return offsets, usable[np.sort(first)]


def _is_clear(stretch: Stretch, match: float, apart: float) -> bool:
    if stretch.state == SCRAMBLED:
        return len(stretch) >= _SCRAMBLE_ROWS and stretch.gain / len(stretch) > _LIKE * apart
    return len(stretch) >= _SHIFT_ROWS and stretch.match > _LIKE * match


def _joined(found: list[Stretch]) -> list[Stretch]:
    """Stretches with the few rows at their edges or inside them that fit elsewhere by chance, or nowhere."""
    out: list[Stretch] = []
    for stretch in found:
        last = out[-1] if out else None
        if last is not None and stretch.first == last.last + 1:
            small, large = sorted((last, stretch), key=len)
            if small.state == large.state or (len(small) <= REACH and 3 * len(small) <= len(large)):
                gain = last.gain + stretch.gain
                out[-1] = Stretch(last.first, stretch.last, large.state, gain, large.match)
                continue
        out.append(stretch)
    return out
