"""The parallel item in the main language: the accuracy that nothing but another language is away."""

from dataclasses import replace

from workbench.baselines.base import Baseline, Variant, Wording, parallel_items, task_of, with_items
from workbench.errors import NotApplicable
from workbench.study import Study


def _in_main(study: Study, wording: Wording) -> list[Variant]:
    there, task = parallel_items(study), task_of(study)
    asked = []
    for item in task.all:
        if item.language == study.source and item.id not in there:
            raise NotApplicable(f"{task.name} has no item {item.id!r} in {study.target}")
        asked.append(
            replace(there[item.id], language=study.source) if item.language == study.source else item
        )
    return [Variant(f"asked in {study.target}", with_items(task, asked, "ceiling"))]


CEILING = Baseline(
    "ceiling",
    "main-language ceiling",
    "the parallel item in the main language, choices and all",
    _in_main,
)
