"""Association between rows of two sides, learned from the file itself.

    K_a, K_b      similarity of two sentences of one side: cosine of tf-idf n-grams
    w_i           = k_a(i, T) (K_a(T, T) + λ)⁻¹   ridge weights of row i over the fitting rows T
    s(i, j)       = Σ_t w_it K_b(τ(t), j)         does j resemble what rows like i are translated by?

Row i is scored by weights from which all rows near it were left out, its own translation included: a
pair never vouches for itself, so a wrong pair gains nothing by having been fitted on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Rows = NDArray[np.int64]

RIDGE = 1.0
"""λ, where a sentence's similarity to itself is 1; from 0.3 to 3 the results hardly differ."""
MAX_FIT = 1000
"""Fitting rows at most: the time grows with their cube, and more hardly helps."""
_BACKGROUND = 400
_BLOCK = 16


@dataclass(frozen=True)
class Profiles:
    """Sentences of both sides as rows of sparse unit vectors over the same n-grams."""

    a: Any
    b: Any

    def __len__(self) -> int:
        return int(self.a.shape[0])


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
    return Profiles(both[: len(a)], both[len(a) :])


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
    n = len(both)
    rows = most + spread_rows(n - 2 * most)
    weight = weights(similarities(both.a[rows], both.a[rows]), rows, rows, 4 * most)
    gains = {}
    for offset in range(-most, most + 1):
        there = both.b[rows + offset]
        score = weight @ similarities(there, there)
        z = (np.diag(score) - score.mean(1)) / _spread(score, 1)
        gains[offset] = float(z.mean())
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
    n = len(both)
    some = spread_rows(n)
    across = similarities(both.a, both.b[some])
    raw = banded(lambda i, j: np.asarray(both.a[i].multiply(both.b[j]).sum(1)).ravel(), n, reach)
    if not across.any():
        return np.zeros_like(raw)
    return _standardised(raw, across, similarities(both.a[some], both.b), some, floored=True)


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
