"""The comparison as a table: one row per method, with its gain, controls, cost and retention."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.methods.compare.entry import Entry, Skipped
from workbench.select import decide, paired_correct
from workbench.select.verdict import LEVEL
from workbench.stats import Interval, accuracy, noninferiority, paired_interval
from workbench.study import Study

_GAIN = ("gain", "gain_low", "gain_high")


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
    gap = None if target is None else _difference(target.test, direct.test)
    rows = [facts | _row(study, entry, direct, there, gap) for entry in (direct, *entries)]
    rows += [
        facts | {"method": one.method, "title": one.title, "family": one.family, "note": one.why}
        for one in skipped
    ]
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS)).astype(COLUMNS)


COLUMNS: dict[str, str] = {
    **dict.fromkeys(("model", "task", "pair", "site"), "string"),
    "layer": "Int64",
    "method": "string",
    "seed": "Int64",
    **dict.fromkeys(("split", "family", "title", "chosen", "intervention", "positions", "joint"), "string"),
    "strength": "Float64",
    **dict.fromkeys(("dev_gain", "accuracy", "accuracy_low", "accuracy_high", *_GAIN), "Float64"),
    "level": "Float64",
    "n": "Int64",
    "verdict": "string",
    "within_delta": "boolean",
    **dict.fromkeys(("p", "holm_p"), "Float64"),
    "holm_verdict": "string",
    **dict.fromkeys(("gained", "lost"), "Int64"),
    **dict.fromkeys(("share_of_gap", "over_own", "over_own_low", "over_own_high"), "Float64"),
    **{
        f"{control}_{name}": "Float64"
        for control in ("random", "shuffled")
        for name in ("gain", "over", "over_low", "over_high")
    },
    **dict.fromkeys(("retention", "retention_low"), "Float64"),
    "noninferior": "boolean",
    **dict.fromkeys(("parameters", "fit_tokens", "pairs", "labels", "translations"), "Int64"),
    "item_tokens": "Float64",
    "note": "string",
}


def _row(
    study: Study, entry: Entry, direct: Entry, there: pd.DataFrame | None, gap: Interval | None
) -> dict[str, Any]:
    after, before, groups = paired_correct(entry.test, direct.test)
    verdict = decide(after, before, groups, study.settings.delta)
    gain = verdict.gain
    right = accuracy(after, groups)
    kind, within = verdict.kind, verdict.within_delta
    if entry is direct:
        gain = Interval(0.0, 0.0, 0.0, LEVEL, gain.n)
    elif entry.choice is not None and entry.choice.layer is None and entry.over is None:
        # Dev preferred no patch: exactly no gain, which does not show that none could be had.
        kind, within, gain = "undecided", False, Interval(0.0, 0.0, 0.0, LEVEL, gain.n)
    return {
        "method": entry.method,
        "family": entry.family,
        "title": entry.title,
        "chosen": entry.chosen,
        "dev_gain": entry.dev_gain,
        "accuracy": right.estimate,
        "accuracy_low": right.low,
        "accuracy_high": right.high,
        "gain": gain.estimate,
        "gain_low": gain.low,
        "gain_high": gain.high,
        "level": LEVEL,
        "n": gain.n,
        "verdict": None if entry is direct else kind,
        "within_delta": None if entry is direct else within,
        "p": None if entry is direct else verdict.p,
        "gained": verdict.gained,
        "lost": verdict.lost,
        "share_of_gap": gain.estimate / gap.estimate if gap and gap.low > 0 else None,
        **_configuration(entry),
        **_over_own(entry),
        **_controls(entry, direct),
        **_retention(entry, there, study.settings.delta),
        **vars(entry.cost),
    }


def _configuration(entry: Entry) -> dict[str, Any]:
    choice = entry.choice
    if choice is None or choice.layer is None:
        return {}
    named = {name: choice.also.get(name) for name in ("site", "positions", "joint")}
    return named | {
        "layer": choice.layer,
        "intervention": choice.intervention,
        "strength": choice.strength,
    }


def _over_own(entry: Entry) -> dict[str, Any]:
    """Of a combination: what is gained over its baseline alone."""
    if entry.over is None:
        return {}
    found = _difference(entry.test, entry.over)
    return {"over_own": found.estimate, "over_own_low": found.low, "over_own_high": found.high}


def _controls(entry: Entry, direct: Entry) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, rows in entry.controls.items():
        # Of a combination the controls stand on the same baseline as the method does.
        base = direct.test if entry.over is None else entry.over
        over = _difference(entry.test, rows)
        found |= {
            f"{name}_gain": _difference(rows, base).estimate,
            f"{name}_over": over.estimate,
            f"{name}_over_low": over.low,
            f"{name}_over_high": over.high,
        }
    return found


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


def _difference(after: pd.DataFrame, before: pd.DataFrame) -> Interval:
    return paired_interval(*paired_correct(after, before))
