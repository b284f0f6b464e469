"""How much a text repeats itself: seq-rep-n of Welleck et al. 2020 (arXiv 1908.04319)."""

import math
from collections.abc import Hashable, Sequence

N = 4
"""Tokens in a phrase, as in the paper's seq-rep-4."""


def repetition(tokens: Sequence[Hashable], n: int = N) -> float:
    """1 − distinct n-grams / all n-grams: 0 where none occurs twice; NaN for fewer tokens than n.

    >>> repetition([1, 2, 3, 4, 5, 6])
    0.0
    >>> repetition([1, 2] * 5, n=4)  # of seven, two are distinct
    0.7142857142857143
    """
    if n < 1:
        raise ValueError(f"n-grams of {n} tokens")
    grams = [tuple(tokens[at : at + n]) for at in range(len(tokens) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else math.nan
