"""Steering is complementary to fine-tuning: what an intervention adds to a fine-tuned model."""

from functools import partial

import pandas as pd

from workbench.baselines import Baseline
from workbench.baselines.fine_tuning import FINE_TUNED, FINE_TUNED_FEW
from workbench.claims.base import LEVEL, Claim, Finding, Ground, Number, Verdict, undecided
from workbench.numbers import estimated
from workbench.stats import Interval

_KEPT = ["model", "task", "pair", "site", "layer", "method", "seed", "split", "chosen", "accuracy"]
_GAIN = ["over_own", "over_own_low", "over_own_high"]


def over_alone(rows: pd.DataFrame) -> Interval:
    """What was gained over the fine-tuned model alone: the mean over pairs.

    Its ends are the means of the lower and of the upper ends: an interval that holds however alike the pairs
    are, as they share their items.
    """
    estimate, low, high = (float(rows[name].mean()) for name in _GAIN)
    return Interval(estimate, low, high, LEVEL, int(rows.n.max()))


def decided(rows: pd.DataFrame, delta: float) -> Finding:
    """The finding from a comparison's rows of interventions on top of one kind of fine-tuning.

    Where dev prefers none, the gain is 0 without a doubt, which does not show that none could be had: such
    pairs are counted and left out.
    """
    table = rows[[*_KEPT, *_GAIN, "level", "n"]].reset_index(drop=True)
    patched = rows[rows.layer.notna()]
    none = f"dev prefers no intervention in {len(rows) - len(patched)} of {len(rows)}"
    if patched.empty:
        return undecided(f"{none} (accuracy {float(rows.accuracy.mean()):.3f} in mean)", table)
    one = over_alone(patched)
    verdict: Verdict = "not decidable"
    if one.low > 0:
        verdict = "supported"
    elif one.high < 0 or (-delta < one.low and one.high < delta):
        verdict = "not supported"
    said = ", ".join(dict.fromkeys(patched.method))
    sentence = (
        f"an intervention on top of fine-tuning, over fine-tuning alone: {estimated(one)} ({said}); {none}"
    )
    numbers: dict[str, Number] = {"estimate": one.estimate, "low": one.low, "high": one.high, "level": LEVEL}
    pairs = int(patched.pair.nunique())
    return Finding(verdict, sentence, numbers | {"pairs": pairs, "items": one.n}, table)


def _judge(ground: Ground, baseline: Baseline) -> Finding:
    table = ground.comparison
    if table is None:
        return undecided(f"no comparison in {ground.folder}: `{ground.compare}` makes one")
    asked = {(case.facts["pair"], case.facts["task"]) for case in ground.cases}
    mine = [pair in asked for pair in zip(table.pair, table.task, strict=True)]
    on_top = table.method.str.startswith(f"{baseline.name}+")
    rows = table[on_top & table.over_own.notna() & pd.Series(mine, index=table.index)]
    if rows.empty:
        return undecided(
            f"the comparison in {ground.folder} has nothing on top of {baseline.name} for these pairs: "
            f"`{ground.compare}` with {baseline.name} among its --methods, and a recipe, makes it"
        )
    return decided(rows, ground.delta)


_RULE = (
    "From the table of `workbench compare`: a recipe on top of {}, over that model alone. Supported where "
    "the mean over pairs has its interval above 0; not supported where it lies below 0 or within ±δ."
)

CLAIMS = (
    Claim(
        "complements_fine_tuning",
        "Steering is complementary to fine-tuning: it gains on top of it.",
        _RULE.format("a model that was fine-tuned (LoRA) on all labels there are"),
        "INCLINE (SFT 66.89 → 69.24 on XCOPA), arXiv:2410.12462; arXiv:2505.12584",
        partial(_judge, baseline=FINE_TUNED),
    ),
    Claim(
        "complements_few_labels",
        "Steering is complementary to fine-tuning on few labels.",
        _RULE.format("a model that was fine-tuned (LoRA) on a few labels"),
        "the same where labels are scarce",
        partial(_judge, baseline=FINE_TUNED_FEW),
    ),
)
