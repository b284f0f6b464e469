"""Intervals, tests and power, as functions of arrays.

Which to use: `accuracy` for a share of items; `mean_interval` and `paired_interval` for means and
differences over items; `units_of` for what their items belong to; `jackknife_interval`
for similarities between sets of rows, where no row may be drawn twice;
`max_t_band` for looking at a whole grid; `holm` for a few hypotheses that were fixed beforehand.
"""

from workbench.stats.bands import Band, max_t_band
from workbench.stats.base import Alternative, Interval
from workbench.stats.curves import circular_shift_test, rank_correlation
from workbench.stats.intervals import (
    accuracy,
    effective_items,
    mean_interval,
    paired_interval,
    paired_test,
    wilson_interval,
)
from workbench.stats.margins import MarginTest, equivalence, noninferiority
from workbench.stats.multiple import holm, holm_rejections
from workbench.stats.paired import tango_interval
from workbench.stats.power import DISCORDANCE, detectable_effect
from workbench.stats.subsets import Statistic, jackknife_interval
from workbench.stats.units import units_of

__all__ = [
    "DISCORDANCE",
    "Alternative",
    "Band",
    "Interval",
    "MarginTest",
    "Statistic",
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
    "tango_interval",
    "units_of",
    "wilson_interval",
]
