"""Sweeps: many branches over one task, one row per branch and example."""

from workbench.sweep.naive import sweep_naive
from workbench.sweep.plan import BRANCH, CLEAN, COLUMNS, Branch
from workbench.sweep.score import read_examples, score_choices

__all__ = ["BRANCH", "CLEAN", "COLUMNS", "Branch", "read_examples", "score_choices", "sweep_naive"]
