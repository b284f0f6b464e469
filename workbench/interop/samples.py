"""Two runs of lm-evaluation-harness on the same items: their `--log_samples`, and whether they differ."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.core.errors import InputError, TextError, did_you_mean
from workbench.core.reading import json_lines
from workbench.core.settings import Settings
from workbench.select import Verdict, decide, holm_verdicts

_NAME = re.compile(r"samples_(?P<task>.+?)(_\d{4}-\d\d-\d\dT[\d.:-]+)?\.jsonl")
"""How the harness calls the file of a task: `samples_TASK_DATE.jsonl`."""
METRICS = ("acc", "exact_match", "f1")
"""The metric of a task with several, where none is named: the first of these that it has, else its first."""


@dataclass(frozen=True)
class Samples:
    """The items of one task in one run, with the metric by which it is judged."""

    task: str
    path: Path
    metric: str
    filter: str
    table: pd.DataFrame
    """Columns `doc_hash`, `copy` (0, 1 … for documents that are alike), `value`, `prompt_hash`,
    `target_hash`, `group` and `doc`."""


def read_samples(
    path: str | Path, metric: str | None = None, filter: str | None = None, group: str | None = None
) -> Samples:
    """The samples of one task, a JSON object a line; `group` is a field of the documents."""
    path = Path(path)
    lines = list(json_lines(path))
    if not lines:
        raise TextError("is empty: run the harness with --log_samples", path)
    for number, line in lines:
        if missing := {"doc_id", "doc", "doc_hash", "metrics"} - set(line):
            raise TextError(f"has no {sorted(missing)[0]!r}: not what --log_samples writes", path, number)
    filters = list(dict.fromkeys(str(line.get("filter", "none")) for _, line in lines))
    if filter is None and len(filters) > 1:
        raise InputError(f"{path} has answers by {len(filters)} filters: name one, --filter {filters[0]}")
    chosen = _known(filter or filters[0], filters, "filter", path)
    lines = [(number, line) for number, line in lines if str(line.get("filter", "none")) == chosen]
    names = list(lines[0][1]["metrics"])
    usual = [name for name in METRICS if name in names]
    metric = _known(metric or (usual or names or [""])[0], names, "metric", path)
    rows = [_row(path, number, line, metric, group) for number, line in sorted(lines, key=_doc_id)]
    table = pd.DataFrame(rows)
    table["copy"] = table.groupby("doc_hash").cumcount()
    found = _NAME.fullmatch(path.name)
    return Samples(found["task"] if found else path.stem, path, metric, chosen, table)


def _doc_id(line: tuple[int, dict[str, Any]]) -> tuple[bool, Any]:
    value = line[1]["doc_id"]
    return isinstance(value, int), value if isinstance(value, int) else str(value)


def _known(name: str, names: Sequence[str], what: str, path: Path) -> str:
    if name not in names:
        raise InputError(f"{path} has no {what} {name!r}: {did_you_mean(name, names)}")
    return name


def _row(path: Path, number: int, line: dict[str, Any], metric: str, group: str | None) -> dict[str, Any]:
    value, doc = line.get(metric), line["doc"]
    if not isinstance(value, (bool, int, float)) or not math.isfinite(value):
        raise TextError(f"{metric} is {value!r}, which is no number of one item", path, number)
    if group is not None and (not isinstance(doc, dict) or group not in doc):
        known = ", ".join(doc) if isinstance(doc, dict) else "none"
        raise TextError(f"its document has no field {group!r}: it has {known}", path, number)
    hashes = {name: str(line.get(name, "")) for name in ("doc_hash", "prompt_hash", "target_hash")}
    return {"value": float(value), "group": None if group is None else str(doc[group]), "doc": doc} | hashes


def match_runs(before: str | Path, after: str | Path) -> list[tuple[Path, Path]]:
    """Two files as they are; of two folders, the newest files of each task that both have."""
    before, after = Path(before), Path(after)
    for path in (before, after):
        if not path.exists():
            raise InputError(f"{path} is not there: give a file of --log_samples, or a folder of them")
    if before.is_file() and after.is_file():
        return [(before, after)]
    if before.is_file() or after.is_file():
        raise InputError(f"{before} and {after}: give two files or two folders")
    first, second = _newest(before), _newest(after)
    if not (shared := [task for task in first if task in second]):
        names = (", ".join(tasks) or "none" for tasks in (first, second))
        raise InputError(f"{before} and {after} share no task: {' against '.join(names)}")
    return [(first[task], second[task]) for task in shared]


def _newest(folder: Path) -> dict[str, Path]:
    """Task → its newest samples; the date in a file's name sorts as text."""
    files = sorted(folder.rglob("samples_*.jsonl"), key=lambda path: path.name)
    return {match["task"]: path for path in files if (match := _NAME.fullmatch(path.name))}


def judge(
    pairs: Iterable[tuple[Samples, Samples]], delta: float = Settings.delta, common: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row for each task, and one for each item that changed.

    Items are paired by the hash of their document. `common` judges the items that both runs have; otherwise
    both must have the same. The gain is that of the second run over the first, with the interval and the rule
    of `decide`; p-values are adjusted by Holm over the tasks.
    """
    rows: list[dict[str, Any]] = []
    verdicts: dict[str, Verdict] = {}
    changed = []
    for before, after in pairs:
        both = _paired(before, after, common)
        groups = None if both.group.isna().all() else both.group.tolist()
        verdict = decide(both.value_after, both.value_before, groups, delta, scores=True)
        name = before.task if before.task not in verdicts else f"{before.task} ({len(verdicts)})"
        verdicts[name] = verdict
        counts = {"items": len(both), "left_out": len(before.table) + len(after.table) - 2 * len(both)}
        about = {"task": name, "metric": before.metric, "filter": before.filter}
        rows.append(about | counts | _row_of(both, verdict))
        flipped = both[both.value_after != both.value_before].rename(
            columns={"value_before": "before", "value_after": "after", "doc_before": "doc"}
        )
        changed.append(flipped.assign(task=name)[["task", "doc_hash", "before", "after", "doc"]])
    if not rows:
        raise InputError("nothing to judge: give the samples of two runs")
    holm = holm_verdicts(verdicts).values()
    table = pd.DataFrame(rows)
    table["holm_p"] = pd.array([verdict.adjusted_p for verdict in holm], dtype="Float64")
    table["holm_verdict"] = [str(verdict.kind) for verdict in holm]
    return table, pd.concat(changed, ignore_index=True)


def _row_of(both: pd.DataFrame, verdict: Verdict) -> dict[str, Any]:
    gain = verdict.gain
    return {
        **{"n": gain.n, "before": both.value_before.mean(), "after": both.value_after.mean()},
        **{"gain": gain.estimate, "gain_low": gain.low, "gain_high": gain.high, "level": gain.level},
        **{"verdict": verdict.kind, "p": verdict.p, "detectable": verdict.detectable},
        **{"gained": verdict.gained, "lost": verdict.lost},
        "prompts_differ": int((both.prompt_hash_after != both.prompt_hash_before).sum()),
    }


def _paired(before: Samples, after: Samples, common: bool) -> pd.DataFrame:
    """The items of both, side by side."""
    if before.metric != after.metric or before.filter != after.filter:
        names = [f"{one.metric} ({one.filter})" for one in (before, after)]
        raise InputError(f"{before.path} and {after.path} have {names[0]} and {names[1]}: name one --metric")
    keys = ["doc_hash", "copy"]
    both = before.table.merge(after.table, on=keys, suffixes=("_before", "_after"))
    missing = [len(one.table) - len(both) for one in (before, after)]
    if not len(both) or (any(missing) and not common):
        counts = f"the first has {missing[0]} more, the second {missing[1]}"
        remedy = "run both on the same items" + (", or give --common" if len(both) else "")
        raise InputError(f"{before.path} and {after.path} share {len(both)} items; {counts}: {remedy}")
    if differ := int((both.target_hash_before != both.target_hash_after).sum()):
        raise InputError(f"{differ} items of {before.path} and {after.path} have different right answers")
    return both.assign(group=both.group_before)
