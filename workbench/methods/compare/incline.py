"""INCLINE on one study's pair and task: as its paper defines it, and as its released code behaves."""

from dataclasses import dataclass, replace

import pandas as pd

from workbench.intervene import INCLINE, Incline
from workbench.methods.recipes import RECIPES, Ingredients
from workbench.select import (
    Choice,
    Verdict,
    accuracy_difference,
    choose,
    decide_choice,
    rows_of,
)
from workbench.stats import Interval
from workbench.study import Study
from workbench.sweeps import CLEAN, Configuration


@dataclass(frozen=True)
class Reading:
    """What one reading of the aligner does: α chosen on dev, judged once on test."""

    name: str
    way: Incline
    dev: pd.DataFrame
    """Accuracy on dev for each α, and its gain over the unpatched run."""
    choice: Choice
    verdict: Verdict
    retention: Interval | None
    """What the chosen patch does to target-language items; None where no patch was chosen."""
    forced: Interval
    """The gain on test at the α of the best dev margin, be that better than no patch or not."""


@dataclass(frozen=True)
class InclineReport:
    """Both readings on the same items."""

    readings: dict[str, Reading]
    difference: Interval
    """Test accuracy of the paper's reading less that of the released code's, each at its best α of dev."""


def incline(study: Study) -> InclineReport:
    """Fit, sweep α on dev, judge on test, for the recipe of each entry of `INCLINE`."""
    given = Ingredients(study)
    configurations = {name: _by_strength(name, given) for name in INCLINE}
    dev = study.sweep(
        "dev", [one for some in configurations.values() for one in some.values()], folder="incline"
    )
    own = dev[dev.language == study.source]
    choices = {name: choose(own, name) for name in INCLINE}
    best = {name: _best_strength(own, name) for name in INCLINE}
    # The chosen ones, and where nothing is worth choosing the best α all the same: for the difference.
    asked = {
        name: {best[name], *([] if choices[name].strength is None else [float(choices[name].strength or 0)])}
        for name in INCLINE
    }
    chosen = [configurations[name][alpha] for name, some in asked.items() for alpha in sorted(some)]
    test = study.sweep("test", chosen, chosen, folder="incline-test")
    readings = {name: _reading(study, name, own, test, choices[name], best[name]) for name in INCLINE}
    here = test[test.language == study.source]
    at_best = {name: here[(here.aligner == name) & (here.strength == best[name])] for name in INCLINE}
    first, second = at_best.values()
    return InclineReport(readings, accuracy_difference(first, second))


def _by_strength(name: str, given: Ingredients) -> dict[float, Configuration]:
    found = RECIPES[f"incline_{name}"].configurations(given)
    return {configuration.strength: replace(configuration, aligner=name) for configuration in found}


def _best_strength(own: pd.DataFrame, name: str) -> float:
    means = own[own.aligner == name].groupby("strength").margin.mean()
    return float(means.index[int(means.to_numpy().argmax())])


def _reading(
    study: Study, name: str, own: pd.DataFrame, test: pd.DataFrame, choice: Choice, best: float
) -> Reading:
    here, there = test[test.language == study.source], test[test.language != study.source]
    clean = here[here.aligner == CLEAN]
    forced = here[(here.aligner == name) & (here.strength == best)]
    kept = None
    if choice.layer is not None and not there.empty:
        kept = accuracy_difference(rows_of(there, choice), there[there.aligner == CLEAN])
    unpatched = own[own.aligner == CLEAN].correct.mean()
    rows = own[own.aligner == name].groupby("strength")
    curve = pd.DataFrame({"accuracy": rows.correct.mean().astype(float), "margin": rows.margin.mean()})
    curve["gain"] = curve.accuracy - float(unpatched)
    return Reading(
        name,
        INCLINE[name],
        curve.reset_index(),
        choice,
        decide_choice(here, choice, study.settings.delta),
        kept,
        accuracy_difference(forced, clean),
    )
