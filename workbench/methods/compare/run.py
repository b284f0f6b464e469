"""All methods on the same items: selected on dev, frozen, scored once on test, in one table."""

import logging
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from timeit import repeat
from typing import Any

import pandas as pd

from workbench.core.errors import StoreError
from workbench.core.store import read_json, write_json
from workbench.methods.base import Method, check_names, count_tokens
from workbench.methods.baselines import BASELINES, Baseline, Wording
from workbench.methods.compare.candidates import (
    Asked,
    Candidate,
    answer_configurations,
    choose_configurations,
    choose_variants,
    combine,
)
from workbench.methods.compare.table import Entry, comparison_table
from workbench.methods.recipes import RECIPES, Recipe
from workbench.models import LanguageModel
from workbench.results import write_table
from workbench.select import holm_kinds
from workbench.study import Study
from workbench.sweeps import Configuration, read_examples
from workbench.sweeps.naive import naive_scores
from workbench.sweeps.score import all_single
from workbench.tasks import Example

log = logging.getLogger(__name__)

COMBINED = ("shots_main", "shots_own", "lora_few", "lora")
"""Baselines that recipes are tried on top of."""
UNJUDGED = ("direct", "target_language")
"""No claims of gain: they are what gains are held against."""
ITEMS, REPEATS = 64, 3
"""Items that are timed, and how often."""
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
        check_names(wanted, METHODS, "method")
        check_names(more.get("combined", ()), BASELINES, "baseline")
        check_names(more.get("on_top", ()), RECIPES, "recipe")
        some = (method for name, method in METHODS.items() if name in wanted)
        return cls(tuple(method for method in some if training or "training" not in method.needs), **more)


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
    plan, folder = plan or Plan.of(), study.folder / "compare"
    paths = {
        "comparison": folder / "comparison.parquet",
        "choices": folder / "choices.json",
        "timings": folder / "timings.json",
    }
    baselines = [method for method in plan.methods if isinstance(method, Baseline)]
    recipes = [method for method in plan.methods if isinstance(method, Recipe)]
    asked, skipped = choose_variants(study, baselines, wording or Wording())
    candidates, _, not_applicable = choose_configurations(study, recipes)
    skipped += not_applicable
    _freeze(study, asked, candidates, paths["choices"])
    direct, *entries = [one.answer(study, asked[0]) for one in asked]
    entries += answer_configurations(study, candidates) if recipes else []
    on_top = _on_top(plan, candidates)
    for one in asked if on_top else []:
        if one.method.name in plan.combined:
            combinations, not_applicable = combine(one, on_top)
            entries, skipped = [*entries, *combinations], [*skipped, *not_applicable]
    _count_tokens(asked, [direct, *entries])
    table = with_holm(comparison_table(study, direct, asked[0].test.get(study.target), entries, skipped))
    seconds = _seconds(study, asked, candidates)
    write_table(table, paths["comparison"])
    took = {one.method.name: one.seconds for one in asked}
    took |= {one.name: one.seconds for one in candidates if one.control is None}
    prepared = _prepared(took, paths["timings"])
    write_json(paths["timings"], {"seconds_per_item": seconds, _PREPARED: prepared})
    return Comparison(table, seconds, prepared, paths)


_PREPARED = "seconds_to_prepare"


def with_holm(table: pd.DataFrame) -> pd.DataFrame:
    """p of every method's gain adjusted over all rows: a table of many methods is many hypotheses."""
    judged = table.p.notna() & ~table.method.isin(UNJUDGED)
    rows = table[judged]
    within = rows.within_delta.fillna(False).astype(bool).tolist()
    adjusted, kinds = holm_kinds(rows.p.astype(float).tolist(), rows.verdict.tolist(), within)
    table = table.assign(
        holm_p=pd.array([pd.NA] * len(table), dtype="Float64"),
        holm_verdict=pd.array([pd.NA] * len(table), dtype="string"),
    )
    table.loc[judged, "holm_p"] = adjusted
    table.loc[judged, "holm_verdict"] = kinds
    return table


def _freeze(study: Study, asked: Sequence[Asked], candidates: Sequence[Candidate], path: Path) -> None:
    """All choices on disk before any test item is scored."""
    about = study.alignment.facts | {"task": study.task.name, "weights": study.model.weights_digest}
    variants = {one.method.name: one.variant.name for one in asked}
    configurations = {one.name: one.choice and asdict(one.choice) for one in candidates}
    write_json(path, {"about": about, "variants": variants, "configurations": configurations})


def _on_top(plan: Plan, candidates: Sequence[Candidate]) -> list[Recipe]:
    """The recipes to combine with: those named, else the one with the best margin on dev."""
    if plan.on_top:
        return [RECIPES[name] for name in plan.on_top]
    own = [one for one in candidates if one.control is None and one.configuration is not None]
    best = max(own, key=lambda one: one.choice.smoothed_gain if one.choice else 0.0, default=None)
    return [] if best is None else [best.method]


def _count_tokens(asked: Sequence[Asked], entries: Sequence[Entry]) -> None:
    """Tokens run forward per test item, which a patch does not change."""
    counts = {}
    for one in asked:
        source = one.study.source
        items, answers = one.study.items(source, "test"), one.test[source].generated.dropna()
        counts[one.method.name] = tokens_per_item(one.study.model, items, answers.astype(str).tolist())
    for entry in entries:
        if entry.cost.item_tokens is None:
            own = counts.get(entry.method.split("+")[0], counts["direct"])
            entry.cost = replace(entry.cost, item_tokens=own)


def tokens_per_item(model: LanguageModel, items: Sequence[Any], generated: Sequence[str] = ()) -> float:
    """Mean tokens run forward to answer an item: the prompt, once for each choice of several tokens."""
    if not items or not isinstance(items[0], Example):
        return count_tokens(model, [*(item.prompt for item in items), *generated]) / max(len(items), 1)
    readings = read_examples(model, items)
    if all_single(readings):
        return sum(len(reading.prompt) for reading in readings) / len(readings)
    rows = (len(reading.prompt) + len(choice) - 1 for reading in readings for choice in reading.choices)
    return sum(rows) / len(readings)


def _seconds(study: Study, asked: Sequence[Asked], candidates: Sequence[Candidate]) -> dict[str, float]:
    """The time of one item by method, over the same items: unpatched, or with a recipe's patch."""
    items = study.items(study.source, "test")
    seconds = {one.method.name: seconds_per_item(one.study.model, items, None) for one in asked}
    for one in candidates:
        if one.control is None and one.configuration is not None:
            seconds[one.name] = seconds_per_item(study.model, items, one.configuration)
    return {name: round(value, 7) for name, value in seconds.items() if value is not None}


def seconds_per_item(
    model: LanguageModel, items: Sequence[Any], configuration: Configuration | None
) -> float | None:
    """The time one item takes, patched or not, in a batch by itself: the best of a few runs.

    Measured over the same few items for all methods; None for generated answers.
    """
    if not items or not isinstance(items[0], Example):
        return None
    readings = read_examples(model, items[:ITEMS])
    times = repeat(
        lambda: naive_scores(model, readings, configuration, len(readings)), repeat=REPEATS, number=1
    )
    return min(times) / len(readings)


def _prepared(seconds: Mapping[str, float], before: Path) -> dict[str, float]:
    """What is kept from an earlier run is found at once: the longest time counts."""
    try:
        known = read_json(before, digest="optional").get(_PREPARED) if before.exists() else None
    except StoreError:  # stops no finished comparison
        log.warning("%s is damaged: earlier times are unknown", before)
        known = None
    return {name: round(max(value, (known or {}).get(name, 0.0)), 3) for name, value in seconds.items()}
