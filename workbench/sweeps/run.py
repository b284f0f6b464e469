"""The public sweep: each configuration by the fastest engine for it, checked against naive first."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from workbench.core.errors import InputError
from workbench.core.numbers import evenly
from workbench.core.types import Normalisation, Progress, check_name, silent
from workbench.models import LanguageModel
from workbench.models.memory import halved
from workbench.models.workers import each
from workbench.sweeps.naive import Naive, answer_columns, naive_scores
from workbench.sweeps.plan import (
    COLUMNS,
    Configuration,
    Engine,
    Limits,
    Plan,
    choice_columns,
    rows,
    table_of,
)
from workbench.sweeps.score import (
    Classes,
    Reading,
    Scores,
    classes_of,
    compared_by,
    last_states,
    margin,
)
from workbench.sweeps.shards import Shard, Shelf, plan_facts
from workbench.sweeps.slots import Slots
from workbench.sweeps.suffix import Suffix
from workbench.tasks import AnswerExample, Example

ENGINES: dict[str, Engine] = {"slots": Slots(), "suffix": Suffix(), "naive": Naive()}
"""The engines of choices, the fastest first. Answers are generated naively."""


def sweep(
    model: LanguageModel,
    examples: Sequence[Example] | Sequence[AnswerExample],
    configurations: Sequence[Configuration],
    *,
    task: str,
    pair: str,
    clean: bool = True,
    batch_size: int = 64,
    progress: Progress = silent,
    allow_naive: bool = False,
    folder: Path | None = None,
    by: Normalisation | Classes = "plain",
    scorer: str | None = None,
    max_new_tokens: int = 32,
    until: str | tuple[str, ...] | None = "\n",
    way: str | None = None,
    checks: "Checks | None" = None,
) -> pd.DataFrame:
    """One row per (configuration, example); with `clean`, the unpatched run comes first.

    Each configuration goes by slots, else by suffix, else naively. Some examples go through a fast way and
    naive before; where they disagree this is an error, or, with `allow_naive`, that way's configurations go
    naively.
    `way` names one engine for all configurations, which is not checked then: "slots", "suffix" or "naive".
    `checks` holds what earlier sweeps over the same task with the same configurations found, and takes up
    what this one finds: an engine in it is not checked again.

    With a `folder`, finished parts are kept there, and a sweep that was interrupted goes on where it was:
    its table is the same to the byte. Another sweep in the same folder has parts of its own.

    `by` is what choices are compared by: their log-likelihood, plain or for each token or character; or how
    near the prompt's last state is to a prototype of each, where they are classes (`class_prototypes`).

    Examples with answers are generated, greedily and naively, `max_new_tokens` at most and up to `until`;
    they need the `scorer` of their task: `**task.generation(language)` is what the task says of all three.
    """
    if not (clean or configurations):
        raise InputError(f"nothing to sweep over {task}: no configurations, and no clean run")
    plan = Plan.of(
        model,
        examples,
        configurations,
        task=task,
        pair=pair,
        clean=clean,
        batch_size=batch_size,
        by=by,
        scorer=scorer,
        max_new_tokens=max_new_tokens,
        until=until,
    )
    return run_plan(plan, way, folder, allow_naive, progress, checks)


def run_plan(
    plan: Plan,
    way: str | None = None,
    folder: Path | None = None,
    allow_naive: bool = False,
    progress: Progress = silent,
    checks: "Checks | None" = None,
) -> pd.DataFrame:
    """The table of a plan: all shards in order, those in the folder as they are."""
    shelf = None if folder is None else Shelf(Path(folder), _facts_of(plan, way, allow_naive))
    ways = shelf.ways() if shelf else None
    if ways is None:
        ways = settled_ways(plan, allow_naive, checks) if way is None else _all_by(plan, way)
        if shelf:
            shelf.begin(ways)
    shards = plan_shards(plan, ways)
    parts = [shelf.get(number) if shelf else None for number in range(len(shards))]
    missing = [number for number, part in enumerate(parts) if part is None]
    progress("sweep", len(shards) - len(missing), len(shards))
    made = each(plan.model, _shard_of, plan, [shards[number] for number in missing])
    for done, (at, part) in enumerate(made, len(shards) - len(missing) + 1):
        parts[missing[at]] = part
        if shelf:
            shelf.put(missing[at], part)
        progress("sweep", done, len(shards))
    whole = pd.concat(parts, ignore_index=True).sort_values(["configuration", "row"], kind="stable")
    return whole[list(COLUMNS)].astype(COLUMNS).reset_index(drop=True)


def _shard_of(model: LanguageModel, plan: Plan, shard: Shard) -> pd.DataFrame:
    return run_shard(plan if plan.model is model else replace(plan, model=model), shard)


def _facts_of(plan: Plan, way: str | None, allow_naive: bool) -> dict[str, Any]:
    by = f"prototypes of {plan.by.digest}" if isinstance(plan.by, Classes) else plan.by
    settings = {"task": plan.task, "pair": plan.pair, "clean": plan.clean, "limits": asdict(plan.limits)}
    settings |= {"naive": allow_naive, "by": by}
    settings |= {"generation": asdict(plan.generation) if plan.generation else None}
    # Named only where they are not as ever, so that sweeps kept by earlier versions are found.
    settings |= {"way": way} if way else {}
    settings |= {"padding": plan.padding} if plan.padding != "right" else {}
    return plan_facts(plan.model, plan.examples, plan.configurations, settings)


# Which configuration goes which way.


GENERATED = "generated"
"""The way of configurations whose answers are generated."""


def settled_ways(plan: Plan, allow_naive: bool, checks: "Checks | None" = None) -> list[str]:
    """The way of each configuration, the clean run's (or "") first, once the fast ways are checked."""
    if plan.generation:
        return [GENERATED if plan.clean else "", *[GENERATED] * len(plan.configurations)]
    ways = [fastest_way(plan, configuration) for configuration in plan.configurations]
    fast, checks = [way for way in ENGINES if way != "naive"], {} if checks is None else checks
    for way in fast:
        mine = [
            configuration for configuration, its in zip(plan.configurations, ways, strict=True) if its == way
        ]
        if mine and way not in checks:
            checks[way] = check_fast(way, replace(plan, configurations=mine))
        found = checks[way] if mine else None
        if found is not None and not allow_naive:
            takes = found.naive_takes(len(plan.configurations), len(plan.items))
            raise InputError(
                f"{found}: naive for all would take about {takes}; pass allow_naive=True to go on so"
            )
        if found is not None:
            ways = ["naive" if its == way else its for its in ways]
    # The clean run is part of the fastest way there is.
    first = next((way for way in fast if way in ways), "naive")
    return [first if plan.clean else "", *ways]


def fastest_way(plan: Plan, configuration: Configuration) -> str:
    """The first engine that can run a configuration."""
    can = (
        way
        for way, engine in ENGINES.items()
        if engine.refusal(plan.model, plan.items, [configuration]) is None
    )
    return next(can)


def _all_by(plan: Plan, way: str) -> list[str]:
    """One way for all, if it can do it."""
    check_name(way, ENGINES, "way")
    if plan.generation and way != "naive":
        raise InputError(f"no {way} for this sweep: answers are generated naively; use way='naive'")
    if not plan.generation and (reason := ENGINES[way].refusal(plan.model, plan.items, plan.configurations)):
        raise InputError(f"no {way} for this sweep: {reason}; use way='naive'")
    way = GENERATED if plan.generation else way
    return [way if plan.clean else "", *[way] * len(plan.configurations)]


# Shards: the parts of a sweep, fixed before it runs.


def plan_shards(plan: Plan, ways: Sequence[str]) -> list[Shard]:
    """All shards, in order; `ways` names the way of each configuration, that of the clean run (or "") first.

    Nothing but the arguments has a say in it, so a sweep that is taken up again has the same batches.
    """
    shards = []
    for way, engine in {**ENGINES, GENERATED: ENGINES["naive"]}.items():
        numbers = [number for number, its in enumerate(ways) if its == way]
        if not numbers:
            continue
        mine = [number for number in numbers if number]
        clean = numbers[0] == 0
        done: set[int] = set()
        for these, some in engine.runs(plan, [plan.configurations[number - 1] for number in mine]):
            those = tuple(mine[j] for j in some)
            # The clean run of an example comes with the first of its runs.
            first = clean and not done.intersection(these)
            done.update(these)
            shards.append(Shard(way, tuple(these), (0, *those) if first else those))
    return shards


def run_shard(plan: Plan, shard: Shard) -> pd.DataFrame:
    """The rows of a shard, with the numbers of their configurations and examples.

    Where memory runs out, it is run in smaller parts: fewer rows first, then fewer slots and configurations.
    """
    parts = plan.memory.run(
        lambda part: _run_part(plan, part),
        shard,
        size=lambda part: part.size(plan),
        smaller=lambda part: part.smaller(plan),
        alone=lambda part: f"one prompt of {len(plan.items[part.rows[0]].prompt)} tokens",
        kind=shard.way,
    )
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def longest_prompt(items: Iterable[Any]) -> int:
    """Tokens of the longest prompt."""
    return max(len(item.prompt) for item in items)


def _run_part(plan: Plan, shard: Shard) -> pd.DataFrame:
    if shard.slots:
        plan = replace(plan, limits=replace(plan.limits, slots=shard.slots))
    items = [plan.items[i] for i in shard.rows]
    every = [plan.configuration(number) for number in shard.configurations]
    found: Iterable[dict[str, Any]]
    if plan.generation:
        found = [answer_columns(plan.model, items, one, plan.generation) for one in every]
    else:
        patched = [configuration for configuration in every if configuration is not None]
        by_configuration = ENGINES[shard.way].run(plan, items, patched, None in every)
        found = [choice_columns(items, compared_by(plan.by, items, scores)) for scores in by_configuration]
    return table_of(
        [
            rows(plan, items, number, columns)
            | {"configuration": [number] * len(items), "row": list(shard.rows)}
            for number, columns in zip(shard.configurations, found, strict=True)
        ]
    )


def scores_by(way: str, plan: Plan) -> list[Scores]:
    """The scores of the clean run and of each configuration over all readings, by one engine."""
    found: list[list[torch.Tensor]] = [
        [torch.empty(0)] * len(plan.items) for _ in range(len(plan.configurations) + 1)
    ]
    sizes = torch.zeros(len(found), len(plan.items), dtype=torch.float64)
    for those, mine in ENGINES[way].runs(plan, plan.configurations):
        items, some = [plan.items[i] for i in those], [plan.configurations[j] for j in mine]
        made = ENGINES[way].run(plan, items, some, clean=True)
        for j, scores in zip([0, *(j + 1 for j in mine)], made, strict=True):
            sizes[j, torch.tensor(those)] = scores.sizes
            for i, choices in zip(those, scores.choices, strict=True):
                found[j][i] = choices
    return [Scores(choices, size) for choices, size in zip(found, sizes, strict=True)]


# The check before every sweep: some examples go through a fast way and through naive, and must agree.


CHECKED = 8
"""At most so many examples go through a fast way and naive before a sweep."""
PASSES, SHARE = 16, 0.02
"""And as many as this number of naive passes over one example allow, or this share of a large sweep."""
FACTOR = 4.0
"""A fast way may differ from naive by so much more than naive at one batch size from naive at another…"""
FLOOR = 1e-4
"""… or by this share of the logits' scale, for each token of a choice (in half precision: one step).

By class prototypes, a share of the distance between the nearest and the farthest class."""
CLASS_FLOOR = 1e-5
"""And there at least this share of the largest score: classes may lie close together, far from the origin."""


@dataclass(frozen=True)
class Disagreement:
    """Where a fast way and naive differ, beyond tolerance, on one example."""

    way: str
    model: str
    configuration: Configuration | None
    example: str
    margins: tuple[float, float]
    predictions: tuple[int, int]
    tolerance: float
    seconds: float
    """What naive takes for one example in one configuration."""

    def __str__(self) -> str:
        what = "the clean run" if self.configuration is None else str(self.configuration)
        return (
            f"{self.way} and naive disagree on {self.model}, {what}, example {self.example!r}: margin "
            f"{self.margins[0]:.6g} and {self.margins[1]:.6g} (allowed difference {self.tolerance:.1g}), "
            f"choice {self.predictions[0]} and {self.predictions[1]}"
        )

    def naive_takes(self, n_configurations: int, n_examples: int) -> str:
        """How long naive would take for all, for people."""
        seconds = self.seconds * n_examples * (n_configurations + 1)
        return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


Checks = dict[str, Disagreement | None]
"""Engine → what its check found."""


def check_fast(way: str, plan: Plan) -> Disagreement | None:
    """Some examples, in the clean run and in telling configurations, both ways; None where they agree.

    The examples are spread over the lengths of prompts, with the shortest and the longest. Margins must
    agree, and choices unless naive itself has a tie there.
    """
    configurations = plan.configurations
    picks = _telling(configurations)
    passes = max(PASSES, SHARE * len(plan.items) * (len(configurations) + 1))
    # Of naive: the clean run and each pick, and both kinds of rounding once more.
    some = spread(plan.items, int(min(max(passes // (len(picks) + 3), 2), CHECKED)))
    checked = replace(
        plan, items=some, configurations=[configurations[j] for j in picks], limits=Limits(), padding="right"
    )

    def smaller(part: Plan) -> list[Plan]:
        fewer = [replace(part, items=items) for items in halved(part.items)]
        return fewer or [replace(part, configurations=some) for some in halved(part.configurations)]

    found = plan.memory.run(
        partial(_compared, way),
        checked,
        size=lambda part: len(part.items) * (longest_prompt(part.items) + len(part.configurations)),
        smaller=smaller,
        alone=lambda part: f"one prompt of {longest_prompt(part.items)} tokens",
        kind=f"check of {way}",
    )
    return next((one for one in found if one is not None), None)


def _compared(way: str, checked: Plan) -> Disagreement | None:
    """All items of a plan, in the clean run and all its configurations, both ways."""
    model, some = checked.model, checked.items
    clean, *patched = scores_by(way, checked)
    pairs = [(None, clean), *zip(checked.configurations, patched, strict=True)]
    start = time.perf_counter()
    whole = [naive_scores(model, some, configuration, len(some)) for configuration, _ in pairs]
    seconds = (time.perf_counter() - start) / (len(pairs) * len(some))
    few = max(1, len(some) // 4)
    noise = max(
        abs(p - q)
        # Of the clean run and the first configuration: rounding is of one kind in all.
        for (configuration, _), together in list(zip(pairs, whole, strict=True))[:2]
        for p, q in zip(
            _margins(together, some),
            _margins(naive_scores(model, some, configuration, few), some),
            strict=True,
        )
    )
    tolerance = max(FACTOR * noise, _floor(model, some))
    for (configuration, fast), naive in zip(pairs, whole, strict=True):
        for i, reading in enumerate(some):
            margins = _margins(fast, some)[i], _margins(naive, some)[i]
            predictions = int(fast.choices[i].argmax()), int(naive.choices[i].argmax())
            best = naive.choices[i].topk(2).values
            tie = float(best[0] - best[1]) <= tolerance
            same = abs(margins[0] - margins[1]) <= tolerance  # not so where one is NaN
            if not same or (predictions[0] != predictions[1] and not tie):
                return Disagreement(
                    way,
                    model.info.name,
                    configuration,
                    reading.example.id,
                    margins,
                    predictions,
                    tolerance,
                    seconds,
                )
    return None


def _telling(configurations: Sequence[Configuration]) -> list[int]:
    """The first, the last and the strongest configuration, and the first of each kind."""
    first: dict[tuple[str, ...], int] = {}
    for j, configuration in enumerate(configurations):
        components = sorted({str(site.component) for site, _ in configuration.parts})
        first.setdefault((configuration.positions, configuration.joint, *components), j)
    strongest = max(range(len(configurations)), key=lambda j: abs(configurations[j].strength))
    return list(dict.fromkeys((0, len(configurations) - 1, strongest, *first.values())))


def spread(readings: Sequence[Any], most: int) -> list[Any]:
    """At most so many items, over the lengths of prompts, with the shortest and the longest."""
    by_length = sorted(readings, key=lambda reading: len(reading.prompt))
    return [by_length[place] for place in evenly(len(by_length), most)]


def _margins(scores: Scores, readings: Sequence[Reading]) -> list[float]:
    return [margin(s, reading.example.answer) for s, reading in zip(scores.choices, readings, strict=True)]


@torch.no_grad()
def _floor(model: LanguageModel, readings: Sequence[Reading]) -> float:
    if (classes := classes_of(readings)) is not None:
        states = last_states(model, readings)
        scores, step = classes.scores(states), torch.finfo(states.dtype).eps
        range_ = float((scores.max(1).values - scores.min(1).values).max())
        return max(max(FLOOR, step) * range_, max(CLASS_FLOOR, step) * float(scores.abs().max()))
    logits = model.unembed(model.final_norm(last_states(model, readings)[None]))
    step = torch.finfo(logits.dtype).eps
    summed = max(len(choice) for reading in readings for choice in reading.choices)
    return max(FLOOR, step) * max(float(logits.float().abs().max()), 1.0) * summed
