"""From a grid on dev to one branch, judged once on test, and a verdict in a sentence."""

from workbench.select.choice import (
    NOTHING,
    Choice,
    accuracy_difference,
    choose,
    gain_on_test,
    paired_correct,
    rows_of,
)
from workbench.select.crossfit import CrossFit, crossfit
from workbench.select.frozen import freeze, thaw
from workbench.select.verdict import DELTA, Verdict, decide

__all__ = [
    "DELTA",
    "NOTHING",
    "Choice",
    "CrossFit",
    "Verdict",
    "accuracy_difference",
    "choose",
    "crossfit",
    "decide",
    "freeze",
    "gain_on_test",
    "paired_correct",
    "rows_of",
    "thaw",
]
