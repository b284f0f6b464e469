"""How much the gain of a chosen branch varies with the pairs that its map was fitted on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.errors import InputError
from workbench.select.choice import Choice, branch_rows, check_split, paired_correct
from workbench.settings import FITS
from workbench.sweep import CLEAN


@dataclass(frozen=True)
class Refits:
    """Gains in accuracy of maps fitted on other draws of the pairs, on the same test items."""

    itself: float
    """Gain of the map that was chosen and judged."""
    mean: float
    """Over all fits, it among them."""
    sd: float
    """Between fits, n − 1 in the denominator."""
    smallest: float
    largest: float
    n: int
    """Number of fits."""


def refit_spread(table: pd.DataFrame, choice: Choice) -> Refits | None:
    """The gains of the chosen branch and of its refits, which differ from it in their seed alone.

    The lowest seed is the map itself. All fits are scored on the same items, so that their spread is that of
    the fits and holds no chance of other items; the gain's interval is about items and holds nothing of the
    fits. None where nothing was chosen: then there is no map to refit.
    """
    check_split(table, "test")
    if choice.layer is None:
        return None
    rows, clean = branch_rows(table, choice, but=("seed",)), table[table.aligner == CLEAN]
    seeds = sorted(int(seed) for seed in rows.seed.dropna().unique())
    if len(seeds) < FITS:
        raise InputError(
            f"the test sweep holds {len(seeds)} fits of {choice.name}, and their spread needs {FITS}: "
            f"sweep refits of the chosen branch, seeds {seeds[0] if seeds else 0} and up"
        )
    gains = []
    for seed in seeds:
        after, before, _ = paired_correct(rows[rows.seed == seed], clean)
        gains.append(float((after - before).mean()))
    return Refits(
        itself=gains[0],
        mean=float(np.mean(gains)),
        sd=float(np.std(gains, ddof=1)),
        smallest=min(gains),
        largest=max(gains),
        n=len(gains),
    )
