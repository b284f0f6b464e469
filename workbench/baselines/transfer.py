"""Cross-lingual transfer without training: classes learned from main-language items, by nearest prototype."""

from typing import Any

from workbench.baselines.base import Baseline, Cost, Variant, Wording, parallel_items, task_of
from workbench.errors import NotApplicable
from workbench.study import Study
from workbench.tasks import ChoiceTask


def _by_prototypes(study: Study, wording: Wording) -> list[Variant]:
    task = task_of(study)
    parallel_items(study)
    learned = task.examples(study.target, "fit")
    if not isinstance(task, ChoiceTask) or not learned:
        raise NotApplicable(f"{task.name} has no fit items with choices in {study.target} to learn from")
    asked: list[Any] = [*learned, *task.examples(study.source, "test"), *task.examples(study.source, "dev")]
    kinds = {len(item.choices) for item in asked}
    if len(kinds) > 1 or len({item.choices for item in asked if item.language == study.target}) > 1:
        raise NotApplicable(f"the items of {task.name} do not share their choices: there are no classes")
    tokens = sum(map(len, study.model.tokens.encode([item.prompt for item in learned])))
    cost = Cost(parameters=kinds.pop() * study.model.info.d_model, fit_tokens=tokens, labels=len(learned))
    return [Variant("nearest prototype", task, cost=cost, by="prototype")]


TRANSFER_PROTOTYPE = Baseline(
    "transfer_prototype",
    "cross-lingual transfer (nearest prototype)",
    "means of the model's last states of main-language items of each class; the nearest one answers",
    _by_prototypes,
)
