"""Helps, harms, makes no difference, or undecided: from paired test items, by a rule set beforehand."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from workbench.errors import InputError
from workbench.stats import Interval, detectable_effect, equivalence, paired_interval

DELTA = 0.02
"""A change in accuracy this small would not matter."""
Kind = Literal["helps", "harms", "equivalent", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """What the test items say of one patch."""

    kind: Kind
    gain: Interval
    delta: float
    detectable: float
    """The smallest true gain that so many items would have found four times out of five."""
    gained: int
    """Items that became right."""
    lost: int
    """Items that became wrong."""

    @property
    def sentence(self) -> str:
        """The verdict in words, with its numbers."""
        shown = f"{self.gain.estimate:+.3f} [{self.gain.low:.3f}, {self.gain.high:.3f}]"
        flipped = f"{self.gained} items became right, {self.lost} wrong"
        if self.kind == "equivalent":
            return f"no difference beyond ±{self.delta:g}: {shown} ({flipped})"
        if self.kind == "undecided":
            return f"undecided: {shown}; so many items could have detected {self.detectable:.3f} ({flipped})"
        return f"it {self.kind}: {shown} ({flipped})"


def decide(
    after: ArrayLike, before: ArrayLike, groups: list[str] | None = None, delta: float = DELTA, seed: int = 0
) -> Verdict:
    """Helps or harms where the 95 % interval excludes 0; else equivalent where it is shown to lie within ±δ.

    `after` and `before` are right (1) or wrong (0), item by item. What is neither shown to differ nor
    shown to be the same is undecided: no effect found is not found that there is none.
    """
    a, b = np.asarray(after, dtype=float), np.asarray(before, dtype=float)
    if not set(np.unique([a, b])) <= {0.0, 1.0}:
        raise InputError("a verdict is about items that are right or wrong: give 0 and 1")
    gain = paired_interval(a, b, groups, seed=seed)
    changed = float((a != b).mean())
    detectable = detectable_effect(gain.n, discordance=changed) if changed else detectable_effect(gain.n)
    kind: Kind = "undecided"
    if gain.low > 0:
        kind = "helps"
    elif gain.high < 0:
        kind = "harms"
    elif len(a) > 1 and equivalence(a, b, delta, groups).holds:
        kind = "equivalent"
    return Verdict(kind, gain, delta, detectable, int((a > b).sum()), int((a < b).sum()))
