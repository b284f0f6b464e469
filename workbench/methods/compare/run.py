"""All methods on the same items: selected on dev, frozen, scored once on test, in one table."""

import logging
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from timeit import repeat
from typing import Any

import pandas as pd

from workbench.core.errors import StoreError
from workbench.core.store import locked, read_json, write_json
from workbench.core.types import check_names
from workbench.methods.base import Method, typed_table
from workbench.methods.baselines import BASELINES, Wording
from workbench.methods.compare.candidates import (
    Asked,
    Candidate,
    Entry,
    Skipped,
    answer_configurations,
    choose_on_dev,
    combine,
)
from workbench.methods.recipes import RECIPES, Recipe
from workbench.models import LanguageModel
from workbench.results import bounds, write_table
from workbench.select import accuracy_difference, decide, holm_kinds, kept_columns, paired_correct
from workbench.select.verdict import LEVEL
from workbench.stats import Interval, accuracy, noninferiority
from workbench.study import Study
from workbench.sweeps import Configuration, read_examples
from workbench.sweeps.naive import naive_scores
from workbench.tasks import Example

log = logging.getLogger(__name__)

COMBINED = ("shots_main", "shots_own", "lora_few", "lora")
"""Baselines that recipes are tried on top of."""
_WHERE = ("site", "layer", "intervention", "positions", "joint", "strength")
UNJUDGED = ("direct", "target_language")
"""No claims of gain: they are what gains are held against."""
ITEMS, REPEATS = 64, 3
"""Items that are timed, and how often."""
METHODS: Mapping[str, Method] = ChainMap[str, Any](RECIPES, BASELINES)
"""All methods, baselines first, in the order of rows; the first is what all are held against."""
TYPES = {
    "string": "model task pair site method split family title chosen intervention positions joint verdict "
    "holm_verdict note",
    "Int64": "layer seed n gained lost parameters fit_tokens pairs labels translations",
    "boolean": "within_delta noninferior",
}
"""Of the columns of the table `comparison` that are not Float64."""


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
    with locked(study.root):
        return _compare(study, wording or Wording(), plan or Plan.of())


def _compare(study: Study, wording: Wording, plan: Plan) -> Comparison:
    folder = study.folder / "compare"
    paths = {
        "comparison": folder / "comparison.parquet",
        "choices": folder / "choices.json",
        "timings": folder / "timings.json",
    }
    asked, candidates, skipped = choose_on_dev(study, plan.methods, wording)
    _freeze(study, asked, candidates, paths["choices"])
    tried: list[Asked | Candidate] = [*asked, *candidates]
    study.count_look("compare", [one.name for one in tried])
    direct, *entries = [one.answer(study, asked[0]) for one in asked]
    if candidates:
        entries += answer_configurations(study, candidates, asked[0].cost.item_tokens)
    on_top = _on_top(plan, candidates)
    for one in asked if on_top else []:
        if one.method.name in plan.combined:
            combinations, not_applicable = combine(one, on_top)
            entries, skipped = [*entries, *combinations], [*skipped, *not_applicable]
    table = with_holm(comparison_table(study, direct, asked[0].test.get(study.target), entries, skipped))
    own = [one for one in tried if one.control is None]
    seconds = _seconds(study, own)
    write_table(table, paths["comparison"])
    prepared = _prepared({one.name: one.seconds for one in own}, paths["timings"])
    write_json(paths["timings"], {"seconds_per_item": seconds, _PREPARED: prepared})
    return Comparison(table, seconds, prepared, paths)


_PREPARED = "seconds_to_prepare"


def with_holm(table: pd.DataFrame) -> pd.DataFrame:
    """p of every method's gain adjusted over all rows: a table of many methods is many hypotheses."""
    rows = table[table.p.notna() & ~table.method.isin(UNJUDGED)]
    within = rows.within_delta.fillna(False).astype(bool).tolist()
    adjusted, kinds = holm_kinds(rows.p.astype(float).tolist(), rows.verdict.tolist(), within)
    return table.assign(
        holm_p=pd.Series(adjusted, rows.index, dtype="Float64"),
        holm_verdict=pd.Series(kinds, rows.index, dtype="string"),
    )


def _freeze(study: Study, asked: Sequence[Asked], candidates: Sequence[Candidate], path: Path) -> None:
    """All choices on disk before any test item is scored."""
    about = study.alignment.facts | {"task": study.task.name, "weights": study.model.weights_digest}
    variants = {one.name: one.variant.name for one in asked}
    configurations = {one.name: one.choice and asdict(one.choice) for one in candidates}
    write_json(path, {"about": about, "variants": variants, "configurations": configurations})


def _on_top(plan: Plan, candidates: Sequence[Candidate]) -> list[Recipe]:
    """The recipes to combine with: those named, else the one with the best margin on dev."""
    if plan.on_top:
        return [RECIPES[name] for name in plan.on_top]
    own = [one for one in candidates if one.control is None and one.configuration is not None]
    best = max(own, key=lambda one: one.choice.smoothed_gain if one.choice else 0.0, default=None)
    return [] if best is None else [best.method]


def _seconds(study: Study, methods: Sequence[Asked | Candidate]) -> dict[str, float]:
    """The time of one item by method, over the same items: unpatched, or with a recipe's patch."""
    items = study.items(study.source, "test")
    seconds = {
        one.name: seconds_per_item(one.study.model, items, one.configuration)
        for one in methods
        if one.choice is None or one.configuration is not None
    }
    return {name: round(value, 7) for name, value in seconds.items() if value is not None}


def seconds_per_item(
    model: LanguageModel, items: Sequence[Any], configuration: Configuration | None
) -> float | None:
    """The time of one item, patched or not, in its own batch, best of a few; None for generated answers."""
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
    where = {} if entry.choice is None or entry.choice.layer is None else entry.choice.where
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
        **{name: where.get(name) for name in _WHERE},
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
    return kept_columns(noninferiority(after, before, delta, groups))
