"""Sweeps: many branches over one task, one row per branch and example."""

from workbench.sweeps.classes import Classes, class_prototypes
from workbench.sweeps.naive import sweep_naive
from workbench.sweeps.plan import BRANCH, CLEAN, COLUMNS, Branch
from workbench.sweeps.run import sweep
from workbench.sweeps.score import read_examples, score_choices
from workbench.sweeps.slots import slots_can, sweep_slots
from workbench.sweeps.suffix import suffix_can, sweep_suffix

__all__ = [
    "BRANCH",
    "CLEAN",
    "COLUMNS",
    "Branch",
    "Classes",
    "class_prototypes",
    "read_examples",
    "score_choices",
    "slots_can",
    "suffix_can",
    "sweep",
    "sweep_naive",
    "sweep_slots",
    "sweep_suffix",
]
