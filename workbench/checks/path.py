"""Where along the rows the sides are aligned, shifted or scrambled: the best path through ℓ(i, d).

    states   aligned (offset 0), shifted by k, scrambled (no offset says more than chance: ℓ = 0)
    path     = argmax Σ_i ℓ(i, state) − cost · changes of state      (Viterbi)

The price of leaving the aligned state comes from the file: what a detour gains on the file's own rows
put into random order, where every detour is a mistake.
"""

from dataclasses import dataclass

import numpy as np

from workbench.checks.association import Array, Rows
from workbench.checks.evidence import REACH, SHIFTS

SCRAMBLED = 2 * SHIFTS + 1
ALIGNED = SHIFTS
"""States are numbered by their offset + SHIFTS; the last one is scrambled."""
_FLOOR = 12.0
_ORDERS = 60
_RUN = 8


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
