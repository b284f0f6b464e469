"""Tasks: examples with choices or answers, in languages and splits."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, Protocol, Self, TypeVar, get_args, runtime_checkable

from workbench.core.errors import InputError, quoted
from workbench.core.languages import canonical
from workbench.core.types import check_names

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
            raise InputError(
                f"{_named(self.id)} needs at least two different choices: {quoted(self.choices)}"
            )
        if not 0 <= self.answer < len(self.choices):
            raise InputError(f"{_named(self.id)} has answer {self.answer} of {len(self.choices)} choices")
        if not self.prompt or not all(self.choices):
            raise InputError(f"{_named(self.id)} has an empty prompt or choice")
        _check_whole(self.id, self.prompt, *self.choices)


@dataclass(frozen=True)
class AnswerExample:
    """One question whose answer is generated after `prompt`. The rest is as in `Example`."""

    id: str
    prompt: str
    answers: tuple[str, ...]
    """Every answer that counts as right, none of them with a space before it."""
    language: str
    split: SplitName
    group: str | None = None

    def __post_init__(self) -> None:
        if not self.answers or not all(answer.strip() for answer in self.answers):
            raise InputError(f"{_named(self.id)} needs at least one answer, none of them empty")
        if not self.prompt:
            raise InputError(f"{_named(self.id)} has an empty prompt")
        _check_whole(self.id, self.prompt, *self.answers)


def _check_whole(name: str, *texts: str) -> None:
    try:
        "\n".join((name, *texts)).encode()
    except UnicodeEncodeError:
        raise InputError(f"{_named(name)} holds half a character (a lone surrogate): fix it") from None


def _named(name: str) -> str:
    return f"example {quoted(name)}"


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


E = TypeVar("E", Example, AnswerExample)


@dataclass(frozen=True)
class _AtHand(Generic[E]):
    """A task whose examples are at hand."""

    name: str
    all: tuple[E, ...]

    def __post_init__(self) -> None:
        split_of: dict[str, str] = {}
        for example in self.all:
            if split_of.setdefault(example.id, example.split) != example.split:
                raise InputError(f"item {quoted(example.id)} of {self.name} is in two splits")
        counts = Counter((example.id, example.language) for example in self.all)
        for (id, language), count in counts.items():
            if count > 1:
                raise InputError(f"item {quoted(id)} of {self.name} occurs twice in {language!r}")

    def __repr__(self) -> str:
        count = Counter(item.split for item in {(e.id, e.split): e for e in self.all}.values())
        items = ", ".join(f"{count[split]} {split}" for split in get_args(SplitName) if count[split])
        return f"{type(self).__name__}({self.name}; {' '.join(self.languages)}; {items or 'no'} items)"

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages it is asked in, in order of appearance."""
        return tuple(dict.fromkeys(example.language for example in self.all))

    def examples(self, language: str, split: SplitName) -> tuple[E, ...]:
        """Its examples in one language and split."""
        return tuple(e for e in self.all if e.language == language and e.split == split)

    def by_id(self, language: str) -> dict[str, E]:
        """Its examples in one language by name: `task.by_id("en")[example.id]` is the parallel item."""
        return {e.id: e for e in self.all if e.language == language}

    def shared(self) -> Self:
        """Only the items that all its languages have, in the order of the first: what a pair needs."""
        sides = [self.by_id(language) for language in self.languages]
        names = [name for name in (sides[0] if sides else ()) if all(name in side for side in sides)]
        if not names:
            raise InputError(f"{self.name} has no items that {', '.join(self.languages)} share")
        return replace(self, all=tuple(side[name] for side in sides for name in names))

    def first(self, **counts: int) -> Self:
        """At most so many items of each split named (in every language the same ones), none of the others.

        `task.first(dev=300, test=1000)` makes a first look quick.
        """
        kept: dict[str, dict[str, None]] = {split: {} for split in counts}
        for example in self.all:
            ids = kept.get(example.split)
            if ids is not None and len(ids) < counts[example.split]:
                ids[example.id] = None
        return replace(self, all=tuple(e for e in self.all if e.id in kept.get(e.split, ())))

    def only(self, languages: Iterable[str] | None = None, splits: Iterable[str] | None = None) -> Self:
        """Its examples in these languages (any spelling, in this order) and splits; None is all of them."""
        if isinstance(languages, str) or isinstance(splits, str):
            raise InputError("languages and splits are lists: write ['sw', 'en']")
        wanted = self.languages if languages is None else dict.fromkeys(map(canonical, languages))
        if missing := [language for language in wanted if language not in self.languages]:
            raise InputError(f"{self.name} has no {missing[0]!r}: it has {', '.join(self.languages)}")
        parts = get_args(SplitName) if splits is None else tuple(splits)
        check_names(parts, get_args(SplitName), "split")
        kept = tuple(e for code in wanted for e in self.all if e.language == code and e.split in parts)
        if not kept:
            has = ", ".join(dict.fromkeys(e.split for e in self.all)) or "no items"
            raise InputError(f"{self.name} has nothing in {', '.join(parts)}: it has {has}")
        return replace(self, all=kept)


@dataclass(frozen=True, repr=False)
class ChoiceTask(_AtHand[Example]):
    """A task of choices whose examples are at hand.

    `notes` say what was mended or chosen on the way; they do not make two tasks different.
    """

    notes: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, repr=False)
class AnswerTask(_AtHand[AnswerExample]):
    """A task of generated answers; `scorer` is a name that `find_scorer` knows."""

    scorer: str
    notes: tuple[str, ...] = field(default=(), compare=False)
    until: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """Of each language the strings at which an answer ends; of others it ends as sweeps end one."""
    max_new_tokens: int | None = None
    """The most tokens of an answer; None: as many as sweeps generate."""

    def generation(self, language: str) -> dict[str, Any]:
        """What the task says of generating answers in a language, as arguments of a sweep."""
        said = {"until": self.until.get(language), "max_new_tokens": self.max_new_tokens}
        return {"scorer": self.scorer} | {name: value for name, value in said.items() if value is not None}


def same_items(one: Sequence[E], other: Sequence[E]) -> bool:
    """Whether two lists ask the same items in the same order (in whatever languages)."""
    return [e.id for e in one] == [e.id for e in other]
