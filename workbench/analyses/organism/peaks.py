"""Does a cheap similarity peak where patching helps? On the organism both can be measured.

For every measure and pair: the layer at which it is best, whether that is one of the layers where patching
brings nearly as much as the best one does (on dev items), and what maps that know nothing show there.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from workbench.align import LayerMaps
from workbench.analyses.organism.verify import CHOSEN_ON, LADDER_TASK, PROMPTS
from workbench.core.types import Progress, Site, silent
from workbench.measures import METRICS
from workbench.models import LanguageModel
from workbench.organism.config import WorldConfig
from workbench.organism.texts import Items
from workbench.states import Activations
from workbench.study import Settings, Study
from workbench.sweeps import CLEAN

NEARLY = 0.8
"""A layer helps nearly as much as the best where it brings this share of the best one's gain."""
MAPS = Settings(
    aligners=("ridge", "identity", "random_rotation", "random_equal_norm", "shuffled_pairs"),
    headline="ridge",
    interventions=("interpolate",),
    strengths=(1.0,),
    held_out=0.5,
    batch_size=256,
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
