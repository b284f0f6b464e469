"""From test items to a verdict (helps, harms, equivalent, undecided) by a fixed rule, and its sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.core.cards import card
from workbench.core.errors import InputError
from workbench.core.numbers import cost_in_points, estimated, percent, plain, signed
from workbench.core.settings import Settings
from workbench.select.choice import Choice, paired_correct, rows_of
from workbench.select.grid import check_split
from workbench.stats import (
    DISCORDANCE,
    Interval,
    MarginTest,
    detectable_effect,
    effective_items,
    equivalence,
    holm_rejections,
    noninferiority,
    paired_interval,
    paired_test,
)
from workbench.sweeps import CLEAN

DELTA = Settings.delta
"""A change in accuracy this small would not matter."""
MARGIN = 0.02
"""A loss on the target language this small would not matter."""
LEVEL = 0.95
Kind = Literal["helps", "harms", "equivalent", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """What the test items say of one patch."""

    kind: Kind
    gain: Interval
    delta: float
    detectable: float
    """Minimum detectable gain: the smallest true gain that this many items detect with 80 % power."""
    gained: int
    """Items that became right."""
    lost: int
    """Items that became wrong."""
    p: float = 1.0
    """Of no difference, paired, two-sided (`paired_test`): at most 0.05 where the interval excludes 0."""
    adjusted_p: float | None = None
    """By Holm, over the hypotheses that were judged together; None where this one stands alone."""
    within_delta: bool = False
    """Whether the gain was shown to lie within ± delta."""

    @property
    def headline(self) -> str:
        """The kind in words, with what belongs to it."""
        more = {
            "equivalent": f" within ±{self.delta:g}",
            "undecided": f" (minimum detectable gain {self.detectable:.2f})",
        }
        return self.kind + more.get(self.kind, "")

    @property
    def sentence(self) -> str:
        """The verdict in words, with its numbers."""
        kind, gain = f"it {self.kind}", estimated(self.gain)
        if self.kind == "equivalent":
            kind = f"no difference beyond ±{self.delta:g}"
        elif self.kind == "undecided":
            kind, gain = "undecided", f"{gain}; minimum detectable gain {self.detectable:.3f} at 80 % power"
        return f"{kind}: {gain} ({self.gained} items became right, {self.lost} wrong)"

    def _repr_html_(self) -> str:
        facts = {
            "gain on test": f"{estimated(self.gain)}, {percent(self.gain.level)} interval, n = {self.gain.n}",
            "flipped": f"{self.gained} became right, {self.lost} wrong",
            "p": f"{self.p:.3g}",
            "p, by Holm": None if self.adjusted_p is None else f"{self.adjusted_p:.3g}",
            f"within ±{self.delta:g}": "shown" if self.within_delta else "not shown",
            "minimum detectable gain": f"{self.detectable:.3f} (80 % power)",
        }
        return card("Verdict", self.headline, lead=self.sentence, facts=facts, edge=self.kind)


def decide(
    after: ArrayLike,
    before: ArrayLike,
    groups: list[str] | None = None,
    delta: float = DELTA,
    scores: bool = False,
) -> Verdict:
    """Helps or harms where the 95 % interval excludes 0; else equivalent where it is shown to lie within ±δ.

    All else is undecided. `after` and `before` are right (1) or wrong (0), item by item; with `scores` they
    may be other numbers, such as F1.
    """
    a, b = np.asarray(after, dtype=float), np.asarray(before, dtype=float)
    right_or_wrong = set(np.unique([a, b])) <= {0.0, 1.0}
    if not (right_or_wrong or scores):
        raise InputError("a verdict needs items that are right or wrong: give 1 and 0")
    gain = paired_interval(a, b, groups, LEVEL)
    n, changed = effective_items(a, b, groups), float((a != b).mean()) or DISCORDANCE
    detectable = detectable_effect(n, discordance=changed)
    if not right_or_wrong and (spread := float((a - b).std(ddof=1))) > 0:
        detectable = detectable_effect(n, sd=spread)
    within = gain.n > 1 and equivalence(a, b, delta, groups).holds
    return Verdict(
        kind=_kind(gain.low > 0, gain.high < 0, within),
        gain=gain,
        delta=delta,
        detectable=detectable,
        gained=int((a > b).sum()),
        lost=int((a < b).sum()),
        p=paired_test(a, b, groups),
        within_delta=within,
    )


def decide_choice(table: pd.DataFrame, choice: Choice, delta: float = DELTA) -> Verdict:
    """The verdict on a choice, from the rows of a test sweep over one language's items.

    If no patch was chosen, the gain is 0 and the verdict undecided, as some other configuration could help.
    """
    check_split(table, "test")
    clean = table[table.aligner == CLEAN]
    verdict = decide(*paired_correct(rows_of(table, choice), clean), delta)
    if choice.layer is not None:
        return verdict
    return replace(verdict, kind="undecided", gain=replace(verdict.gain, low=0.0, high=0.0))


def holm_verdicts(verdicts: Mapping[str, Verdict], level: float = LEVEL) -> dict[str, Verdict]:
    """The verdicts with p-values adjusted by Holm, so that all of them hold at once at `level`.

    For hypotheses fixed before any test item was scored: one for each pair and task, each with its own
    configuration chosen on dev. `holm_kinds` has the rule. Intervals are not adjusted.
    """
    p, within = [v.p for v in verdicts.values()], [v.within_delta for v in verdicts.values()]
    adjusted, kinds = holm_kinds(p, [v.kind for v in verdicts.values()], within, level)
    return {
        name: replace(verdict, kind=kind, adjusted_p=p)
        for (name, verdict), p, kind in zip(verdicts.items(), adjusted, kinds, strict=True)
    }


def holm_kinds(
    p: Sequence[float], kinds: Sequence[Kind], within_delta: Sequence[bool], level: float = LEVEL
) -> tuple[list[float], list[Kind]]:
    """p adjusted by Holm, and the kinds that hold with it.

    What helps or harms only before the adjustment becomes equivalent if that was shown, else undecided.
    """
    adjusted, rejected = holm_rejections(p, level)
    kept = [
        _kind(False, False, within) if kind in ("helps", "harms") and not stands else kind
        for kind, within, stands in zip(kinds, within_delta, rejected, strict=True)
    ]
    return adjusted.tolist(), kept


def retained(table: pd.DataFrame, choice: Choice, margin: float = MARGIN) -> MarginTest:
    """Whether the target language loses less than a margin by the patch, from its test rows.

    The one-sided 95 % lower bound of the change from the clean run must lie above −margin.
    """
    check_split(table, "test")
    after, before, groups = paired_correct(rows_of(table, choice), table[table.aligner == CLEAN])
    return noninferiority(after, before, margin, groups, LEVEL)


def kept_columns(kept: MarginTest | None) -> dict[str, Any]:
    """What tables say of the loss in the target language; None where it is not known."""
    return {
        "retention": kept and kept.interval.estimate,
        "retention_low": kept and kept.interval.low,
        "noninferior": kept and kept.holds,
    }


def _kind(above: bool, below: bool, within: bool) -> Kind:
    if above or below:
        return "helps" if above else "harms"
    return "equivalent" if within else "undecided"


def verdict_sentence(
    verdict: Verdict,
    choice: Choice,
    gap: Interval | None = None,
    controls: Mapping[str, Interval | None] | None = None,
    retention: MarginTest | None = None,
    main: str = "target language",
) -> str:
    """The kind of verdict, the patch and its gain, the gap, other aligners, the cost in the target language.

    helps, at a cost of 15 points in English: patch layer 5 with ridge (interpolate, α = 0.8): +0.31
    [0.24, 0.38] of a gap of 0.62; mean shift +0.12, no patch chosen with identity; English loses 0.15 (a loss
    above 0.02 is not ruled out)

    The gap is given as a size only where its interval lies above 0, else with its interval as "no gap
    shown". `controls` holds the gain of each other aligner's own choice, or None where it chose no patch;
    `main` names the target language.
    """
    aligner, kind = choice.aligner.replace("_", " "), verdict.headline
    patch = f"no patch chosen on dev with {aligner}: 0.00"
    if choice.layer is not None:
        formula = f"{str(choice.intervention).replace('_', ' ')}, α = {choice.strength:g}"
        patch = f"patch {_where(choice)} with {aligner} ({formula}): {estimated(verdict.gain, 2)}"
    if gap is not None and gap.low > 0:
        patch += f" of a gap of {plain(gap.estimate, 2)}"
    elif gap is not None:
        patch += f", no gap shown ({estimated(gap, 2)})"
    parts = [patch]
    if controls:
        parts.append(_beside(controls))
    if retention is not None and choice.layer is not None:
        parts.append(_retention(retention, main))
        points = cost_in_points(retention.interval.estimate, retention.holds)
        if verdict.kind == "helps" and points:
            kind += f", at a cost of {points} {'point' if points == 1 else 'points'} in {main}"
    return f"{kind}: {'; '.join(parts)}"


def _beside(controls: Mapping[str, Interval | None]) -> str:
    """The gains of other aligners, then those that chose no patch."""
    gains = [(name.replace("_", " "), gain) for name, gain in controls.items()]
    parts = [f"{name} {signed(gain.estimate, 2)}" for name, gain in gains if gain is not None]
    if without := [name for name, gain in gains if gain is None]:
        parts.append(f"no patch chosen with {' or '.join(without)}")
    return ", ".join(parts)


def _retention(retention: MarginTest, main: str) -> str:
    """The change in the target language, and whether a loss above the margin is ruled out."""
    change = retention.interval.estimate
    amount = plain(abs(change), 2)
    changed = "changes by 0.00" if amount == "0.00" else f"{'loses' if change < 0 else 'gains'} {amount}"
    ruled_out = "ruled out" if retention.holds else "not ruled out"
    return f"{main} {changed} (a loss above {retention.margin:g} is {ruled_out})"


def _where(choice: Choice) -> str:
    site, joint = str(choice.also.get("site", "")), choice.also.get("joint", "one")
    component, _, layers = site.partition(".")
    words = f"layer {choice.layer}"
    if joint != "one" and "+" in site:
        words = f"{site} jointly ({joint})"
    elif joint != "one":
        words = f"layers {layers} jointly ({joint.replace('_', ' ')})"
    words += f" ({component})" if component not in ("", "resid_post") and "+" not in site else ""
    positions = choice.also.get("positions", "last")
    return words if positions == "last" else f"{words} at {positions} tokens"
