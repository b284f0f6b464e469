"""Sweeps: many configurations over one task, one row per configuration and example."""

from workbench.sweeps.cost import seconds_of
from workbench.sweeps.naive import score_choices
from workbench.sweeps.plan import CLEAN, COLUMNS, CONFIGURATION, Configuration, Engine, Limits, Plan
from workbench.sweeps.run import ENGINES, run_plan, sweep
from workbench.sweeps.score import Classes, class_prototypes, read_examples

__all__ = [
    "CLEAN",
    "COLUMNS",
    "CONFIGURATION",
    "ENGINES",
    "Classes",
    "Configuration",
    "Engine",
    "Limits",
    "Plan",
    "class_prototypes",
    "read_examples",
    "run_plan",
    "score_choices",
    "seconds_of",
    "sweep",
]
