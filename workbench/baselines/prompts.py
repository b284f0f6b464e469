"""Other prompts: instructions in the main language, and a search among templates on dev."""

from dataclasses import replace

from workbench.baselines.base import AnyTask, Baseline, Variant, Wording, task_of, with_items
from workbench.errors import NotApplicable
from workbench.languages import name_of
from workbench.study import Study
from workbench.tasks import same_items
from workbench.tasks.prompts import fill


def _instructed(study: Study, wording: Wording) -> list[Variant]:
    task = wording.instructed
    if task is None:
        raise NotApplicable(f"{study.task.name} has no instruction, or already one in {study.target}")
    for split in ("dev", "test"):
        if not same_items(task.examples(study.source, split), study.task.examples(study.source, split)):  # type: ignore[type-var]
            raise NotApplicable(f"{task.name} with instructions in {study.target} has other {split} items")
    return [Variant(f"instruction in {study.target}", task)]


def _searched(study: Study, wording: Wording) -> list[Variant]:
    task = task_of(study)
    return [
        Variant(repr(template), in_template(task, template, study.target)) for template in wording.templates
    ]


def in_template(task: AnyTask, template: str, target: str) -> AnyTask:
    """Every prompt inside the template."""
    values = {"target": name_of(target)}
    return with_items(
        task,
        (
            replace(item, prompt=fill(template, item.language, values | {"prompt": item.prompt}))
            for item in task.all
        ),
    )


PROMPT_TRANSLATION = Baseline(
    "prompt_translation",
    "prompt translation",
    "the instruction in the main language, the item in its own",
    _instructed,
)
PROMPT_SEARCH = Baseline(
    "prompt_search",
    "prompt search",
    "a pool of templates, of which dev chooses one",
    _searched,
)
