"""The first facts of a study: token counts and unpatched accuracies."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.select import accuracy_difference, accuracy_of
from workbench.stats import Interval, detectable_effect
from workbench.sweeps import CLEAN


@dataclass(frozen=True)
class FirstFacts:
    """Token counts, unpatched accuracies on dev items, the gap, and the minimum detectable gain."""

    tokens: pd.DataFrame
    """Tokens a sentence, a word and a character, one row a language."""
    baseline: Interval
    """Accuracy on dev in the source language."""
    target_accuracy: Interval | None
    """The same items in the target language; None where the task does not have them."""
    gap: Interval | None
    chance: float | None
    """Accuracy of guessing, for tasks of choices."""
    n_dev: int
    n_test: int
    """Items, of each language."""
    detectable: float
    """Minimum detectable gain on test, at 80 % power."""

    @property
    def worth_going_on(self) -> bool:
        """Whether there is a gap (interval above 0); True if it is unknown, without target-language items."""
        return self.gap is None or self.gap.low > 0

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        shown = {
            name: vars(one) for name in ("baseline", "target_accuracy", "gap") if (one := getattr(self, name))
        }
        counts = {"n_dev": self.n_dev, "n_test": self.n_test, "detectable": self.detectable}
        return shown | counts | {"chance": self.chance, "tokens": self.tokens.to_dict("records")}


def first_facts(
    tokens: pd.DataFrame, clean: pd.DataFrame, source: str, n_test: int, chance: float | None
) -> FirstFacts:
    """From unpatched dev rows of one or both languages."""
    clean = clean[clean.aligner == CLEAN]
    own, there = clean[clean.language == source], clean[clean.language != source]
    return FirstFacts(
        tokens=tokens,
        baseline=accuracy_of(own),
        target_accuracy=None if there.empty else accuracy_of(there),
        gap=None if there.empty else accuracy_difference(there, own),
        chance=chance,
        n_dev=len(own),
        n_test=n_test,
        detectable=detectable_effect(n_test),
    )
