"""What a task is: examples with choices, in languages and splits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from workbench.errors import InputError

SplitName = Literal["fit", "dev", "test"]


@dataclass(frozen=True)
class Example:
    """One question. `prompt + choice` is the exact text a model reads, so a choice carries its space.

    `id` names the item: its versions in several languages share it, and an item is in one split only.
    """

    id: str
    prompt: str
    choices: tuple[str, ...]
    answer: int
    language: str
    split: SplitName
    group: str | None = None
    """Items that belong together (one paragraph, one document) count as one in intervals."""

    def __post_init__(self) -> None:
        if len(self.choices) < 2 or len(set(self.choices)) != len(self.choices):
            raise InputError(f"example {self.id!r} needs at least two different choices: {self.choices}")
        if not 0 <= self.answer < len(self.choices):
            raise InputError(f"example {self.id!r} has answer {self.answer} of {len(self.choices)} choices")
        if not self.prompt or not all(self.choices):
            raise InputError(f"example {self.id!r} has an empty prompt or choice")


@runtime_checkable
class Task(Protocol):
    """A named set of examples."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages it is asked in."""

    def examples(self, language: str, split: SplitName) -> tuple[Example, ...]:
        """Its examples in one language and split, in the same order in every language."""


@dataclass(frozen=True)
class ChoiceTask:
    """A task whose examples are at hand."""

    name: str
    all: tuple[Example, ...]

    def __post_init__(self) -> None:
        split_of: dict[str, str] = {}
        seen: set[tuple[str, str]] = set()
        for example in self.all:
            if split_of.setdefault(example.id, example.split) != example.split:
                raise InputError(f"item {example.id!r} of {self.name} is in two splits")
            if (example.id, example.language) in seen:
                raise InputError(f"item {example.id!r} of {self.name} is there twice in {example.language!r}")
            seen.add((example.id, example.language))

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages it is asked in, in order of appearance."""
        return tuple(dict.fromkeys(example.language for example in self.all))

    def examples(self, language: str, split: SplitName) -> tuple[Example, ...]:
        """Its examples in one language and split."""
        return tuple(e for e in self.all if e.language == language and e.split == split)

    def first(self, **counts: int) -> "ChoiceTask":
        """At most so many items of each split named (in every language the same ones), none of the others.

        `task.first(dev=300, test=1000)` makes a first look quick.
        """
        kept: dict[str, dict[str, None]] = {split: {} for split in counts}
        for example in self.all:
            ids = kept.get(example.split)
            if ids is not None and len(ids) < counts[example.split]:
                ids[example.id] = None
        return ChoiceTask(self.name, tuple(e for e in self.all if e.id in kept.get(e.split, ())))


def same_items(one: Sequence[Example], other: Sequence[Example]) -> bool:
    """Whether two lists ask the same items in the same order (in whatever languages)."""
    return [e.id for e in one] == [e.id for e in other]
