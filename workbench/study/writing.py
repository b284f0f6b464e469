"""Write the folder of a study: tables, heatmap and manifest."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.core.bundled import cautions
from workbench.core.store import write_bytes, write_json
from workbench.figures import configurations, draw_interactive, to_page, with_notes
from workbench.measures import METRICS
from workbench.results import update_manifest, write_tables
from workbench.states import Activations
from workbench.study.result import StudyResult
from workbench.tasks import SplitName

if TYPE_CHECKING:
    from workbench.study.run import Study

SPLITS: tuple[SplitName, ...] = ("dev", "test")


def paths_in(folder: Path, tables: Iterable[str]) -> dict[str, Path]:
    """Where a study's files lie."""
    files = {"heatmap": "heatmap.html", "patch": "patch.safetensors"} | {
        name: f"{name}.json" for name in ("choices", "manifest", "timings", "verdict")
    }
    return {name: folder / f"{name}.parquet" for name in tables} | {
        name: folder / file for name, file in files.items()
    }


def write_study(study: "Study", result: StudyResult, states: Activations, dev: pd.DataFrame) -> None:
    """Tables, heatmap and manifest: the same bytes from the same data. What differs, times, lies apart."""
    write_tables(result.tables, study.folder)
    spec = with_notes(configurations({**result.tables, "sweep": dev}), cautions(study.text.sources))
    write_bytes(result.paths["heatmap"], to_page(draw_interactive(spec), spec.title).encode())
    write_json(result.paths["verdict"], verdict_json(result))
    update_manifest(study.folder, _facts(study, result, states), {})
    write_json(result.paths["timings"], {"seconds": result.seconds})


def verdict_json(result: StudyResult) -> dict[str, Any]:
    """The verdict in words, and the numbers on test that it rests on and the tables do not hold."""
    verdict = result.headline.verdict
    intervals = {
        name: None if (one := getattr(result, name)) is None else vars(one)
        for name in ("baseline", "target_accuracy", "gap", "beyond_half", "retention")
    }
    return {
        "kind": verdict.kind,
        "sentence": result.sentence,
        "delta": verdict.delta,
        "share_of_gap": result.share_of_gap,
        "source": result.source,
        "target": result.target,
    } | intervals


def _facts(study: "Study", result: StudyResult, states: Activations) -> dict[str, Any]:
    """What the specification could not know yet."""
    return {
        "pair": study.pair,
        "task": study.task.name,
        "states_digest": states.digest,
        "facts": result.facts.to_json(),
        "lower_is_better": [name for name, metric in METRICS.items() if not metric.higher_is_better],
        "n": result.n,
        "cautions": cautions(study.text.sources),
    }


def patch_card(study: "Study", result: StudyResult) -> dict[str, Any]:
    """What a saved patch belongs to, and what it is worth."""
    choice, gain = result.headline.choice, result.headline.gain
    return {
        "model": study.model.info.name,
        "weights_digest": study.model.weights_digest,
        "text_digest": study.text.digest,
        "pair": study.pair,
        "task": study.task.name,
        "seed": study.settings.seed,
        "dev": {"margin_gain": choice.margin_gain, "gain": choice.accuracy_gain, "n": result.n["dev"]},
        "test": {"gain": gain.estimate, "low": gain.low, "high": gain.high, "n": result.n["test"]},
    }
