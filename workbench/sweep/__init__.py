"""Sweeps: many branches over one task, one row per branch and example."""

from workbench.sweep.classes import Classes, class_prototypes
from workbench.sweep.naive import sweep_naive
from workbench.sweep.plan import BRANCH, CLEAN, COLUMNS, Branch
from workbench.sweep.run import sweep
from workbench.sweep.score import read_examples, score_choices
from workbench.sweep.slots import slots_can, sweep_slots
from workbench.sweep.suffix import suffix_can, sweep_suffix

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
