"""The toy's world: two invented languages, one skill, and items that share no fact across splits.

The skill is a lookup with two operands. Every thing has a hidden kind, and a relation together with two
kinds has a name for its answer:

    x-main   relation thing thing → name          x-far   thing relation thing → name

Words of both languages have two syllables that mean nothing alone, and no syllable is in both
languages; names are the same in both, as names are. `x-main` is spoken in full; of `x-far` the model
only ever sees single words, inside sentences of `x-main`.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.tasks import ChoiceTask, Example, SplitName
from workbench.text import ParallelText

MAIN, FAR = "x-main", "x-far"
NAMES = ("Ada", "Bo", "Cyd", "Dov", "Eve", "Flo", "Gus", "Hal")
_FIRST, _SECOND = "bdfgkl", "mnprst"
_VOWELS = {MAIN: "ai", FAR: "ou"}
Facts = NDArray[np.int64]
"""Rows of (relation, thing, thing)."""


@dataclass(frozen=True)
class ToyConfig:
    """All dials of the toy. `switched` is the share of documents with one word of `x-far`."""

    seed: int = 11
    relations: int = 6
    things: int = 20
    kinds: int = 3
    switched: float = 0.5
    text: int = 500
    dev: int = 300
    test: int = 500
    d_model: int = 64
    n_layers: int = 6
    n_heads: int = 4
    d_mlp: int = 192
    steps: int = 280
    batch: int = 192
    learning_rate: float = 4e-3

    def as_dict(self) -> dict[str, Any]:
        """The dials as JSON values."""
        return asdict(self)


class ToyWorld:
    """Everything that follows from the seed but the trained weights."""

    def __init__(self, config: ToyConfig):
        self.config = config
        rng = np.random.default_rng(config.seed)
        self.words = {language: _words(language, config, rng) for language in (MAIN, FAR)}
        self.kind = rng.integers(config.kinds, size=(2, config.things))
        pairs = config.kinds**2
        self.table = np.stack([rng.permutation(pairs) % len(NAMES) for _ in range(config.relations)])
        shape = (config.relations, config.things, config.things)
        facts = rng.permutation(np.stack(np.unravel_index(np.arange(np.prod(shape)), shape), axis=1))
        ends = np.cumsum([config.text, config.dev, config.test])
        self.facts: dict[str, Facts] = dict(
            zip(("text", "dev", "test", "train"), np.split(facts, ends), strict=True)
        )

    def answers(self, facts: Facts) -> NDArray[np.int64]:
        """The number of the name that answers each fact."""
        one, other = self.kind[0][facts[:, 1]], self.kind[1][facts[:, 2]]
        return self.table[facts[:, 0], one * self.config.kinds + other]

    def prompts(self, facts: Facts, language: str) -> tuple[str, ...]:
        """Each fact as the beginning of a sentence; `x-far` puts the first thing first."""
        words = np.array(self.words[language])[self._places(facts)]
        if language == FAR:
            words = words[:, [1, 0, 2]]
        return tuple(" ".join(row) for row in words)

    def documents(self, facts: Facts, rng: np.random.Generator) -> list[str]:
        """Whole sentences of `x-main`, some with exactly one word of `x-far` in its place."""
        places = self._places(facts)
        words = np.array(self.words[MAIN])[places]
        rows = np.flatnonzero(rng.random(len(facts)) < self.config.switched)
        which = rng.integers(3, size=len(rows))
        words[rows, which] = np.array(self.words[FAR])[places[rows, which]]
        names = np.array(NAMES)[self.answers(facts)]
        return [" ".join([*row, name]) for row, name in zip(words, names, strict=True)]

    def parallel_text(self) -> ParallelText:
        """Sentences up to their last operand, in both languages; none is of a dev or test item."""
        facts = self.facts["text"]
        return ParallelText({FAR: self.prompts(facts, FAR), MAIN: self.prompts(facts, MAIN)})

    def task(self) -> ChoiceTask:
        """Which of two names completes the sentence? The wrong one is drawn at random."""
        rng = np.random.default_rng([self.config.seed, 1])
        examples: list[Example] = []
        splits: tuple[SplitName, ...] = ("dev", "test")
        for split in splits:
            facts = self.facts[split]
            right = self.answers(facts)
            wrong = (right + rng.integers(1, len(NAMES), size=len(facts))) % len(NAMES)
            answer = rng.integers(2, size=len(facts))
            for language in (MAIN, FAR):
                for i, prompt in enumerate(self.prompts(facts, language)):
                    names = (wrong[i], right[i]) if answer[i] else (right[i], wrong[i])
                    choices = tuple(f" {NAMES[name]}" for name in names)
                    item = f"{split}-{i}"
                    examples.append(Example(item, prompt, choices, int(answer[i]), language, split))
        return ChoiceTask("toy-lookup", tuple(examples))

    def _places(self, facts: Facts) -> Facts:
        """Where each word of a fact stands in a language's list: relations, first and second things."""
        c = self.config
        return facts + np.array([0, c.relations, c.relations + c.things])


def syllables(language: str) -> tuple[list[str], list[str]]:
    """What words of a language begin and end with."""
    vowels = _VOWELS[language]
    return [c + v for c in _FIRST for v in vowels], [c + v for c in _SECOND for v in vowels]


def _words(language: str, config: ToyConfig, rng: np.random.Generator) -> list[str]:
    first, second = syllables(language)
    needed = config.relations + 2 * config.things
    codes = rng.permutation(len(first) * len(second))[:needed]
    return [first[code // len(second)] + second[code % len(second)] for code in codes]
