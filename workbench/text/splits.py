"""Fit, dev and test rows that share nothing: no sentence twice, no document in two splits.

Rows that belong together form clusters; whole clusters are dealt out at random, and the last few are
chosen so that each split comes as close to its wanted size as whole clusters allow.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.core.errors import InputError
from workbench.core.reading import normalised

Rows = NDArray[np.int64]
NAMES = ("fit", "dev", "test")


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Disjoint row numbers for fitting, choosing and reporting, each in ascending order."""

    fit: Rows
    dev: Rows
    test: Rows
    seed: int
    left_out: int
    """How many rows are in none of the three."""

    @property
    def sizes(self) -> dict[str, int]:
        """How many rows each part really has."""
        return {name: len(getattr(self, name)) for name in NAMES}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={size}" for name, size in self.sizes.items())
        return f"Split({sizes}, left_out={self.left_out}, seed={self.seed})"


def clusters(sides: Iterable[Sequence[str]], groups: Sequence[str] | None, n: int) -> list[list[int]]:
    """Rows that must stay together, in order of their first row.

    Two rows are tied when any side of one equals any side of the other, whatever the language (an
    untranslated copy is a duplicate too), or when they are in one group; ties chain.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    keys = [(row, ("sentence", normalised(text))) for side in sides for row, text in enumerate(side)]
    keys += [(row, ("group", group)) for row, group in enumerate(groups or ())]
    nodes = {key: n + i for i, key in enumerate(dict.fromkeys(key for _, key in keys))}
    ties = np.ones(len(keys)), ([row for row, _ in keys], [nodes[key] for _, key in keys])
    _, labels = connected_components(coo_array(ties, shape=(n + len(nodes),) * 2), directed=False)
    labels = labels[:n]
    runs = np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels))[:-1])
    return [rows.tolist() for rows in runs if len(rows)]


def deal(tied: list[list[int]], sizes: dict[str, int | float], seed: int) -> Split:
    """Deal whole clusters into fit, dev and test.

    Counts are met exactly or refused; fractions are met as closely as whole clusters allow.
    """
    n = sum(map(len, tied))
    exact = _check(sizes, n)
    wanted = {name: int(size) if exact else round(size * n) for name, size in sizes.items()}
    takes_all = not exact and abs(sum(sizes.values()) - 1) < 1e-9
    left = [tied[i] for i in np.random.default_rng(seed).permutation(len(tied))]
    parts: dict[str, Rows] = {}
    # Test first: it is the part whose size matters most; fit takes what remains.
    for name in reversed(NAMES):
        if name == "fit" and takes_all:
            chosen = set(range(len(left)))
        else:
            chosen = _fill([len(cluster) for cluster in left], wanted[name])
        rows = sorted(row for i in chosen for row in left[i])
        left = [cluster for i, cluster in enumerate(left) if i not in chosen]
        parts[name] = np.array(rows, dtype=np.int64)
    got = {name: len(parts[name]) for name in NAMES}
    if (exact and got != wanted) or any(sizes[name] and not got[name] for name in NAMES):
        asked, near = (", ".join(f"{name}={size[name]}" for name in NAMES) for size in (wanted, got))
        raise InputError(
            f"cannot split {n} rows into {asked}: duplicates and documents tie them into {len(tied)} "
            f"clusters (the largest has {max(map(len, tied), default=0)} rows) that stay whole; whole "
            f"clusters gave {near}: ask for these sizes, or for other ones"
        )
    return Split(**parts, seed=seed, left_out=n - sum(got.values()))


def _check(sizes: dict[str, int | float], n: int) -> bool:
    """Whether the sizes are counts (else fractions); refuses sizes that make no sense."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | float) or not size >= 0:
            raise InputError(f"{name}={size!r} is not a size: give a fraction (0.2) or a count (200)")
    given = [size for size in sizes.values() if size]
    exact = all(isinstance(size, int) for size in given)
    if not given:
        raise InputError("all three sizes are 0: nothing to split")
    shown = ", ".join(f"{name}={sizes[name]}" for name in NAMES)
    if not exact and any(isinstance(size, int) for size in given):
        raise InputError(f"{shown} mixes counts and fractions: give all three as one or the other")
    total = sum(given)
    if exact and total > n:
        raise InputError(f"{shown} is {total} rows, but the text has {n}: ask for fewer")
    if not exact and total > 1 + 1e-9:
        raise InputError(f"{shown} is {total:g} of the text, more than all of it: the sum may be 1 at most")
    return exact


def _fill(sizes: Sequence[int], target: int) -> set[int]:
    """Choose indices whose sizes sum as near to the target as possible, mostly the first ones.

    The sizes come shuffled, so taking them in order is a random choice; only as many of the last taken
    are put back as it needs to end nearer to the target.
    """
    taken: list[int] = []
    room = target
    for i, size in enumerate(sizes):
        if size <= room:
            taken.append(i)
            room -= size
    put_back = 1
    best = set(taken)
    while room and put_back < 2 * len(sizes):  # the last turn puts everything back: the best there is
        kept = set(taken[: max(0, len(taken) - put_back)])
        free = [i for i in range(len(sizes)) if i not in kept]
        candidate = kept | _nearest_sum(sizes, free, target - sum(sizes[i] for i in kept))
        gap = abs(target - sum(sizes[i] for i in candidate))
        if gap < room:
            best, room = candidate, gap
        put_back *= 2
    return best


def _nearest_sum(sizes: Sequence[int], free: Sequence[int], target: int) -> set[int]:
    """Choose the free indices whose sizes sum nearest to the target (exact, by dynamic programming).

    Bit s of `reach[k]` says that sum s can be had from the k first distinct sizes; there are few
    distinct sizes, so this stays small for any number of clusters.
    """
    by_size: dict[int, list[int]] = {}
    for i in free:
        by_size.setdefault(sizes[i], []).append(i)
    limit = (1 << (2 * target + 1)) - 1  # a sum beyond twice the target is further off than none
    reach = [1]
    for size, members in by_size.items():
        bits, left, step = reach[-1], len(members), 1
        while left:  # counts 1, 2, 4 … and a remainder reach every number of members
            count = min(step, left)
            bits |= (bits << (count * size)) & limit
            left, step = left - count, step * 2
        reach.append(bits)
    total = next(s for gap in range(target + 1) for s in (target - gap, target + gap) if reach[-1] >> s & 1)
    chosen: set[int] = set()
    for k, (size, members) in reversed(list(enumerate(by_size.items()))):
        counts = range(min(len(members), total // size) + 1)
        count = next(c for c in counts if reach[k] >> (total - c * size) & 1)
        chosen.update(members[:count])
        total -= count * size
    return chosen
