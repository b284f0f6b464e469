"""All methods on the same items: selected on dev, frozen, scored once on test, in one table."""

import logging
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.core.errors import InputError, StoreError, did_you_mean
from workbench.core.store import read_json, write_json
from workbench.methods.base import Chosen, Method
from workbench.methods.baselines import BASELINES, Baseline, Wording
from workbench.methods.compare.ask import Asked, Asking, compare_folder
from workbench.methods.compare.entry import Entry, seconds_per_item
from workbench.methods.compare.patch import Patching, Tried, combine
from workbench.methods.compare.table import comparison_table
from workbench.methods.recipes import RECIPES, Recipe
from workbench.results import write_table
from workbench.select import holm_kinds
from workbench.study import Study

log = logging.getLogger(__name__)

COMBINED = ("shots_main", "shots_own", "lora_few", "lora")
"""Baselines that recipes are tried on top of."""
UNJUDGED = ("direct", "target_language")
"""No claims of gain: they are what gains are held against."""


METHODS: Mapping[str, Method] = ChainMap[str, Any](RECIPES, BASELINES)
"""All methods, baselines first, in the order of rows; the first is what all are held against."""


@dataclass(frozen=True)
class Plan:
    """Which methods are compared."""

    methods: tuple[Method, ...]
    combined: tuple[str, ...] = COMBINED
    on_top: tuple[str, ...] = ()
    """Recipes for the combinations; none named is the one that dev likes best."""

    @classmethod
    def of(cls, names: Sequence[str] | None = None, training: bool = True, **more: tuple[str, ...]) -> "Plan":
        """All methods, or those named; directly asking is always among them."""
        wanted = list(METHODS) if names is None else ["direct", *names]
        _check(wanted, METHODS, "method")
        _check(more.get("combined", ()), BASELINES, "baseline")
        _check(more.get("on_top", ()), RECIPES, "recipe")
        some = (one for name, one in METHODS.items() if name in wanted)
        return cls(tuple(one for one in some if training or "training" not in one.needs), **more)


def _check(names: Iterable[str], known: Iterable[str], what: str) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"unknown {what} {name!r}: {did_you_mean(name, known)}")


@dataclass(frozen=True)
class Comparison:
    """The table, and where it lies."""

    table: pd.DataFrame
    seconds: dict[str, float]
    """For one item, by method, where it could be measured: a batch of its own, no other work shared."""
    prepared: dict[str, float]
    """Seconds before the first item could be asked: fitting, translating, training."""
    paths: dict[str, Path]


def compare(study: Study, wording: Wording | None = None, plan: Plan | None = None) -> Comparison:
    """Run every method of the plan on the study's task, pair and items."""
    wording, plan = wording or Wording(), plan or Plan.of()
    asking, patching = Asking(wording), Patching()
    baselines = [one for one in plan.methods if isinstance(one, Baseline)]
    recipes = [one for one in plan.methods if isinstance(one, Recipe)]
    asked, skipped = asking.choose(study, baselines)
    tried, left = patching.choose(study, recipes)
    chosen: list[Chosen] = [*asked, *tried]
    _freeze(study, chosen)
    direct, *entries = asking.answer(study, asked)
    entries += patching.answer(study, tried) if recipes else []
    on_top, skipped = _on_top(plan, tried), skipped + left
    for one in asked if on_top else []:
        if one.name in plan.combined:
            found, left = combine(one, on_top)
            entries, skipped = [*entries, *found], [*skipped, *left]
    _count_tokens(asked, [direct, *entries])
    table = with_holm(comparison_table(study, direct, asked[0].test_there, entries, skipped))
    seconds = _seconds(study, chosen)
    paths = {name: compare_folder(study) / file for name, file in _FILES.items()}
    write_table(table, paths["comparison"])
    prepared = _prepared(chosen, paths["timings"])
    write_json(paths["timings"], {"seconds_per_item": seconds, _PREPARED: prepared})
    return Comparison(table, seconds, prepared, paths)


_PREPARED = "seconds_to_prepare"
_FILES = {"comparison": "comparison.parquet", "choices": "choices.json", "timings": "timings.json"}


def with_holm(table: pd.DataFrame) -> pd.DataFrame:
    """p of every method's gain adjusted over all rows: a table of many methods is many hypotheses."""
    judged = table.p.notna() & ~table.method.isin(UNJUDGED)
    mine = table[judged]
    within = mine.within_delta.fillna(False).astype(bool).tolist()
    adjusted, kinds = holm_kinds(mine.p.astype(float).tolist(), mine.verdict.tolist(), within)
    table = table.assign(
        holm_p=pd.array([pd.NA] * len(table), dtype="Float64"),
        holm_verdict=pd.array([pd.NA] * len(table), dtype="string"),
    )
    table.loc[judged, "holm_p"] = adjusted
    table.loc[judged, "holm_verdict"] = kinds
    return table


def _freeze(study: Study, chosen: Sequence[Chosen]) -> None:
    """All choices on disk before any test item is scored."""
    about = study.alignment.facts | {"task": study.task.name, "weights": study.model.weights_digest}
    records = {
        family: {one.name: one.record for one in chosen if one.method.family == family}
        for family in ("baseline", "recipe")
    }
    record = {"about": about, "variants": records["baseline"], "configurations": records["recipe"]}
    write_json(compare_folder(study) / _FILES["choices"], record)


def _on_top(plan: Plan, tried: Sequence[Tried]) -> list[Recipe]:
    """The recipes to combine with: those named, else the one with the best margin on dev."""
    if plan.on_top:
        return [RECIPES[name] for name in plan.on_top]
    own = [one for one in tried if one.control is None and one.configuration is not None]
    if not own:
        return []
    return [max(own, key=lambda one: one.choice.smoothed_gain if one.choice else 0.0).method]


def _count_tokens(asked: Sequence[Asked], entries: Sequence[Entry]) -> None:
    """Tokens run forward per test item, which a patch does not change."""
    counts = {one.name: one.tokens() for one in asked}
    for entry in entries:
        own = counts.get(entry.method.split("+")[0], counts["direct"])
        if entry.cost.item_tokens is None:
            entry.cost = replace(entry.cost, item_tokens=own)


def _seconds(study: Study, chosen: Sequence[Chosen]) -> dict[str, float]:
    items = study.items(study.source, "test")
    found = {one.name: seconds_per_item(one.model, items, patch) for one in chosen for patch in one.patch}
    return {name: round(value, 7) for name, value in found.items() if value is not None}


def _prepared(chosen: Sequence[Chosen], before: Path) -> dict[str, float]:
    """What is kept from an earlier run is found at once: the longest time counts."""
    known = _known(before)
    now = {one.name: one.seconds for one in chosen if one.control is None}
    return {name: round(max(value, known.get(name, 0.0)), 3) for name, value in now.items()}


def _known(before: Path) -> dict[str, float]:
    """The times of an earlier run; a damaged file of times stops no finished comparison."""
    try:
        found = read_json(before, digest="optional").get(_PREPARED) if before.exists() else None
    except StoreError:
        log.warning("%s is damaged: earlier times are unknown", before)
        return {}
    return dict(found or {})


__all__ = ["COMBINED", "Comparison", "Plan", "compare", "with_holm"]
