"""Intervals, tests and power, as functions of arrays.

`accuracy` is for a share of items, `mean_interval` and `paired_interval` for means and differences over
items, `jackknife_interval` for similarities between sets of rows, where no row may be drawn twice,
`max_t_band` for a whole grid, and `holm` for a few hypotheses that were fixed beforehand.
"""

from workbench.stats.base import Interval, units_of
from workbench.stats.curves import circular_shift_test, max_t_band, rank_correlation, rank_interval
from workbench.stats.intervals import (
    accuracy,
    effective_items,
    jackknife_interval,
    mean_interval,
    paired_interval,
    paired_test,
    unpaired_interval,
    wilson_interval,
)
from workbench.stats.tests import (
    DISCORDANCE,
    MarginTest,
    detectable_effect,
    equivalence,
    holm,
    holm_rejections,
    noninferiority,
    tango_interval,
)

__all__ = [
    "DISCORDANCE",
    "Interval",
    "MarginTest",
    "accuracy",
    "circular_shift_test",
    "detectable_effect",
    "effective_items",
    "equivalence",
    "holm",
    "holm_rejections",
    "jackknife_interval",
    "max_t_band",
    "mean_interval",
    "noninferiority",
    "paired_interval",
    "paired_test",
    "rank_correlation",
    "rank_interval",
    "tango_interval",
    "units_of",
    "unpaired_interval",
    "wilson_interval",
]
