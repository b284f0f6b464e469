"""The display of a study and its result in a notebook."""

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.cards import card
from workbench.core.numbers import estimated, percent

if TYPE_CHECKING:
    from workbench.study.result import Outcome, StudyResult
    from workbench.study.run import Study

STEPS = {
    "captured": "store/*",
    "first facts": "shards/facts",
    "swept on dev": "shards/dev",
    "chosen and frozen": "choices.json",
    "scored on test": "shards/test",
    "judged": "verdict.json",
}
"""Each step, and the files in the folder that show it has begun."""


def study_line(study: "Study") -> str:
    """One line about a study."""
    return f"Study({study.model.info.name}, {study.pair}, {study.task.name}, {str(study.folder)!r})"


def study_card(study: "Study") -> str:
    """The inputs of a study, and its finished steps."""
    counts = [f"{len(study.items(study.source, split)):,} {split}" for split in ("dev", "test")]
    there = bool(study.items(study.target, "test"))
    settings, info = study.settings, study.model.info
    strengths = ", ".join(f"{alpha:g}" for alpha in settings.strengths)
    facts = {
        "model": f"{info.name}, {info.n_layers} layers × {info.d_model}",
        "pair": f"{study.source} → {study.target}",
        "sentences": f"{len(study.text):,}",
        "task": f"{study.task.name}: {', '.join(counts)} items, "
        + ("in both languages" if there else f"in {study.source} alone"),
        "aligners": ", ".join(settings.aligners),
        "patch types": f"{', '.join(settings.interventions)}, α = {strengths}",
        "done": ", ".join(_done(study)) or "nothing yet: run() does all steps",
        "folder": study.folder,
    }
    return card("Study", study.pair, facts=facts)


def result_line(result: "StudyResult") -> str:
    """One line about a result: tables are for `tables`."""
    return f"StudyResult({result.model['name']}, {result.pair}, {result.task}: {result.sentence})"


def result_card(result: "StudyResult") -> str:
    """The verdict, each aligner's choice with its gain, and the folder."""
    n = result.n
    level = percent(result.headline.gain.level)
    facts = {
        f"{result.source}, unpatched": estimated(result.baseline, 2, sign=False),
        f"{result.target}, the same items": result.target_accuracy
        and estimated(result.target_accuracy, 2, sign=False),
        "gap": result.gap and estimated(result.gap, 2),
        "measured on": f"{n['fit']:,} sentences fitted, {n['held_out']:,} held out, "
        f"{n['dev']:,} dev items, {n['test']:,} test items",
    }
    return card(
        "Result",
        f"{result.model['name']}, {result.pair}, {result.task}",
        lead=result.sentence,
        facts=facts,
        heads=["aligner", f"gain on test [{level}]", "accuracy", "chosen on dev", "verdict"],
        rows=[_row(one) for one in result.outcomes],
        note=f"In {_folder(result)}: {', '.join(sorted(result.paths))}. Layer by layer: explore().",
        edge=result.headline.verdict.kind,
    )


def _row(outcome: "Outcome") -> tuple[object, ...]:
    choice = outcome.choice
    where = "no patch" if choice.layer is None else choice.name.removeprefix(f"{choice.aligner} ")
    return (
        choice.aligner.replace("_", " ") + (" (control)" if outcome.is_control else ""),
        estimated(outcome.gain, 2),
        estimated(outcome.accuracy, 2, sign=False),
        where.replace("_", " "),
        outcome.verdict.headline,
    )


def _folder(result: "StudyResult") -> Path:
    return result.paths["manifest"].parent


def _done(study: "Study") -> list[str]:
    """The steps that have left something behind; states may lie in a store that studies share."""
    store = study.alignment.store
    found = {name: any(study.folder.glob(mark)) for name, mark in STEPS.items()}
    found["captured"] = store is not None and Path(store).is_dir() and any(Path(store).iterdir())
    return [name for name, there in found.items() if there]
