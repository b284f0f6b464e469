"""Sweeps: many branches over one task, one row per branch and example."""

from workbench.sweeps.plan import BRANCH, CLEAN, COLUMNS, Branch, Engine, Limits, Plan
from workbench.sweeps.run import ENGINES, run_plan, sweep
from workbench.sweeps.score import Classes, class_prototypes, read_examples, score_choices

__all__ = [
    "BRANCH",
    "CLEAN",
    "COLUMNS",
    "ENGINES",
    "Branch",
    "Classes",
    "Engine",
    "Limits",
    "Plan",
    "class_prototypes",
    "read_examples",
    "run_plan",
    "score_choices",
    "sweep",
]
