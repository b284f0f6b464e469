"""The comparison as a table: one row per method, with its gain, controls, cost and retention."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.methods.base import Cost, bounds, typed_table
from workbench.select import Choice, accuracy_difference, decide, paired_correct
from workbench.select.verdict import LEVEL
from workbench.stats import Interval, accuracy, noninferiority
from workbench.study import Study

TYPES = {
    "string": "model task pair site method split family title chosen intervention positions joint verdict "
    "holm_verdict note",
    "Int64": "layer seed n gained lost parameters fit_tokens pairs labels translations",
    "boolean": "within_delta noninferior",
}
"""Of the columns of the table `comparison` that are not Float64."""


@dataclass(eq=False)
class Entry:
    """A method, what dev chose for it, and its rows on test items: a row of the table to be."""

    method: str
    title: str
    family: str
    """`baseline`, `recipe` or `combination`."""
    chosen: str
    """In words."""
    test: pd.DataFrame
    """One row per source-language test item."""
    on_target: pd.DataFrame | None
    """The same for target-language items; None where the method leaves those as they are."""
    cost: Cost = field(default_factory=Cost)
    choice: Choice | None = None
    """The configuration, where there is one."""
    controls: dict[str, pd.DataFrame] = field(default_factory=dict)
    """Rows on the same test items, by the control's name."""
    over: pd.DataFrame | None = None
    """Of a combination: the rows of its baseline alone."""
    dev_gain: float = 0.0
    """Accuracy on dev over direct prompting; optimistically biased, as it was selected as the best."""


@dataclass
class Skipped:
    """A method that had nothing to work on, and why."""

    method: str
    title: str
    family: str
    note: str


def comparison_table(
    study: Study,
    direct: Entry,
    there: pd.DataFrame | None,
    entries: Sequence[Entry],
    skipped: Sequence[Skipped],
) -> pd.DataFrame:
    """One row for each method; `direct` is what gains are over, `there` its rows on target-language items."""
    facts = study.alignment.facts | {"split": "test", "task": study.task.name}
    target = next((entry for entry in entries if entry.method == "target_language"), None)
    gap = None if target is None else accuracy_difference(target.test, direct.test)
    rows = [facts | _row(study, entry, direct, there, gap) for entry in (direct, *entries)]
    return typed_table("comparison", [*rows, *(facts | vars(one) for one in skipped)], **TYPES)


def _row(
    study: Study, entry: Entry, direct: Entry, there: pd.DataFrame | None, gap: Interval | None
) -> dict[str, Any]:
    after, before, groups = paired_correct(entry.test, direct.test)
    verdict = decide(after, before, groups, study.settings.delta)
    gain, judged = (
        verdict.gain,
        {"verdict": verdict.kind, "within_delta": verdict.within_delta, "p": verdict.p},
    )
    if entry is direct:
        gain, judged = Interval(0.0, 0.0, 0.0, LEVEL, gain.n), {}
    elif entry.choice is not None and entry.choice.layer is None and entry.over is None:
        # Dev preferred no patch: exactly no gain, which does not show that none could be had.
        gain = Interval(0.0, 0.0, 0.0, LEVEL, gain.n)
        judged |= {"verdict": "undecided", "within_delta": False}
    where: dict[str, Any] = {}
    if entry.choice is not None and entry.choice.layer is not None:
        names = ("site", "layer", "intervention", "positions", "joint", "strength")
        where = {name: entry.choice.where.get(name) for name in names}
    return {
        "method": entry.method,
        "family": entry.family,
        "title": entry.title,
        "chosen": entry.chosen,
        "dev_gain": entry.dev_gain,
        **bounds("accuracy", accuracy(after, groups)),
        **bounds("gain", gain),
        "level": LEVEL,
        "n": gain.n,
        **judged,
        "gained": verdict.gained,
        "lost": verdict.lost,
        "share_of_gap": gain.estimate / gap.estimate if gap and gap.low > 0 else None,
        **where,
        **({} if entry.over is None else bounds("over_own", accuracy_difference(entry.test, entry.over))),
        **_controls(entry, direct),
        **_retention(entry, there, study.settings.delta),
        **vars(entry.cost),
    }


def _controls(entry: Entry, direct: Entry) -> dict[str, Any]:
    # Of a combination the controls stand on the same baseline as the method does.
    base = direct.test if entry.over is None else entry.over
    columns: dict[str, Any] = {}
    for name, rows in entry.controls.items():
        columns[f"{name}_gain"] = accuracy_difference(rows, base).estimate
        columns |= bounds(f"{name}_over", accuracy_difference(entry.test, rows))
    return columns


def _retention(entry: Entry, there: pd.DataFrame | None, delta: float) -> dict[str, Any]:
    if entry.on_target is None or there is None:
        return {}
    after, before, groups = paired_correct(entry.on_target, there)
    kept = noninferiority(after, before, delta, groups)
    return {
        "retention": kept.interval.estimate,
        "retention_low": kept.interval.low,
        "noninferior": kept.holds,
    }
