"""Generated texts as a tidy table, one row a text, and what they say of each variant."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.analyses.generate.judge import UNCLEAR, Trial
from workbench.analyses.generate.variants import RANDOM, Variant, harmonic
from workbench.select.verdict import LEVEL
from workbench.stats import Interval, accuracy, mean_interval, paired_interval, units_of
from workbench.study import Study

_WHO: dict[str, str] = {
    **dict.fromkeys(("model", "task", "pair", "site"), "string"),
    "layer": "Int64",
    "method": "string",
    "seed": "Int64",
    **dict.fromkeys(("split", "kind"), "string"),
    "control": "boolean",
    **dict.fromkeys(("prompted", "intervention", "positions", "joint"), "string"),
    "strength": "Float64",
}
COLUMNS: dict[str, str] = {
    **_WHO,
    **dict.fromkeys(("example", "group", "prompt", "text"), "string"),
    "tokens": "Int64",
    "repetition": "Float64",
    "language": "string",
    **dict.fromkeys(("p_source", "p_target", "patch_size"), "Float64"),
}
"""Of the table `generation`."""


def _with_bounds(*names: str) -> dict[str, str]:
    return {f"{name}{end}": "Float64" for name in names for end in ("", "_low", "_high")}


SUMMARY: dict[str, str] = {
    **_WHO,
    "chosen": "string",
    "dev_score": "Float64",
    "n": "Int64",
    "level": "Float64",
    **_with_bounds("language_control"),
    **dict.fromkeys(("source_share", "other_share", "unclear_share"), "Float64"),
    **_with_bounds("repetition"),
    **dict.fromkeys(("score", "tokens"), "Float64"),
    **_with_bounds("control_gain", "over_random", "repetition_change"),
    **_with_bounds("identifier_accuracy"),
    "identifier_characters": "Int64",
}
"""Of the table `generation_summary`."""


def generation_rows(
    study: Study, variant: Variant, prompts: Sequence[Any], rows: pd.DataFrame
) -> pd.DataFrame:
    """The judged rows of one variant over these prompts, with all that says whose they are."""
    known = {
        "example": [prompt.id for prompt in prompts],
        "group": [prompt.group for prompt in prompts],
        "prompt": [prompt.prompt for prompt in prompts],
    }
    return rows.assign(**_who(study, variant), **known).reindex(columns=list(COLUMNS)).astype(COLUMNS)


def _who(study: Study, variant: Variant) -> dict[str, Any]:
    where = {} if variant.configuration is None else variant.configuration.columns
    return {
        **study.alignment.facts,
        **where,
        "task": study.task.name,
        "method": variant.method,
        "split": "test",
        "kind": variant.kind,
        "control": variant.control,
        "prompted": variant.prompted,
    }


def summary_table(
    study: Study, variants: Sequence[Variant], tables: Sequence[pd.DataFrame], trial: Trial
) -> pd.DataFrame:
    """One row a variant; the first is the clean run in the source language, which others are held against."""
    by_method = {variant.method: rows for variant, rows in zip(variants[2:], tables[2:], strict=True)}
    rows = [
        {
            **_who(study, variant),
            "chosen": variant.chosen,
            "dev_score": variant.dev_score,
            **_said(own, study.source, study.target),
            **_against(own, tables[0] if own is not tables[0] else None, study.target),
            **_over_random(own, by_method.get(f"{variant.method}~{RANDOM}"), study.target),
            **_bounds("identifier_accuracy", trial.accuracy),
            "identifier_characters": trial.characters,
        }
        for variant, own in zip(variants, tables, strict=True)
    ]
    return pd.DataFrame(rows).reindex(columns=list(SUMMARY)).astype(SUMMARY)


def _said(rows: pd.DataFrame, source: str, target: str) -> dict[str, Any]:
    control = accuracy((rows.language == target).astype(float), _units(rows))
    named = rows.language.isin([source, target, UNCLEAR])
    repeated = _repetition(rows)
    fresh = 0.0 if repeated is None else 1 - repeated.estimate
    return {
        "n": len(rows),
        "level": LEVEL,
        **_bounds("language_control", control),
        "source_share": float((rows.language == source).mean()),
        "other_share": float((~named).mean()),
        "unclear_share": float((rows.language == UNCLEAR).mean()),
        **({} if repeated is None else _bounds("repetition", repeated)),
        "score": harmonic(control.estimate, fresh),
        "tokens": float(rows.tokens.mean()),
    }


def _against(rows: pd.DataFrame, clean: pd.DataFrame | None, target: str) -> dict[str, Any]:
    """Both measures less those of the clean run, text by text."""
    if clean is None:
        return {}
    both = rows.repetition.notna() & clean.repetition.notna()
    found = _bounds("control_gain", _control_over(rows, clean, target))
    if both.any():
        after, before = (one.repetition[both].astype(float) for one in (rows, clean))
        found |= _bounds("repetition_change", paired_interval(after, before, _units(rows[both])))
    return found


def _over_random(rows: pd.DataFrame, control: pd.DataFrame | None, target: str) -> dict[str, Any]:
    return {} if control is None else _bounds("over_random", _control_over(rows, control, target))


def _control_over(rows: pd.DataFrame, others: pd.DataFrame, target: str) -> Interval:
    assert rows.example.tolist() == others.example.tolist()
    after, before = ((one.language == target).astype(float) for one in (rows, others))
    return paired_interval(after, before, _units(rows))


def _repetition(rows: pd.DataFrame) -> Interval | None:
    some = rows[rows.repetition.notna()]
    return None if some.empty else mean_interval(some.repetition.astype(float), _units(some))


def _units(rows: pd.DataFrame) -> list[str] | None:
    return units_of(rows.group, rows.example)


def _bounds(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
