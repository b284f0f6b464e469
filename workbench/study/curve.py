"""How many sentence pairs a map needs: held-out fit over the number of pairs, for several draws of them."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import pandas as pd
from torch import Tensor

from workbench.align import CONTROLS, learning_curve
from workbench.errors import InputError
from workbench.progress import Progress, silent
from workbench.study.tables import Facts, fitted_at
from workbench.text import Split
from workbench.types import Site

FEWEST = 10
"""Pairs in the smallest set that is tried unasked."""
DRAWS = 5


def curve_sizes(n: int) -> list[int]:
    """n, its half, its quarter … down to 10 pairs, five sizes at most; the smallest first."""
    sizes = [n >> times for times in range(5)]
    return [size for size in reversed(sizes) if size >= FEWEST] or [n]


def check_curve(n: int, sizes: Sequence[int] | None, draws: int) -> None:
    """Refuse more pairs than there are to fit on, and no draw at all."""
    wrong = [size for size in sizes or [] if not 1 <= size <= n]
    if wrong or draws < 1:
        what = f"{wrong[0]} pairs" if wrong else f"{draws} draws"
        raise InputError(f"no learning curve of {what}: there are {n} pairs to fit on, and one draw at least")


def curve_table(
    facts: Facts,
    estimators: Mapping[str, Any],
    source: Tensor,
    target: Tensor,
    split: Split,
    sizes: Sequence[int] | None = None,
    draws: int = DRAWS,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Held-out R² of each aligner that is no control, for each number of pairs, layer and draw."""
    check_curve(len(split.fit), sizes, draws)
    sizes = sorted(set(sizes)) if sizes else curve_sizes(len(split.fit))
    fitted = {name: one for name, one in estimators.items() if name not in CONTROLS}
    if not fitted:
        raise InputError("a learning curve needs an aligner that is no control, such as ridge")
    rows = []
    for done, (name, size) in enumerate(product(fitted, sizes)):
        # One seed, so that every aligner and size sees the same draws.
        points = learning_curve(
            fitted[name], source, target, split.fit, split.test, [size], draws, facts["seed"]
        )
        for point in points:
            numbers = {"n_fit": point.n, "draw": point.draw, "r2": point.r2}
            about = {"n_held_out": len(split.test), "d_model": source.shape[-1]}
            rows.append(facts | fitted_at(Site(point.layer), name, "held_out") | numbers | about)
        progress(f"curve {facts['pair']}", done + 1, len(fitted) * len(sizes))
    return pd.DataFrame(rows).astype({"layer": "Int64"})
