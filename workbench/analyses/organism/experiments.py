"""Experiments: whether similarity peaks where patching helps, and what two readings of INCLINE do.

Peaks: for every measure and pair the layer at which it is best, whether patching there brings nearly as much
as at the best layer (on dev items), and what maps that know nothing show there.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from workbench.align import LayerMaps
from workbench.analyses.organism.verify import CHOSEN_ON, LADDER, LADDER_TASK, PROMPTS
from workbench.core.types import Progress, Site, silent
from workbench.intervene import INCLINE, Incline
from workbench.measures import METRICS
from workbench.methods.recipes import RECIPES, Ingredients
from workbench.models import LanguageModel
from workbench.organism.config import WorldConfig
from workbench.organism.texts import Items
from workbench.select import Choice, Verdict, accuracy_difference, choose, decide_choice, rows_of
from workbench.states import Activations
from workbench.stats import Interval
from workbench.study import Study
from workbench.study.result import both_sides
from workbench.sweeps import CLEAN

NEARLY = 0.8
"""A layer helps nearly as much as the best where it brings this share of the best one's gain."""
MAPS = replace(
    LADDER,
    aligners=("ridge", "identity", "random_rotation", "random_equal_norm", "shuffled_pairs"),
    strengths=(1.0,),
)


@dataclass(frozen=True)
class Peaks:
    """Every curve, and where each has its peak."""

    curves: pd.DataFrame
    """`pair`, `measure`, `map`, `layer`, `value`: each measure between mapped source and target states."""
    gains: pd.DataFrame
    """`pair`, `layer`, `gain` (on dev items, of the ridge map), `helps` (nearly as much as the best)."""
    table: pd.DataFrame
    """One row per pair and measure: `peak`, `helps` there, and the value of each map there."""


def peaks(
    model: LanguageModel,
    config: WorldConfig,
    folder: Path,
    *,
    prompts: int = PROMPTS,
    items: int = CHOSEN_ON,
    progress: Progress = silent,
) -> Peaks:
    """Measure all pairs into the main language: similarities on held-out sentences, gains on dev items."""
    world, main = Items(config), config.main.code
    task, text = world.task(LADDER_TASK).first(dev=items, test=1), world.parallel_text(2 * prompts)
    others = [language.code for language in config.languages[1:]]
    curves, gains = [], []
    for done, language in enumerate(others):
        progress("peaks", done, len(others))
        study = Study(model, text.only([language, main]), task, language, main, folder / language, MAPS)
        states = study.alignment.capture()
        maps = study.alignment.fit(states)
        curves.append(_curves(study, maps, states))
        gains.append(_gains(study, maps))
    progress("peaks", len(others), len(others))
    all_curves, all_gains = pd.concat(curves, ignore_index=True), pd.concat(gains, ignore_index=True)
    return Peaks(all_curves, all_gains, _table(all_curves, all_gains))


def _curves(study: Study, maps: dict[str, LayerMaps], states: Activations) -> pd.DataFrame:
    """Each measure between mapped source and target states, at each layer."""
    rows, values = study.alignment.split.test, []
    for layer in range(study.model.info.n_layers):
        x, y = (states.at(Site(layer), code)[rows] for code in (study.source, study.target))
        mapped = {name: fitted.transform(layer, x) for name, fitted in maps.items()}
        values += [
            (study.pair, metric.name, name, layer, metric(source, y))
            for name, source in mapped.items()
            for metric in METRICS.values()
        ]
    return pd.DataFrame(values, columns=["pair", "measure", "map", "layer", "value"])


def _gains(study: Study, maps: dict[str, LayerMaps]) -> pd.DataFrame:
    """The gain of each layer on dev items, and whether it is nearly that of the best."""
    dev = study.sweep("dev", [one for one in study.configurations(maps) if one.aligner == MAPS.headline])
    own = dev[dev.language == study.source]
    correct = own.correct.astype(float)
    clean = own.aligner == CLEAN
    gain = (correct[~clean].groupby(own.layer[~clean]).mean() - correct[clean].mean()).rename("gain")
    helps = (gain >= NEARLY * gain.max()) & (gain > 0)
    return gain.reset_index().assign(pair=study.pair, helps=helps.to_numpy())


def _table(curves: pd.DataFrame, gains: pd.DataFrame) -> pd.DataFrame:
    """Where each measure of unmapped states peaks, and what stands there."""
    helps = gains.set_index(["pair", "layer"]).helps
    rows = []
    for (pair, measure), some in curves.groupby(["pair", "measure"], sort=False):
        values = some.pivot(index="layer", columns="map", values="value")
        best = values["identity"] if METRICS[str(measure)].higher_is_better else -values["identity"]
        peak = int(best.index[int(best.to_numpy().argmax())])
        rows.append(
            {"pair": pair, "measure": measure, "peak": peak, "helps": bool(helps[str(pair), peak])}
            | {name: float(values[name].to_numpy()[values.index == peak][0]) for name in MAPS.aligners}
        )
    return pd.DataFrame(rows)


# INCLINE as its paper defines it, and as its released code behaves.


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
    curves = {name: _curve_of_strengths(dev, name) for name in INCLINE}
    best = {name: float(curve.strength.iloc[int(curve.margin.argmax())]) for name, curve in curves.items()}
    # The chosen ones, and where nothing is worth choosing the best α all the same: for the difference.
    wanted = {(name, choices[name].strength or best[name]) for name in INCLINE} | set(best.items())
    chosen = [configuration for key, configuration in configurations.items() if key in wanted]
    test = study.sweep("test", chosen, chosen, folder="incline-test")
    here, there = both_sides(test, study.source)
    clean, clean_there = (rows[rows.aligner == CLEAN] for rows in (here, there))
    at_best = {name: here[(here.aligner == name) & (here.strength == best[name])] for name in INCLINE}
    readings = {}
    for name, way in INCLINE.items():
        choice, retention = choices[name], None
        if choice.layer is not None and not there.empty:
            retention = accuracy_difference(rows_of(there, choice), clean_there)
        readings[name] = Reading(
            name,
            way,
            curves[name],
            choice,
            decide_choice(here, choice, study.settings.delta),
            retention,
            accuracy_difference(at_best[name], clean),
        )
    return InclineReport(readings, accuracy_difference(*at_best.values()))


def _curve_of_strengths(dev: pd.DataFrame, name: str) -> pd.DataFrame:
    """Accuracy on dev for each α, mean margin, and gain over the unpatched run."""
    rows = dev[dev.aligner == name].groupby("strength")
    curve = pd.DataFrame({"accuracy": rows.correct.mean().astype(float), "margin": rows.margin.mean()})
    curve["gain"] = curve.accuracy - float(dev[dev.aligner == CLEAN].correct.mean())
    return curve.reset_index()
