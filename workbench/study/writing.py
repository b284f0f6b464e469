"""What a study leaves in its folder: tables, the heatmap, and a manifest of what they came from."""

import io
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.bundled import cautions
from workbench.capture import Activations
from workbench.figures import draw_heatmap, gain_heatmap, to_page
from workbench.measure import METRICS
from workbench.store import write_bytes, write_json
from workbench.study.result import StudyResult
from workbench.sweep import CLEAN
from workbench.tasks import AnswerExample, Example, SplitName

if TYPE_CHECKING:
    from workbench.study.run import Study

SPLITS: tuple[SplitName, ...] = ("dev", "test")
PACKAGES = ("torch", "transformers", "transformer-lens", "numpy", "pandas", "plotly")


def paths_in(folder: Path, tables: Iterable[str]) -> dict[str, Path]:
    """Where a study's files lie."""
    files = {"heatmap": "heatmap.html", "items": "items.parquet", "patch": "patch.safetensors"} | {
        name: f"{name}.json" for name in ("choices", "manifest", "timings", "verdict")
    }
    return {name: folder / f"{name}.parquet" for name in tables} | {
        name: folder / file for name, file in files.items()
    }


def write_study(study: "Study", result: StudyResult, states: Activations, dev: pd.DataFrame) -> None:
    """Tables, heatmap and manifest: the same bytes from the same data. What differs, times, lies apart."""
    for name, table in result.tables.items():
        write_table(table, result.paths[name])
    spec = gain_heatmap(dev, CLEAN, cautions(study.text.sources))
    write_bytes(result.paths["heatmap"], to_page(draw_heatmap(spec), spec.title).encode())
    write_table(items_table(study), result.paths["items"])
    write_json(result.paths["verdict"], verdict_json(result))
    write_json(result.paths["manifest"], _manifest(study, result, states))
    write_json(result.paths["timings"], {"seconds": result.seconds})


def items_table(study: "Study") -> pd.DataFrame:
    """What the dev and test items say, in both languages: one row an item, the source's first."""
    rows = [
        {
            "task": study.task.name,
            "pair": study.pair,
            "language": language,
            "split": split,
            "example": item.id,
            "group": item.group,
            "prompt": item.prompt,
            **_said(item),
        }
        for language in (study.source, study.target)
        for split in SPLITS
        for item in study.items(language, split)
    ]
    return pd.DataFrame(rows).astype({"answer": "Int64", "group": "string"})


def _said(item: Example | AnswerExample) -> dict[str, Any]:
    """Choices and the right one's place; of generated answers, those that count as right."""
    if isinstance(item, Example):
        return {"choices": list(item.choices), "answer": item.answer, "answers": []}
    return {"choices": [], "answer": None, "answers": list(item.answers)}


def verdict_json(result: StudyResult) -> dict[str, Any]:
    """The verdict in words, and the numbers on test that it rests on and the tables do not hold."""
    verdict = result.headline.verdict
    intervals = {
        name: None if (one := getattr(result, name)) is None else vars(one)
        for name in ("baseline", "ceiling", "gap", "beyond_half", "retention")
    }
    return {
        "kind": verdict.kind,
        "sentence": result.sentence,
        "delta": verdict.delta,
        "share_of_gap": result.share_of_gap,
        "source": result.source,
        "target": result.target,
    } | intervals


def write_table(table: pd.DataFrame, path: Path) -> None:
    """One Parquet file, whole or not at all."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_bytes(path, buffer.getvalue())


def _manifest(study: "Study", result: StudyResult, states: Activations) -> dict[str, Any]:
    return {
        "model": result.model | {"weights_digest": study.model.weights_digest},
        "text_digest": study.text.digest,
        "cautions": cautions(study.text.sources),
        "left_out": None if study.examination is None else study.examination.to_json(),
        "states_digest": states.digest,
        "task": study.task.name,
        "task_notes": list(getattr(study.task, "notes", ())),
        "pair": study.pair,
        "settings": study.settings.to_json(),
        "facts": result.facts.to_json(),
        "lower_is_better": [name for name, metric in METRICS.items() if not metric.higher_is_better],
        "n": result.n,
        "versions": dict(_versions()),
    }


def _versions() -> Iterator[tuple[str, str]]:
    for package in ("alignment-workbench", *PACKAGES):
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, "not installed"


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
