"""Shifts and scrambles of one side against another, decoded from the text and located by rows.

The sides are aligned, shifted or scrambled along the best path through ℓ(i, d):

    states   aligned (offset 0), shifted by k, scrambled (no offset says more than chance: ℓ = 0)
    path     = argmax Σ_i ℓ(i, state) − cost · changes of state      (Viterbi)

The price of leaving the aligned state comes from the file: what a detour gains on the file's own rows
put into random order, where every detour is a mistake.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.checks.association import Array, Rows, constant_offset, profiles
from workbench.checks.evidence import REACH, SHIFTS, Evidence

SCRAMBLED = 2 * SHIFTS + 1
ALIGNED = SHIFTS
"""States are numbered by their offset + SHIFTS; the last one is scrambled."""
_FLOOR = 12.0
_ORDERS = 60
_RUN = 8
MIN_ROWS = 50
"""With fewer rows there is too little to learn the languages from."""
_ROUNDS = 4
_SHIFT_ROWS, _SCRAMBLE_ROWS = 15, 30
"""Shorter ones are for a person to look at: a verse cut elsewhere looks the same."""
_LIKE = 0.4
"""A shift is one if its rows match there at least so well as the good rows do where they are."""


@dataclass(frozen=True)
class Stretch:
    """Rows first … last in one state that is not the aligned one."""

    first: int
    last: int
    state: int
    gain: float
    """By how much, in nats, the rows fit this state better than the aligned one."""
    match: float
    """Mean ℓ of the rows in this state, 0 where scrambled."""

    def __len__(self) -> int:
        return self.last - self.first + 1

    @property
    def offset(self) -> int | None:
        """Row i of the first side goes with row i + offset of the second; None where scrambled."""
        return None if self.state == SCRAMBLED else self.state - SHIFTS


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


# The best path.


def emissions(ratios: Array) -> Array:
    """What each row says for each state."""
    middle = ratios[:, REACH - SHIFTS : REACH + SHIFTS + 1]
    return np.concatenate([middle, np.zeros((len(ratios), 1), dtype=np.float32)], axis=1)


def viterbi(emitted: Array, cost: float) -> Rows:
    """The best state of each row, with a price on each change."""
    n, states = emitted.shape
    score = emitted[0].astype(np.float64)
    came = np.empty((n, states), dtype=np.int64)
    stay = np.arange(states)
    for i in range(1, n):
        best = int(np.argmax(score))
        change = score[best] - cost > score
        came[i] = np.where(change, best, stay)
        score = np.where(change, score[best] - cost, score) + emitted[i]
    path = np.empty(n, dtype=np.int64)
    path[-1] = int(np.argmax(score))
    for i in range(n - 1, 0, -1):
        path[i - 1] = came[i, path[i]]
    return path


def threshold(emitted: Array, path: Rows, seed: int = 0) -> float:
    """The largest gain of a detour over the file's own aligned rows, in runs put into random order."""
    kept = emitted[path == ALIGNED]
    runs = len(kept) // _RUN
    if runs < 2:
        return _FLOOR
    detour = (kept - kept[:, [ALIGNED]])[: runs * _RUN].reshape(runs, _RUN, -1)
    rng = np.random.default_rng(seed)
    worst = 0.0
    for _ in range(_ORDERS):
        total = np.cumsum(detour[rng.permutation(runs)].reshape(runs * _RUN, -1), axis=0)
        total = np.vstack([np.zeros((1, total.shape[1])), total])
        worst = max(worst, float((total - np.minimum.accumulate(total, axis=0)).max()))
    return max(_FLOOR, 1.5 * worst)


def stretches(emitted: Array, path: Rows) -> list[Stretch]:
    """The maximal runs of rows in one state other than the aligned one."""
    edges = np.flatnonzero(np.diff(path)) + 1
    found = []
    for rows in np.split(np.arange(len(path)), edges):
        state = int(path[rows[0]])
        if state != ALIGNED:
            mine = emitted[rows]
            gain = float((mine[:, state] - mine[:, ALIGNED]).sum())
            found.append(Stretch(int(rows[0]), int(rows[-1]), state, gain, float(mine[:, state].mean())))
    return found
