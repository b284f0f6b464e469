"""What a baseline is: another way of closing the gap than patching, as variants among which dev decides."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

from workbench.core.errors import InputError, NotApplicable
from workbench.core.languages import name_of
from workbench.core.types import ComparedBy
from workbench.methods.base import Cost, Family, LanguagePair, Method
from workbench.models import LanguageModel
from workbench.tasks import AnswerTask, ChoiceTask

AnyTask = ChoiceTask | AnswerTask

TEMPLATES = (
    "{prompt}",
    "Question: {prompt}",
    "{prompt}\n",
    "Answer the following.\n\n{prompt}",
    "Think of it in {target}. {prompt}",
)
"""Prompts to search among where the user gives none; `{target}` is the main language's English name."""


@dataclass(frozen=True, eq=False)
class Variant:
    """One way of asking: the task as it is put, and the model it is put to."""

    name: str
    task: AnyTask
    model: LanguageModel | None = None
    """Another than the study's own."""
    cost: Cost = field(default_factory=Cost)
    by: ComparedBy | None = None
    """What choices are compared by, if not by what the study says."""


@dataclass(frozen=True)
class Wording:
    """How a task is put into words, for baselines that ask it otherwise.

    For the organism, which reads nothing but its own languages, `organism_wording` has the words.
    """

    between: str = "\n\n"
    """What stands between shots."""
    templates: Sequence[str] = TEMPLATES
    shots: Sequence[int] = (1, 2, 4)
    seeds: int = 3
    to_translate: Callable[[Any, str, str], str] = lambda item, source, target: (
        f"{name_of(source)}: {item.prompt}\n{name_of(target)}:"
    )
    """The item, the source and the main language → what asks for the item's translation."""
    from_translation: Callable[[Any, str], str] = lambda item, text: text
    """The item and its translation → the prompt in the main language."""
    until: str = "\n"
    """Where a translation ends."""
    longest: int = 128
    """Most tokens of a translation."""
    translations: Mapping[str, str] | None = None
    """A prompt in the main language for each item, by its name: from a translator outside."""
    instructed: AnyTask | None = None
    """The same items with instructions in the main language, where the study's are in another."""


@dataclass(frozen=True)
class Baseline(Method):
    """One method: its variants are scored on dev, and the best one is judged on test."""

    about: str
    variants: Callable[[LanguagePair, Wording], list[Variant]]
    """May raise `NotApplicable`."""
    family: ClassVar[Family] = "baseline"


def task_of(pair: LanguagePair) -> AnyTask:
    """The pair's task, whose items must be at hand to be asked in other words."""
    if not isinstance(pair.task, ChoiceTask | AnswerTask):
        raise InputError(f"{pair.task.name}: only a ChoiceTask or AnswerTask can be asked in other words")
    return pair.task


def with_items(pair: LanguagePair, items: Mapping[str, Any], word: str) -> AnyTask:
    """The task with other items of the source language, given by id, under a name that says so."""
    task: Any = task_of(pair)  # one call for both kinds of task
    changed = (items.get(item.id, item) if item.language == pair.source else item for item in task.all)
    return cast(AnyTask, replace(task, name=f"{task.name}-{word}", all=tuple(changed)))


def parallel_items(pair: LanguagePair, needed: Iterable[str] = ()) -> Mapping[str, Any]:
    """The task's items in the main language by id; each of the `needed` ids must have one."""
    task = task_of(pair)
    if pair.target not in task.languages:
        raise NotApplicable(f"{task.name} is not asked in {pair.target}")
    parallel = task.by_id(pair.target)
    if missing := [name for name in needed if name not in parallel]:
        raise NotApplicable(f"{task.name} has no item {missing[0]!r} in {pair.target}")
    return parallel
