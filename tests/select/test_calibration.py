"""The whole way from dev to verdict, on tables whose truth is known: how often it is right.

No model takes part. Items are right or wrong in the clean run; a configuration turns wrong ones right and
right ones
wrong at rates of its own, so that its true gain is the difference of the two. Neighbouring configurations
mostly turn the same items, and items of a group go together.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from counts import FULL, count
from holding import holds
from scipy.special import ndtr

from workbench.select import choose, decide_choice, gain_on_test
from workbench.stats import DISCORDANCE, detectable_effect

LAYERS, STRENGTHS = 8, (0.25, 0.5, 1.0)
ROUNDS = count(40, 2000)
METHOD = "ridge"


@dataclass(frozen=True)
class Truth:
    """What configurations do, and how items hang together."""

    n: int = 200
    gain: float = 0.0
    """Of the best configuration; lower ones at other layers and strengths, in proportion to `profile`."""
    discordance: float = 0.2
    right: float = 0.5
    louder: float = 1.0
    """By how much more sure patched runs are of their answers, right or wrong: it moves margins alone."""
    groups: int | None = None
    likeness: float = 0.3
    """Correlation within groups of what decides over right, wrong and changing sides."""
    flat: bool = False

    @property
    def profile(self):
        """Share of the best gain at each layer and strength, strength by strength."""
        if self.flat:
            return np.ones(LAYERS * len(STRENGTHS))
        layers = np.exp(-np.square(np.arange(LAYERS) - 4.5) / 6)
        return np.outer(STRENGTHS, layers / layers.max()).ravel()

    @property
    def gains(self):
        """True gain of each configuration."""
        return self.gain * self.profile


class Tables:
    """Sweep tables of one truth: the columns that stay are made once."""

    def __init__(self, truth):
        self.truth = truth
        n, self.configurations = truth.n, [(a, layer) for a in STRENGTHS for layer in range(LAYERS)]
        layers = [None, *(layer for _, layer in self.configurations)]
        strengths = [None, *(a for a, _ in self.configurations)]
        self.group = None if truth.groups is None else np.arange(n) * truth.groups // n
        group = [None] * n if self.group is None else [f"g{g}" for g in self.group]
        clean = [layer is None for layer in layers]
        self.columns = pd.DataFrame(
            {
                "aligner": np.repeat(np.where(clean, "clean", METHOD), n),
                "intervention": pd.array(np.repeat(np.where(clean, None, "interpolate"), n), dtype="string"),
                "layer": pd.array(np.repeat(pd.array(layers, dtype="Int64"), n), dtype="Int64"),
                "strength": pd.array(np.repeat(pd.array(strengths, dtype="Float64"), n), dtype="Float64"),
                "example": [f"e{i}" for i in range(n)] * len(layers),
                "group": pd.array(group * len(layers), dtype="string"),
            }
        )

    def draw(self, split, rng):
        """One sweep: what all configurations do to new items."""
        truth, n = self.truth, self.truth.n
        right = ndtr(self._latent(rng, 1)) < truth.right
        gains = truth.gains
        to_right = (truth.discordance + gains) / 2 / (1 - truth.right)
        to_wrong = (truth.discordance - gains) / 2 / truth.right
        shared, own = self._latent(rng, 1), rng.normal(size=(n, len(gains)))
        turned = ndtr(np.sqrt(0.8) * shared + np.sqrt(0.2) * own) < np.where(right, to_wrong, to_right)
        correct = np.hstack([right, right ^ turned])
        size = np.exp(0.5 * rng.normal(size=(n, 1)) + 0.2 * rng.normal(size=correct.shape))
        size[:, 1:] *= truth.louder
        margin = np.where(correct, size, -size)
        return self.columns.assign(split=split, correct=correct.T.ravel(), margin=margin.T.ravel())

    def gain_of(self, choice):
        """The true gain of what was chosen."""
        return self.truth.gains[self.configurations.index((choice.strength, choice.layer))]

    def _latent(self, rng, columns):
        own = rng.normal(size=(self.truth.n, columns))
        if self.group is None:
            return own
        shared = rng.normal(size=(self.truth.groups, columns))[self.group]
        return np.sqrt(self.truth.likeness) * shared + np.sqrt(1 - self.truth.likeness) * own


def studies(truth, seed, judge):
    """What was chosen and how it was judged, in as many studies, with the tables' truth."""
    tables, rng = Tables(truth), np.random.default_rng(seed)
    for _ in range(ROUNDS):
        choice = choose(tables.draw("dev", rng), METHOD)
        yield choice, judge(tables.draw("test", rng), choice), tables


def slack(rate, rounds):
    """What chance allows beside the bounds where rounds are few; in full, the bounds hold as they are."""
    return 0.0 if FULL else 3.3 * np.sqrt(rate * (1 - rate) / rounds)


GROUPED = {"n": 300, "groups": 30}


@pytest.mark.parametrize("more", [{}, GROUPED], ids=["items", "groups"])
def test_under_the_sharp_null_it_hardly_ever_helps(more):
    # With half of the items right and as many turned either way, exchanging clean and patched runs of
    # any item, in all configurations at once, makes a table that is as likely.
    found = list(studies(Truth(**more), 1, decide_choice))
    helps = np.mean([verdict.kind == "helps" for _, verdict, _ in found])
    harms = np.mean([verdict.kind == "harms" for _, verdict, _ in found])
    chosen = np.mean([choice.layer is not None for choice, *_ in found])
    print(f"helps {helps:.4f}, harms {harms:.4f}, chosen {chosen:.3f}")
    assert helps <= 0.06 + slack(0.06, ROUNDS) and harms <= 0.06 + slack(0.06, ROUNDS)
    assert 0 < chosen < 0.6, "doing nothing wins mostly, or nothing was tested"


@pytest.mark.parametrize(
    "truth",
    [
        Truth(),
        Truth(right=0.65, louder=1.5, **GROUPED),
        Truth(right=0.65, louder=1.5),
        Truth(gain=0.12),
        Truth(gain=0.12, **GROUPED),
        Truth(n=100, gain=0.2, discordance=0.3),
        Truth(n=400, gain=0.12, right=0.6, groups=16),
    ],
    ids=["null", "null-groups-louder", "null-louder", "gain", "gain-groups", "gain-100", "gain-16-groups"],
)
def test_the_interval_holds_the_truth_after_selection(truth):
    # Only studies in which something was chosen: a patch that is not applied does nothing for certain.
    held = [
        holds(gain, tables.gain_of(choice))
        for choice, gain, tables in studies(truth, 2, gain_on_test)
        if choice.layer is not None
    ]
    print(f"coverage {np.mean(held):.4f} of {len(held)}")
    assert len(held) > ROUNDS / 20
    some = slack(0.95, len(held)) if len(held) > ROUNDS / 2 else 3.3 * np.sqrt(0.95 * 0.05 / len(held))
    assert 0.935 - some <= np.mean(held) <= 0.965 + some


@pytest.mark.parametrize(
    ("n", "discordance"),
    [(100, DISCORDANCE), (200, DISCORDANCE), (500, DISCORDANCE), (100, 0.15), (100, 0.4)],
)
def test_power_is_what_plan_promises(n, discordance):
    gain = detectable_effect(n, 0.8, discordance=discordance)
    truth = Truth(n=n, gain=gain, discordance=discordance, flat=True)
    found = [
        verdict.kind == "helps"
        for choice, verdict, _ in studies(truth, 3, decide_choice)
        if choice.layer is not None
    ]
    print(f"power {np.mean(found):.4f} of {len(found)} for a gain of {gain:.3f}")
    assert len(found) > 0.9 * ROUNDS
    assert np.mean(found) == pytest.approx(0.8, abs=0.03 + slack(0.8, ROUNDS))
