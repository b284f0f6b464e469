"""The sign-flip test: under the null, the sign of each item's difference is random."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from workbench.stats import base
from workbench.stats.base import Alternative, Floats

_EXACT = 14  # with so many items or fewer, all 2^n flips are taken


def sign_flip_test(
    differences: ArrayLike,
    groups: Sequence[object] | None = None,
    alternative: Alternative = "two-sided",
    draws: int = 10_000,
    seed: int = 0,
) -> float:
    """P(|Σ s_i x_i| ≥ |Σ x_i|) over signs s_i = ±1 drawn evenly; one-sided without the bars.

    With `groups`, all items of a group keep or change their sign together. Exact where at most 14 items or
    groups have a difference: then every pattern of signs is taken. On binary items it is McNemar's test.
    """
    sums, _ = base.group_sums(base.finite(differences, "differences"), groups)
    sums = sums[sums != 0]  # an item without a difference is the same under either sign
    slack = 1e-9 * float(np.abs(sums).sum())
    reached = sum(
        base.at_least_as_extreme(chunk[:, 0], float(sums.sum()), alternative, slack)
        for chunk in flipped_sums(sums[:, None], draws, seed)
    )
    return base.p_value(reached, number_of_flips(len(sums), draws), is_exact(len(sums)))


def is_exact(n: int) -> bool:
    """Whether all patterns of n signs are taken, rather than a sample."""
    return n <= _EXACT


def number_of_flips(n: int, draws: int) -> int:
    """How many patterns of n signs are taken."""
    return 2**n if is_exact(n) else draws


def flipped_sums(x: Floats, draws: int, seed: int) -> Iterator[Floats]:
    """Σ_i s_i x_ij for every pattern of signs and column, in chunks `flip × column` of bounded size.

    One pattern serves all columns, so that whatever links the columns stays.
    """
    base.check_draws(draws)
    n, columns = x.shape
    rng = np.random.default_rng(seed)
    flips = number_of_flips(n, draws)
    step = max(1, base.CHUNK // (n + columns + 1))
    total = x.sum(0)
    for start in range(0, flips, step):
        stop = min(start + step, flips)
        if is_exact(n):
            words = np.arange(start, stop, dtype="<u8")[:, None]
        else:
            # One 64-bit word per 64 signs: the signs do not depend on the size of the chunks.
            size = (stop - start, -(-n // 64))
            words = rng.integers(0, 2**64, size=size, dtype=np.uint64).astype("<u8")
        turned = np.unpackbits(words.view(np.uint8), axis=1, count=n, bitorder="little")
        yield total - 2 * (turned.astype(np.float64) @ x)
