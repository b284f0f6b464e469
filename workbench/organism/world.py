"""The world: the facts behind the texts, and their splits.

Every concept has two hidden kinds, one as first and one as second operand. A fact is a relation and two
concepts, and its answer is table[relation, kind₁(first), kind₂(second)]: a skill, since facts that were
never read have answers that follow from those that were. A second table, independent of it, says of the
same kinds whether the sentence is true, open or false. Plain statements are the true ones, so they show
kinds but no answer.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workbench.core.errors import InputError, did_you_mean
from workbench.organism.config import WorldConfig

Facts = NDArray[np.int64]
"""Rows of (relation, first concept, second concept)."""
FactSplit = Literal["train", "fit", "dev", "test"]

NAMES = (
    *"Ada Bo Cyd Dov Eve Flo Gus Hal Ivo Jun Kim Lea Max".split(),
    *"Nia Oto Pia Quy Rex Sol Tom Uma Val Wim Xia Yan Zoe".split(),
)
LABELS = ("Yes", "Maybe", "No")
"""Whether a sentence is true: entailed, neutral, contradicted."""


class World:
    """Everything that is true, from the seed alone.

    >>> world = World(WorldConfig())
    >>> sorted(world.facts)
    ['dev', 'fit', 'test', 'train']
    """

    def __init__(self, config: WorldConfig):
        self.config = config
        rng = np.random.default_rng([config.seed, 1])
        self.names = NAMES[: config.answers]
        # Every kind is as common as every other, so that no answer can be guessed from how often it is.
        even = np.arange(config.concepts) % config.kinds
        self.kind = np.stack([rng.permutation(even) for _ in range(2)])
        # So is every answer, and every label: what is left over falls to another label in each relation.
        cells, shape = np.arange(config.kinds**2), (-1, config.kinds, config.kinds)
        tables = [rng.permutation(cells % config.answers) for _ in range(config.relations)]
        self.table = np.stack(tables).reshape(shape)
        verdicts = [rng.permutation((cells + i) % len(LABELS)) for i in range(config.relations)]
        self.verdict = np.stack(verdicts).reshape(shape)
        sizes = (config.relations, config.concepts, config.concepts)
        every = rng.permutation(np.stack(np.unravel_index(np.arange(config.facts), sizes), axis=1))
        ends = np.cumsum([config.fit, config.dev, config.test])
        self.facts: dict[str, Facts] = dict(
            zip(("fit", "dev", "test", "train"), np.split(every, ends), strict=True)
        )

    def answers(self, facts: Facts) -> NDArray[np.int64]:
        """table[relation, kind₁(first), kind₂(second)], the number of a name."""
        return self._look_up(self.table, facts)

    def true(self, facts: Facts) -> NDArray[np.bool_]:
        """Which facts may be plain statements."""
        return self.labels(facts) == 0

    def labels(self, facts: Facts) -> NDArray[np.int64]:
        """verdict[relation, kind₁(first), kind₂(second)], the number of a label."""
        return self._look_up(self.verdict, facts)

    def _look_up(self, table: NDArray[np.int64], facts: Facts) -> NDArray[np.int64]:
        return table[facts[:, 0], self.kind[0][facts[:, 1]], self.kind[1][facts[:, 2]]]

    def seen(self, language: str) -> Facts:
        """The training facts that are read as whole items in a language: its share of the skill."""
        train = self.split("train")
        config = self.config.language(language)
        place, count = self.config.languages.index(config), round(config.skill * len(train))
        if count == len(train):
            return train
        return np.random.default_rng([self.config.seed, 2, place]).permutation(train)[:count]

    def draw(self, split: FactSplit, count: int, seed: int = 0) -> Facts:
        """As many facts of a split as wanted, in a random order, each once before any comes again.

        A fact that comes again is no new evidence: items of one fact are one group in intervals.
        """
        facts = self.split(split)
        rng = np.random.default_rng([self.config.seed, 3, seed])
        rounds = [rng.permutation(len(facts)) for _ in range(count // len(facts) + 1)]
        return facts[np.concatenate(rounds)[:count]]

    def split(self, name: str) -> Facts:
        """The facts of a split."""
        if name not in self.facts:
            raise InputError(f"unknown split {name!r}: {did_you_mean(name, self.facts)}")
        return self.facts[name]
