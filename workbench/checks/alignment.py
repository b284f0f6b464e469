"""Shifts and scrambles of one side against another, decoded from the text and located by rows.

The evidence that row i of one side says what row i + d of the other does is a log-likelihood ratio:

    ℓ(i, d) = log p(what the two rows show | translations) − log p(… | neighbours that are not)

What rows show: words that go together (learned from the file), shared n-grams (cognates, names,
numbers), lengths, and the mark they end in. Everything is a matrix of rows × offsets; one made from a
model's states joins as one more.

The sides are aligned, shifted or scrambled along the best path through ℓ(i, d):

    states   aligned (offset 0), shifted by k, scrambled (no offset says more than chance: ℓ = 0)
    path     = argmax Σ_i ℓ(i, state) − cost · changes of state      (Viterbi)

The price of leaving the aligned state comes from the file: what a detour gains on the file's own rows
put into random order, where every detour is a mistake.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from workbench.checks.association import (
    MAX_FIT,
    Array,
    Profiles,
    Rows,
    associated,
    banded,
    constant_offset,
    profiles,
    resembling,
    similarities,
    spread_rows,
    weights,
)

SHIFTS = 3
"""Shifts that are told apart: up to three rows either way."""
REACH = 8
"""Offsets at which rows are compared; beyond SHIFTS of the true one they show what chance looks like."""
_CLIP = 5.0
_MARKS = str.maketrans("。．।۔؟？！：；؛", "....??!:;;")
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


def align(a: tuple[str, ...], b: tuple[str, ...], more: Sequence[Array] = ()) -> Alignment:
    """Decode which rows of two sides belong together; learned, decoded and learned again without damage."""
    n = len(a)
    both = profiles(a, b)
    # Threads cost these many small products several times what they give.
    with threadpool_limits(1, "blas"):
        evidence = Evidence(a, b, both, more)
        path = np.full(n, ALIGNED + constant_offset(both, SHIFTS))
        for _ in range(_ROUNDS):
            offsets, usable = _pairing(path)
            ratios = evidence.ratios(offsets, usable)
            emitted = np.pad(ratios[:, REACH - SHIFTS : REACH + SHIFTS + 1], ((0, 0), (0, 1)))
            needed = threshold(emitted, viterbi(emitted, 6.0))
            before, path = path, viterbi(emitted, needed / 2)
            if np.mean(path != before) < 0.005 or (path != SCRAMBLED).sum() < MIN_ROWS:
                break
    good = emitted[np.arange(n), path][path != SCRAMBLED]
    match = float(good.mean()) if len(good) else 0.0
    apart = float(-ratios[:, [0, -1]].mean())
    # The gain needed is more than the file's good rows give by chance.
    gaining = [stretch for stretch in _joined(stretches(emitted, path)) if stretch.gain > needed]
    sure = tuple(stretch for stretch in gaining if _is_clear(stretch, match, apart))
    return Alignment(sure, tuple(stretch for stretch in gaining if stretch not in sure), match)


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


def _joined(runs: list[Stretch]) -> list[Stretch]:
    """Stretches with the few rows at their edges or inside them that fit elsewhere by chance, or nowhere."""
    out: list[Stretch] = []
    for stretch in runs:
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


def viterbi(emitted: Array, cost: float) -> Rows:
    """The best state of each row by what it shows for each (`emitted`), with a price on each change."""
    n, states = emitted.shape
    score = emitted[0].astype(np.float64)
    came = np.tile(np.arange(states), (n, 1))
    for i in range(1, n):
        best = int(np.argmax(score))
        came[i, score[best] - cost > score] = best
        score = np.maximum(score, score[best] - cost) + emitted[i]
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
        total = np.pad(total, ((1, 0), (0, 0))).astype(np.float64)
        worst = max(worst, float((total - np.minimum.accumulate(total, axis=0)).max()))
    return max(_FLOOR, 1.5 * worst)


def stretches(emitted: Array, path: Rows) -> list[Stretch]:
    """The maximal runs of rows in one state other than the aligned one."""
    out = []
    for rows in np.split(np.arange(len(path)), np.flatnonzero(np.diff(path)) + 1):
        state = int(path[rows[0]])
        if state != ALIGNED:
            own, aligned = emitted[rows][:, [state, ALIGNED]].T
            gain = float((own - aligned).sum())
            out.append(Stretch(int(rows[0]), int(rows[-1]), state, gain, float(own.mean())))
    return out


# The evidence.


class Evidence:
    """What two sides show of each other, at every offset; learned anew from the rows believed aligned."""

    def __init__(self, a: tuple[str, ...], b: tuple[str, ...], both: Profiles, more: Sequence[Array] = ()):
        self.both = both
        self.fixed = [resembling(both, REACH), *(np.asarray(matrix, np.float32) for matrix in more)]
        self.lengths = [np.log1p(np.array([len(s) for s in side], dtype=np.float32)) for side in (a, b)]
        self.marks = [np.array([_mark(s) for s in side]) for side in (a, b)]

    def __len__(self) -> int:
        return len(self.both)

    def ratios(self, offsets: Rows, aligned: Rows) -> Array:
        """ℓ (rows × offsets), fitted on the rows `aligned`, whose partners lie `offsets` away."""
        from sklearn.linear_model import LogisticRegression

        features = self._features(offsets, aligned)
        inside = np.isfinite(features).all(-1)
        features = np.nan_to_num(features)
        apart = np.abs(np.arange(-REACH, REACH + 1) - offsets[:, None])
        fitted = np.isin(np.arange(len(self)), aligned)[:, None] & inside
        positive, negative = fitted & (apart == 0), fitted & (apart > SHIFTS)
        x = np.concatenate([features[positive], features[negative]])
        y = np.repeat([1, 0], [int(positive.sum()), int(negative.sum())])
        model = LogisticRegression(class_weight="balanced", C=1.0).fit(x, y)
        logit = features @ model.coef_[0] + model.intercept_[0]
        return np.where(inside, np.clip(logit, -_CLIP, _CLIP), 0).astype(np.float32)

    def _features(self, offsets: Rows, aligned: Rows) -> Array:
        rows = aligned[spread_rows(len(aligned), MAX_FIT)]
        partners = rows + offsets[rows]
        order = np.argsort(partners)
        every = np.arange(len(self))
        a = similarities(self.both.a, self.both.a[rows])
        b = similarities(self.both.b, self.both.b[partners])
        there = associated(weights(a, every, rows, REACH + SHIFTS), b, REACH)
        back = weights(b[:, order], every, partners[order], REACH + 2 * SHIFTS)
        other = associated(back, a[:, order], REACH)
        pairs = aligned, aligned + offsets[aligned]
        features = [there, from_other_side(other), *self.fixed, self._lengths(*pairs), self._marks(*pairs)]
        return np.stack(features, axis=-1)

    def _lengths(self, rows: Rows, partners: Rows) -> Array:
        """−r² of the standardised log length ratio."""
        a, b = self.lengths
        ratio = b[partners] - a[rows]
        middle = np.median(ratio)
        spread = 1.4826 * np.median(np.abs(ratio - middle)) + 0.02
        r = banded(lambda i, j: (b[j] - a[i] - middle) / spread, len(self), REACH)
        return -np.minimum(r * r, 16.0)

    def _marks(self, rows: Rows, partners: Rows) -> Array:
        """log p(last mark of j | that of i) / p(that of j), counted on the pairs believed in."""
        kinds, codes = np.unique(np.concatenate(self.marks), return_inverse=True)
        a, b = codes[: len(self)], codes[len(self) :]
        counts = np.full((len(kinds), len(kinds)), 0.5)
        np.add.at(counts, (a[rows], b[partners]), 1)
        joint = counts / counts.sum()
        table = np.log(joint / joint.sum(1, keepdims=True) / joint.sum(0, keepdims=True)).astype(np.float32)
        return banded(lambda i, j: table[a[i], b[j]], len(self), REACH)


def from_other_side(matrix: Array) -> Array:
    """What was scored from row j to j − d is about the same two rows as from i to i + d."""
    return banded(lambda i, j: matrix[j, i.start - j.start + REACH], len(matrix), REACH)


def _mark(sentence: str) -> str:
    last = sentence.rstrip("\"'”’»)]】」』 \u200b")[-1:].translate(_MARKS)
    return last if last and unicodedata.category(last).startswith("P") else ""
