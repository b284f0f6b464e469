"""Generated texts as a tidy table, one row a text, and what they say of each variant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.analyses.generate.judge import UNCLEAR, Trial
from workbench.methods.base import bounds, typed_table
from workbench.methods.compare.candidates import RANDOM
from workbench.select.verdict import LEVEL
from workbench.stats import Interval, accuracy, mean_interval, paired_interval, units_of
from workbench.study import Study
from workbench.sweeps import Configuration

_TYPES = {"Int64": "layer seed", "boolean": "control"}
_STRINGS = "model task pair site method split kind prompted intervention positions joint "


@dataclass(frozen=True, eq=False)
class Variant:
    """One way to generate."""

    method: str
    kind: str
    """`clean`, `study` or `recipe`."""
    prompted: str
    """The language of the prompts."""
    configuration: Configuration | None = None
    """None: nothing is patched, of a recipe because nothing was better on dev."""
    control: bool = False
    dev_score: float | None = None
    """What chose it."""

    def columns(self, study: Study) -> dict[str, Any]:
        """What tables say of it."""
        own = vars(self) if self.configuration is None else vars(self) | self.configuration.columns
        return study.alignment.facts | own | {"task": study.task.name, "split": "test"}


def generation_rows(
    study: Study, variant: Variant, prompts: Sequence[Any], rows: pd.DataFrame
) -> pd.DataFrame:
    """The judged rows of one variant over these prompts, with all that says whose they are."""
    names = {name: [getattr(prompt, name) for prompt in prompts] for name in ("group", "prompt")}
    table = rows.assign(**variant.columns(study), **names, example=[prompt.id for prompt in prompts])
    strings = _STRINGS + "example group prompt text language"
    return typed_table("generation", table, string=strings, **_TYPES | {"Int64": "layer seed tokens"})


def summary_table(
    study: Study, variants: Sequence[Variant], tables: Sequence[pd.DataFrame], trial: Trial
) -> pd.DataFrame:
    """One row a variant; the first is the clean run in the source language, which others are held against."""
    by_method = {variant.method: rows for variant, rows in zip(variants[2:], tables[2:], strict=True)}
    clean, target, summaries = tables[0], study.target, []
    for variant, rows in zip(variants, tables, strict=True):
        chosen = "nothing" if variant.configuration is None else str(variant.configuration).split(" ", 1)[1]
        summary = variant.columns(study) | {"chosen": chosen} | _measures(rows, study.source, target)
        if rows is not clean:
            summary |= _over_clean(rows, clean, target)
        if (control := by_method.get(f"{variant.method}~{RANDOM}")) is not None:
            summary |= bounds("over_random", _control_over(rows, control, target))
        trials = bounds("identifier_accuracy", trial.accuracy)
        summaries.append(summary | trials | {"identifier_characters": trial.characters})
    whole = {"Int64": "layer seed n identifier_characters"}
    return typed_table("generation_summary", summaries, string=_STRINGS + "chosen", **_TYPES | whole)


def _measures(rows: pd.DataFrame, source: str, target: str) -> dict[str, Any]:
    """Shares of languages, repetition and score of one variant's texts."""
    control = accuracy((rows.language == target).astype(float), _units(rows))
    counted = rows[rows.repetition.notna()]
    repeated, fresh = {}, 0.0
    if not counted.empty:
        repetition = mean_interval(counted.repetition.astype(float), _units(counted))
        repeated, fresh = bounds("repetition", repetition), 1 - repetition.estimate
    return {
        "n": len(rows),
        "level": LEVEL,
        **bounds("language_control", control),
        "source_share": float((rows.language == source).mean()),
        "other_share": float((~rows.language.isin([source, target, UNCLEAR])).mean()),
        "unclear_share": float((rows.language == UNCLEAR).mean()),
        **repeated,
        "score": harmonic(control.estimate, fresh),
        "tokens": float(rows.tokens.mean()),
    }


def _over_clean(rows: pd.DataFrame, clean: pd.DataFrame, target: str) -> dict[str, Any]:
    """Both measures less those of the clean run, text by text."""
    both = rows.repetition.notna() & clean.repetition.notna()
    columns = bounds("control_gain", _control_over(rows, clean, target))
    if both.any():
        after, before = (one.repetition[both].astype(float) for one in (rows, clean))
        columns |= bounds("repetition_change", paired_interval(after, before, _units(rows[both])))
    return columns


def _control_over(rows: pd.DataFrame, others: pd.DataFrame, target: str) -> Interval:
    assert rows.example.tolist() == others.example.tolist()
    after, before = ((one.language == target).astype(float) for one in (rows, others))
    return paired_interval(after, before, _units(rows))


def _units(rows: pd.DataFrame) -> list[str] | None:
    return units_of(rows.group, rows.example)


def harmonic(a: float, b: float) -> float:
    """2 a b / (a + b), 0 where either is 0.

    >>> harmonic(1.0, 0.5)
    0.6666666666666666
    """
    return 2 * a * b / (a + b) if a > 0 and b > 0 else 0.0
