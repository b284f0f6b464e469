"""What combines with what: a recipe on top of a baseline that changed the prompt or the model."""

from collections.abc import Sequence

from workbench.baselines.base import Cost
from workbench.compare.ask import Asked
from workbench.compare.entry import Entry, Skipped
from workbench.compare.patch import judge_on_test, try_on_dev
from workbench.recipes import Recipe


def combine(asked: Asked, recipes: Sequence[Recipe]) -> tuple[list[Entry], list[Skipped]]:
    """The recipes fitted, chosen and judged anew where the baseline's variant is the starting point.

    What they gain is counted over that baseline: does patching still help after it?
    """
    tried, _, skipped = try_on_dev(asked.study, recipes)
    name, title = asked.baseline.name, asked.baseline.title
    entries = judge_on_test(asked.study, tried)
    for entry in entries:
        entry.method, entry.title = f"{name}+{entry.method}", f"{title} + {entry.title}"
        entry.family, entry.over = "combination", asked.test
        if entry.on_target is None:
            entry.on_target = asked.test_there  # without a patch, what the baseline alone does there
        entry.cost = _sum(asked.variant.cost, entry.cost)
    renamed = [Skipped(f"{name}+{s.method}", f"{title} + {s.title}", "combination", s.why) for s in skipped]
    return entries, renamed


def _sum(one: Cost, other: Cost) -> Cost:
    return Cost(
        parameters=one.parameters + other.parameters,
        fit_tokens=one.fit_tokens + other.fit_tokens,
        pairs=one.pairs + other.pairs,
        labels=one.labels + other.labels,
        translations=one.translations + other.translations,
        item_tokens=one.item_tokens,
    )
