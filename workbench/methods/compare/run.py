"""All methods on the same items: selected on dev, frozen, scored once on test, in one table."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from workbench.core.errors import InputError, NotApplicable, StoreError, did_you_mean
from workbench.core.store import read_json, write_json
from workbench.methods.baselines import BASELINES, Baseline, Wording
from workbench.methods.compare.ask import Asked, ask_on_dev, ask_on_test, compare_folder
from workbench.methods.compare.entry import Entry, Skipped, seconds_per_item, tokens_per_item
from workbench.methods.compare.patch import Tried, combine, judge_on_test, try_on_dev
from workbench.methods.compare.table import comparison_table
from workbench.methods.recipes import RECIPES, Recipe
from workbench.results import write_table
from workbench.select import holm_kinds
from workbench.study import Study

log = logging.getLogger(__name__)

COMBINED = ("shots_main", "shots_own", "lora_few", "lora")
"""Baselines that recipes are tried on top of."""
UNJUDGED = ("direct", "ceiling")
"""No claims of gain: they are what gains are held against."""


@dataclass(frozen=True)
class Plan:
    """Which methods are compared."""

    baselines: tuple[Baseline, ...]
    recipes: tuple[Recipe, ...]
    combined: tuple[str, ...] = COMBINED
    on_top: tuple[str, ...] = ()
    """Recipes for the combinations; none named is the one that dev likes best."""

    @classmethod
    def of(cls, names: Sequence[str] | None = None, training: bool = True, **more: tuple[str, ...]) -> "Plan":
        """All methods, or those named; directly asking is always among them."""
        known = {**BASELINES, **RECIPES}
        wanted = list(known) if names is None else ["direct", *names]
        _check(wanted, known, "method")
        _check(more.get("combined", ()), BASELINES, "baseline")
        _check(more.get("on_top", ()), RECIPES, "recipe")
        return cls(
            tuple(
                b for name, b in BASELINES.items() if name in wanted and (training or not b.needs_training)
            ),
            tuple(r for name, r in RECIPES.items() if name in wanted),
            **more,
        )


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
    asked, skipped = _ask(study, wording, plan)
    tried, _, more = try_on_dev(study, plan.recipes)
    _freeze(study, asked, tried)
    baselines = {one.baseline.name: _with_gain(ask_on_test(study, one), one, asked[0]) for one in asked}
    recipes = judge_on_test(study, tried) if plan.recipes else []
    on_top, entries = _on_top(plan, tried), [*list(baselines.values())[1:], *recipes]
    skipped += more
    for one in asked if on_top else []:
        if one.baseline.name in plan.combined:
            found, left = combine(one, on_top)
            entries, skipped = [*entries, *found], [*skipped, *left]
    direct = baselines["direct"]
    _count_tokens(study, asked, [direct, *entries])
    table = with_holm(comparison_table(study, direct, asked[0].test_there, entries, skipped))
    seconds = _seconds(study, asked, tried)
    paths = {name: compare_folder(study) / file for name, file in _FILES.items()}
    write_table(table, paths["comparison"])
    prepared = _prepared(asked, tried, paths["timings"])
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


def _ask(study: Study, wording: Wording, plan: Plan) -> tuple[list[Asked], list[Skipped]]:
    asked, skipped = [], []
    for baseline in plan.baselines:
        try:
            asked.append(ask_on_dev(study, baseline, wording))
        except NotApplicable as error:
            skipped.append(Skipped(baseline.name, baseline.title, "baseline", str(error)))
    return asked, skipped


def _freeze(study: Study, asked: Sequence[Asked], tried: Sequence[Tried]) -> None:
    """All choices on disk before any test item is scored."""
    record = {
        "about": study.alignment.facts | {"task": study.task.name, "weights": study.model.weights_digest},
        "variants": {one.baseline.name: one.variant.name for one in asked},
        "branches": {one.name: None if one.choice is None else asdict(one.choice) for one in tried},
    }
    write_json(compare_folder(study) / _FILES["choices"], record)


def _with_gain(entry: Entry, asked: Asked, direct: Asked) -> Entry:
    entry.dev_gain = float(asked.dev.correct.mean() - direct.dev.correct.mean())
    return entry


def _on_top(plan: Plan, tried: Sequence[Tried]) -> list[Recipe]:
    """The recipes to combine with: those named, else the one with the best margin on dev."""
    if plan.on_top:
        return [RECIPES[name] for name in plan.on_top]
    own = [one for one in tried if one.control is None and one.branch is not None]
    if not own:
        return []
    return [max(own, key=lambda one: one.choice.smoothed_gain if one.choice else 0.0).recipe]


def _count_tokens(study: Study, asked: Sequence[Asked], entries: Sequence[Entry]) -> None:
    """Tokens run forward per test item, which a patch does not change."""
    counts = {
        one.baseline.name: tokens_per_item(one.study.model, one.study.items(study.source, "test"), _said(one))
        for one in asked
    }
    for entry in entries:
        own = counts.get(entry.method.split("+")[0], counts["direct"])
        if entry.cost.item_tokens is None:
            entry.cost = replace(entry.cost, item_tokens=own)


def _said(asked: Asked) -> list[str]:
    """What was generated for test items; nothing where choices were scored."""
    return [str(text) for text in asked.test.generated.dropna()]


def _seconds(study: Study, asked: Sequence[Asked], tried: Sequence[Tried]) -> dict[str, float]:
    found = {
        one.baseline.name: seconds_per_item(one.study.model, one.study.items(study.source, "test"), None)
        for one in asked
    }
    items = study.items(study.source, "test")
    for one in tried:
        if one.control is None and one.branch is not None:
            found[one.name] = seconds_per_item(study.model, items, one.branch)
    return {name: round(value, 7) for name, value in found.items() if value is not None}


def _prepared(asked: Sequence[Asked], tried: Sequence[Tried], before: Path) -> dict[str, float]:
    """What is kept from an earlier run is found at once: the longest time counts."""
    known = _known(before)
    now = {one.baseline.name: one.seconds for one in asked}
    now |= {one.name: one.seconds for one in tried if one.control is None}
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
