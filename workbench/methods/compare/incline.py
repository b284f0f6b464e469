"""INCLINE on one study's pair and task: as its paper defines it, and as its released code behaves."""

from dataclasses import dataclass, replace

import pandas as pd

from workbench.intervene import INCLINE, Incline
from workbench.methods.recipes import RECIPES, Ingredients
from workbench.select import Choice, Verdict, accuracy_difference, choose, decide_choice, rows_of
from workbench.stats import Interval
from workbench.study import Study
from workbench.sweeps import CLEAN


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
    ingredients = Ingredients(study)
    configurations = {
        (name, configuration.strength): replace(configuration, aligner=name)
        for name in INCLINE
        for configuration in RECIPES[f"incline_{name}"].configurations(ingredients)
    }
    dev = study.sweep("dev", list(configurations.values()), folder="incline")
    dev = dev[dev.language == study.source]
    choices = {name: choose(dev, name) for name in INCLINE}
    curves = {name: _curve(dev, name) for name in INCLINE}
    best = {name: float(curve.strength.iloc[int(curve.margin.argmax())]) for name, curve in curves.items()}
    # The chosen ones, and where nothing is worth choosing the best α all the same: for the difference.
    wanted = {(name, choices[name].strength or best[name]) for name in INCLINE} | set(best.items())
    chosen = [configuration for key, configuration in configurations.items() if key in wanted]
    test = study.sweep("test", chosen, chosen, folder="incline-test")
    here, there = (test[(test.language == study.source) == side] for side in (True, False))
    clean, clean_there = (rows[rows.aligner == CLEAN] for rows in (here, there))
    at_best = {name: here[(here.aligner == name) & (here.strength == best[name])] for name in INCLINE}
    readings = {}
    for name, way in INCLINE.items():
        choice, retention = choices[name], None
        if choice.layer is not None and not there.empty:
            retention = accuracy_difference(rows_of(there, choice), clean_there)
        verdict = decide_choice(here, choice, study.settings.delta)
        forced = accuracy_difference(at_best[name], clean)
        readings[name] = Reading(name, way, curves[name], choice, verdict, retention, forced)
    first, second = at_best.values()
    return InclineReport(readings, accuracy_difference(first, second))


def _curve(dev: pd.DataFrame, name: str) -> pd.DataFrame:
    """Accuracy on dev for each α, mean margin, and gain over the unpatched run."""
    rows = dev[dev.aligner == name].groupby("strength")
    curve = pd.DataFrame({"accuracy": rows.correct.mean().astype(float), "margin": rows.margin.mean()})
    curve["gain"] = curve.accuracy - float(dev[dev.aligner == CLEAN].correct.mean())
    return curve.reset_index()
