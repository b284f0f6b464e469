"""INCLINE on one study's pair and task: as its paper defines it, and as its released code behaves."""

from dataclasses import dataclass

import pandas as pd

from workbench.align import LayerMaps, LeastSquares, fit_layers
from workbench.capture import capture
from workbench.intervene import INCLINE, Incline
from workbench.select import (
    Choice,
    Verdict,
    accuracy_difference,
    choose,
    decide_choice,
    rows_of,
)
from workbench.stats import Interval
from workbench.study.alignment import COMPONENT
from workbench.study.run import Study
from workbench.sweep import CLEAN, Branch
from workbench.types import Site

STRENGTHS = (-1.0, -0.5, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.5, 1.0)
"""α, from all of the range that the paper takes it from."""


@dataclass(frozen=True)
class Reading:
    """What one reading of the method does: α chosen on dev, judged once on test."""

    name: str
    way: Incline
    dev: pd.DataFrame
    """Accuracy on dev for each α, and its gain over the unpatched run."""
    choice: Choice
    verdict: Verdict
    retention: Interval | None
    """What the chosen patch does to target-language items; None where nothing was chosen."""
    forced: Interval
    """The gain on test at the α of the best dev margin, be that better than doing nothing or not."""


@dataclass(frozen=True)
class InclineReport:
    """Both readings on the same items."""

    readings: dict[str, Reading]
    difference: Interval
    """Test accuracy of the paper's reading less that of the released code's, each at its best α of dev."""


def incline(study: Study, strengths: tuple[float, ...] = STRENGTHS) -> InclineReport:
    """Fit, sweep α on dev, judge on test, for each entry of `INCLINE`."""
    maps = {name: _maps(study, way) for name, way in INCLINE.items()}
    branches = {
        name: {alpha: _branch(name, way, maps[name], alpha) for alpha in strengths}
        for name, way in INCLINE.items()
    }
    dev = study.sweep("dev", [one for some in branches.values() for one in some.values()], folder="incline")
    own = dev[dev.language == study.source]
    choices = {name: choose(own, name) for name in INCLINE}
    best = {name: _best_strength(own, name) for name in INCLINE}
    # The chosen ones, and where nothing is worth choosing the best α all the same: for the difference.
    asked = {
        name: {best[name], *([] if choices[name].strength is None else [float(choices[name].strength or 0)])}
        for name in INCLINE
    }
    chosen = [branches[name][alpha] for name, some in asked.items() for alpha in sorted(some)]
    test = study.sweep("test", chosen, chosen, folder="incline-test")
    readings = {name: _reading(study, name, own, test, choices[name], best[name]) for name in INCLINE}
    here = test[test.language == study.source]
    at_best = {name: here[(here.method == name) & (here.strength == best[name])] for name in INCLINE}
    first, second = at_best.values()
    return InclineReport(readings, accuracy_difference(first, second))


def _maps(study: Study, way: Incline) -> LayerMaps:
    pair = [study.source, study.target]
    states = capture(
        study.model,
        study.text,
        languages=pair,
        sites=[COMPONENT],
        pool=way.fit_on,
        store=study.alignment.store,
        progress=study.progress,
    )
    source, target = (states.states(code, COMPONENT) for code in pair)
    return fit_layers(LeastSquares(center=way.centre), source, target, study.alignment.split.fit)


def _branch(name: str, way: Incline, maps: LayerMaps, alpha: float) -> Branch:
    sites = {Site(layer): maps[layer] for layer in range(len(maps))}
    return Branch.jointly(
        name, sites, way.formula, alpha, positions=way.positions, from_clean=not way.cascade
    )


def _best_strength(own: pd.DataFrame, name: str) -> float:
    means = own[own.method == name].groupby("strength").margin.mean()
    return float(means.index[int(means.to_numpy().argmax())])


def _reading(
    study: Study, name: str, own: pd.DataFrame, test: pd.DataFrame, choice: Choice, best: float
) -> Reading:
    here, there = test[test.language == study.source], test[test.language != study.source]
    clean = here[here.method == CLEAN]
    forced = here[(here.method == name) & (here.strength == best)]
    kept = None
    if choice.layer is not None and not there.empty:
        kept = accuracy_difference(rows_of(there, choice), there[there.method == CLEAN])
    unpatched = own[own.method == CLEAN].correct.mean()
    rows = own[own.method == name].groupby("strength")
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
