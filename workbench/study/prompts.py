"""Maps fitted on the task's own prompts: the same items in two languages, as parallel text."""

from typing import Any

from workbench.errors import InputError
from workbench.study.examination import AnyTask
from workbench.tasks import same_items
from workbench.text import ParallelText


def prompts_text(task: AnyTask, languages: tuple[str, str]) -> ParallelText:
    """The prompts of the task's `fit` items, row by row the same item; items of dev and test are not in it.

    A map is applied at the last token of a prompt: fitted there, it has nothing to bridge from the ends of
    plain sentences.
    """
    source, target = languages
    items: list[tuple[Any, ...]] = [task.examples(code, "fit") for code in languages]
    if not items[0] or not same_items(items[0], items[1]):
        raise InputError(
            f"{task.name} has {len(items[0])} fit items in {source} and {len(items[1])} in {target}: to fit "
            "on prompts it needs the same ones in both; fit on sentences instead (--fit-on sentences)"
        )
    groups = [item.group or item.id for item in items[0]]
    sides = {code: tuple(item.prompt for item in side) for code, side in zip(languages, items, strict=True)}
    return ParallelText(sides, groups=tuple(groups), sources=(f"{task.name} prompts",))
