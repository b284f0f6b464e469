"""The evidence that row i of one side says what row i + d of the other does, as log-likelihood ratios.

    ℓ(i, d) = log p(what the two rows show | translations) − log p(… | neighbours that are not)

What rows show: words that go together (learned from the file), shared n-grams (cognates, names,
numbers), lengths, and the mark they end in. Everything is a matrix of rows × offsets; one made from a
model's states joins as one more.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np

from workbench.checks.association import (
    MAX_FIT,
    Array,
    Profiles,
    Rows,
    associated,
    banded,
    resembling,
    weights,
)

SHIFTS = 3
"""Shifts that are told apart: up to three rows either way."""
REACH = 8
"""Offsets at which rows are compared; beyond SHIFTS of the true one they show what chance looks like."""
_CLIP = 5.0
_MARKS = str.maketrans("。．।۔؟？！：；؛", "....??!:;;")


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
        columns = np.arange(2 * REACH + 1) - REACH
        apart = np.abs(columns[None, :] - offsets[:, None])
        mine = np.zeros(len(self), dtype=bool)
        mine[aligned] = True
        positive = mine[:, None] & (apart == 0) & inside
        negative = mine[:, None] & (apart > SHIFTS) & inside
        x = np.concatenate([features[positive], features[negative]])
        y = np.repeat([1, 0], [int(positive.sum()), int(negative.sum())])
        model = LogisticRegression(class_weight="balanced", C=1.0).fit(x, y)
        logit = features @ model.coef_[0] + model.intercept_[0]
        return np.where(inside, np.clip(logit, -_CLIP, _CLIP), 0).astype(np.float32)

    def _features(self, offsets: Rows, aligned: Rows) -> Array:
        rows = _thinned(aligned)
        partners = rows + offsets[rows]
        there = associated(weights(self.both.a, rows, REACH + SHIFTS), self.both.b, partners, REACH)
        order = np.argsort(partners)
        back = weights(self.both.b, partners[order], REACH + 2 * SHIFTS)
        other = associated(back, self.both.a, rows[order], REACH)
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


def _thinned(rows: Rows) -> Rows:
    """At most MAX_FIT of the rows, evenly spread."""
    return rows if len(rows) <= MAX_FIT else rows[np.linspace(0, len(rows) - 1, MAX_FIT).astype(np.int64)]
