"""Selection: from a grid on dev to one configuration, scored once on test, and a verdict."""

from workbench.select.checks import FITS, CrossFit, Refits, crossfit, freeze, refit_spread, thaw
from workbench.select.choice import (
    NOTHING,
    Choice,
    accuracy_difference,
    accuracy_of,
    choose,
    gain_on_test,
    paired_correct,
    rows_of,
)
from workbench.select.grid import EXPLORATORY, explore
from workbench.select.predictors import predicts
from workbench.select.racing import Items, race
from workbench.select.verdict import (
    DELTA,
    MARGIN,
    Verdict,
    decide,
    decide_choice,
    holm_kinds,
    holm_verdicts,
    kept_columns,
    retained,
    verdict_sentence,
)

__all__ = [
    "DELTA",
    "EXPLORATORY",
    "FITS",
    "MARGIN",
    "NOTHING",
    "Choice",
    "CrossFit",
    "Items",
    "Refits",
    "Verdict",
    "accuracy_difference",
    "accuracy_of",
    "choose",
    "crossfit",
    "decide",
    "decide_choice",
    "explore",
    "freeze",
    "gain_on_test",
    "holm_kinds",
    "holm_verdicts",
    "kept_columns",
    "paired_correct",
    "predicts",
    "race",
    "refit_spread",
    "retained",
    "rows_of",
    "thaw",
    "verdict_sentence",
]
