"""The verdict for every pair and task of a world, with its ground truth."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from workbench.core.types import Progress, silent
from workbench.models import LanguageModel
from workbench.organism.files import Shipped
from workbench.organism.items import TASKS
from workbench.study import Settings, StudyResult, prepare
from workbench.study.diagnosis import holm_of

SETTINGS = Settings(
    aligners=("ridge", "mean_shift", "identity", "shuffled_pairs", "random_equal_norm"),
    headline="ridge",
    interventions=("interpolate",),
    strengths=(0.5, 1.0),
    batch_size=256,
)


@dataclass(frozen=True)
class Verdicts:
    """All studies, and one row for each: what the world was made to be, and what the study says of it."""

    results: list[StudyResult]
    table: pd.DataFrame


def verdicts(
    model: LanguageModel,
    organism: Shipped,
    folder: Path,
    *,
    dev: int = 300,
    test: int = 1000,
    prompts: int = 600,
    progress: Progress = silent,
) -> Verdicts:
    """Diagnose each language into the main one on every task."""
    main, *others = organism.config.languages
    tasks = [organism.task(name).first(dev=dev, test=test) for name in TASKS]
    text = organism.text().select(range(prompts))
    pairs = [(language.code, main.code) for language in others]
    diagnosis = prepare(model, text, tasks, pairs, folder, SETTINGS, silent)
    results = []
    for done, study in enumerate(diagnosis.studies):
        progress("verdicts", done, len(diagnosis.studies))
        results.append(study.run())
    progress("verdicts", len(diagnosis.studies), len(diagnosis.studies))
    diagnosis.conclude(results)
    return Verdicts(results, _table(organism, results))


def _table(organism: Shipped, results: list[StudyResult]) -> pd.DataFrame:
    truth = organism.truth()["languages"]
    rows = []
    for result, verdict in zip(results, holm_of(results), strict=True):
        language = organism.config.language(result.source)
        choice, gap = result.headline.choice, result.gap
        rows.append(
            {
                "pair": result.pair,
                "task": result.task.removeprefix("organism-"),
                "read": language.resource,
                "taught": language.skill,
                "shared_tokens": float(truth[language.code]["shared_tokens"]),
                "baseline": result.baseline.estimate,
                "gap": None if gap is None else gap.estimate,
                "gap_low": None if gap is None else gap.low,
                "layer": choice.layer,
                "strength": choice.strength,
                "gain": verdict.gain.estimate,
                "gain_low": verdict.gain.low,
                "gain_high": verdict.gain.high,
                "verdict": verdict.kind,
                "holm_p": verdict.adjusted_p,
                "best_control": max(
                    (other.gain.estimate for other in result.others if other.is_control), default=0.0
                ),
            }
        )
    numbers = dict.fromkeys(("strength", "holm_p", "gap", "gap_low"), "Float64")
    return pd.DataFrame(rows).astype(numbers | {"layer": "Int64"})
