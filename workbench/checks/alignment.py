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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Array = NDArray[np.float32]
Rows = NDArray[np.int64]
Profiles = tuple[Any, Any]
"""Sentences of two sides as rows of sparse unit vectors over the same n-grams."""

RIDGE = 1.0
"""λ, where a sentence's similarity to itself is 1; from 0.3 to 3 the results hardly differ."""
MAX_FIT = 1000
"""Fitting rows at most: the time grows with their cube, and more hardly helps."""
_BACKGROUND = 400
_BLOCK = 16
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
    if (runs := len(kept) // _RUN) < 2:
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
        if (state := int(path[rows[0]])) != ALIGNED:
            own, aligned = emitted[rows][:, [state, ALIGNED]].T
            gain = float((own - aligned).sum())
            out.append(Stretch(int(rows[0]), int(rows[-1]), state, gain, float(own.mean())))
    return out


# The evidence.


class Evidence:
    """What two sides show of each other, at every offset; learned anew from the rows believed aligned."""

    def __init__(self, a: tuple[str, ...], b: tuple[str, ...], both: Profiles, more: Sequence[Array] = ()):
        self.a, self.b = both
        self.fixed = [resembling(both, REACH), *(np.asarray(matrix, np.float32) for matrix in more)]
        self.lengths = [np.log1p(np.array([len(s) for s in side], dtype=np.float32)) for side in (a, b)]
        self.marks = [np.array([_mark(s) for s in side]) for side in (a, b)]

    def __len__(self) -> int:
        return int(self.a.shape[0])

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
        # All features are finite; some BLAS raise flags on what they compute beyond the end of a matrix.
        with np.errstate(all="ignore"):
            model = LogisticRegression(class_weight="balanced", C=1.0).fit(x, y)
            logit = features @ model.coef_[0] + model.intercept_[0]
        return np.where(inside, np.clip(logit, -_CLIP, _CLIP), 0).astype(np.float32)

    def _features(self, offsets: Rows, aligned: Rows) -> Array:
        rows = aligned[spread_rows(len(aligned), MAX_FIT)]
        partners = rows + offsets[rows]
        order = np.argsort(partners)
        every = np.arange(len(self))
        a = similarities(self.a, self.a[rows])
        b = similarities(self.b, self.b[partners])
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


# Association between rows of two sides, learned from the file itself.
#
#     K_a, K_b      similarity of two sentences of one side: cosine of tf-idf n-grams
#     w_i           = k_a(i, T) (K_a(T, T) + λ)⁻¹   ridge weights of row i over the fitting rows T
#     s(i, j)       = Σ_t w_it K_b(τ(t), j)         does j resemble what rows like i are translated by?
#
# Row i is scored by weights from which all rows near it were left out, its own translation included: a
# pair never vouches for itself, so a wrong pair gains nothing by having been fitted on.


def profiles(a: tuple[str, ...], b: tuple[str, ...]) -> Profiles:
    """Tf-idf of words and of character n-grams within words, one vocabulary for both sides."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    parts = []
    for options in (
        {"analyzer": "char_wb", "ngram_range": (1, 4)},
        {"analyzer": "word", "token_pattern": r"(?u)\w+"},
    ):
        shared = {"sublinear_tf": True, "min_df": 2, "max_df": 0.3, "dtype": np.float32}
        try:
            parts.append(TfidfVectorizer(**options, **shared).fit_transform([*a, *b]))
        except ValueError:  # nothing occurs twice: no evidence of this kind
            continue
    if not parts:
        parts = [csr_matrix((len(a) + len(b), 1), dtype=np.float32)]
    # Each part is of length one (or empty), so that together they are at most of length one.
    both = (hstack(parts) * np.float32(len(parts) ** -0.5)).tocsr()
    return both[: len(a)], both[len(a) :]


def weights(gram: Array, rows: Rows, fitted: Rows, margin: int) -> Array:
    """Ridge weights of rows over the fitting rows, none of which lies within `margin` of the row.

    `gram` holds the similarities (rows × fitted). Both lists of rows are sorted; `fitted` is part of `rows`.
    """
    own = gram[np.searchsorted(rows, fitted)]
    inverse = np.linalg.inv(own + RIDGE * np.eye(len(fitted), dtype=np.float32))
    out = gram @ inverse
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        low, high = rows[block][[0, -1]]
        near = np.flatnonzero((fitted >= low - margin) & (fitted <= high + margin))
        # The inverse without the rows `near`, by the formula for a partitioned matrix.
        out[block] -= gram[block][:, near] @ inverse[near]
        out[block] -= out[block][:, near] @ np.linalg.solve(inverse[np.ix_(near, near)], inverse[near])
        out[block][:, near] = 0
    return np.asarray(out, dtype=np.float32)


def constant_offset(both: Profiles, most: int) -> int:
    """The offset within ±most at which rows foretell each other best; 0 unless another clearly does."""
    a, b = both
    rows = most + spread_rows(a.shape[0] - 2 * most)
    weight = weights(similarities(a[rows], a[rows]), rows, rows, 4 * most)
    gains = {}
    for offset in range(-most, most + 1):
        there = b[rows + offset]
        score = weight @ similarities(there, there)
        gains[offset] = float(((np.diag(score) - score.mean(1)) / _spread(score, 1)).mean())
    best = max(gains, key=lambda offset: gains[offset])
    return best if gains[best] > 1.2 * max(gains[0], 0) + 0.1 else 0


def associated(weight: Array, gram: Array, reach: int) -> Array:
    """Scores of row i with row i + d of the other side, d from −reach to reach, as z values.

    `gram` holds the similarities of the other side's rows to the partners of the fitting rows. Scores are
    standardised over other sentences for each i, then for each j: a sentence that goes with everything
    scores high with none.
    """
    n = len(gram)
    some = spread_rows(n)
    raw = banded(lambda i, j: np.einsum("it,it->i", weight[i], gram[j]), n, reach)
    return _standardised(raw, weight @ gram[some].T, weight[some] @ gram.T, some, floored=False)


def resembling(both: Profiles, reach: int) -> Array:
    """z values of the n-grams that row i and row i + d share as they are: cognates, names, numbers."""
    a, b = both
    n = a.shape[0]
    some = spread_rows(n)
    across = similarities(a, b[some])
    raw = banded(lambda i, j: np.asarray(a[i].multiply(b[j]).sum(1)).ravel(), n, reach)
    if not across.any():
        return np.zeros_like(raw)
    return _standardised(raw, across, similarities(a[some], b), some, floored=True)


def spread_rows(n: int, most: int = _BACKGROUND) -> Rows:
    """At most so many rows of n, evenly spread."""
    return np.linspace(0, n - 1, min(n, most)).astype(np.int64)


def _standardised(raw: Array, across: Array, down: Array, some: Rows, floored: bool) -> Array:
    """Scores of rows × offsets as z values: over each row's scores `across`, then over each partner's `down`.

    With `floored`, no spread is below that of all scores together.
    """
    mean, spread = across.mean(1), np.maximum(_spread(across, 1), across.std() if floored else 0)
    z = (raw - mean[:, None]) / spread[:, None]
    down = (down - mean[some, None]) / spread[some, None]
    means, spreads = down.mean(0), np.maximum(_spread(down, 0), down.std() if floored else 0)
    n, reach = len(raw), raw.shape[1] // 2
    at, by = banded(lambda i, j: means[j], n, reach), banded(lambda i, j: spreads[j], n, reach)
    return np.asarray((z - at) / by, dtype=np.float32)


def banded(score: Any, n: int, reach: int) -> Array:
    """The matrix of score(i, i + d) from a function of two slices; NaN where i + d is no row."""
    out = np.full((n, 2 * reach + 1), np.nan, dtype=np.float32)
    for d in range(-reach, reach + 1):
        i = slice(max(0, -d), min(n, n - d))
        if i.start < i.stop:
            out[i, d + reach] = score(i, slice(i.start + d, i.stop + d))
    return out


def _spread(values: Array, axis: int) -> Array:
    spread = values.std(axis)
    return np.where(spread > 1e-9, spread, 1).astype(np.float32)


def similarities(a: Any, b: Any) -> Array:
    """Cosines of the rows of two sparse matrices, which are of length one."""
    return np.asarray((a @ b.T).toarray(), dtype=np.float32)
