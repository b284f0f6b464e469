"""Claims about cost and other methods: inference cost, fine-tuning."""

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from workbench.analyses.claims.base import LEVEL, Case, Claim, Finding, Ground, Number, Verdict, undecided
from workbench.core.numbers import between, estimated, signed
from workbench.core.types import Site
from workbench.intervene import Patch, applied
from workbench.methods.baselines import Baseline
from workbench.methods.baselines.lora import FINE_TUNED, FINE_TUNED_FEW
from workbench.models import Batch, LanguageModel
from workbench.stats import Interval
from workbench.sweeps import Configuration
from workbench.sweeps.plan import patches_of

# The intervention costs about 12 % at inference: patched and clean runs, timed in turn.


ABOUT = (0.06, 0.24)
"""About 12 %: between half and twice as much."""
ITEMS, WARM_UP, REPEATS = 64, 3, 60
FEWEST, SECONDS = 10, 60.0
"""A large model is timed less often, but so often at least."""


def decided_inference_cost(slowdown: Interval) -> Verdict:
    """Supported where the whole interval is about 12 %; not supported where none of it is."""
    low, high = ABOUT
    if low <= slowdown.low and slowdown.high <= high:
        return "supported"
    return "not supported" if slowdown.high < low or slowdown.low > high else "not decidable"


def slowdown(clean: ArrayLike, patched: ArrayLike) -> Interval:
    """Median of patched over clean, repeat by repeat, as a share of the clean time.

    Its interval runs between two of the repeats, by the binomial distribution of how many lie below the true
    median: a repeat in which the machine was busy with something else cannot stretch it far.
    """
    ratios = np.sort(np.asarray(patched, dtype=float) / np.asarray(clean, dtype=float)) - 1
    n = len(ratios)
    inside = int(binom.ppf((1 - LEVEL) / 2, n, 0.5))  # P(fewer than so many lie below) < 2.5 %
    low, high = (float(ratios[inside - 1]), float(ratios[n - inside])) if inside else (-np.inf, np.inf)
    return Interval(float(np.median(ratios)), low, high, LEVEL, n)


def in_turn(
    model: LanguageModel, batch: Batch, configuration: Configuration, repeats: int = REPEATS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds of clean and of patched runs, one after the other, each first every other time."""
    patches = patches_of(configuration)
    found: tuple[list[float], list[float]] = ([], [])
    start = time.perf_counter()
    for repeat in range(-WARM_UP, repeats):
        if repeat >= FEWEST and time.perf_counter() - start > SECONDS:
            break
        taken = [0.0, 0.0]
        for which in (0, 1) if repeat % 2 else (1, 0):
            taken[which] = _seconds(model, batch, patches if which else None)
        if repeat >= 0:
            found[0].append(taken[0])
            found[1].append(taken[1])
    return np.asarray(found[0]), np.asarray(found[1])


@torch.no_grad()
def _seconds(model: LanguageModel, batch: Batch, patches: Sequence[Patch] | None) -> float:
    start = time.perf_counter()
    if patches is None:
        found = model.run(batch)
    else:
        with applied(model, patches, batch):
            found = model.run(batch)
    float(found[0, 0, 0])  # a GPU answers when it is done
    return time.perf_counter() - start


def _judge_inference_cost(ground: Ground) -> Finding:
    if not ground.cases:
        return undecided("no study, no model to time")
    case = ground.cases[0]
    items = case.study.items(case.study.source, "dev")[:ITEMS]
    batch = case.study.model.batch(case.study.model.tokens.encode([item.prompt for item in items]))
    found, rows = {}, []
    for where, configuration in _patches(case).items():
        clean, patched = in_turn(case.study.model, batch, configuration)
        found[where] = slowdown(clean, patched)
        for repeat, (before, after) in enumerate(zip(clean, patched, strict=True)):
            rows.append({"where": where, "repeat": repeat, "clean": before, "patched": after})
    whole, one = found["all layers"], found.get("the chosen layer")
    sentence = f"time added to a run of {len(items)} prompts: all layers patched {_percent(whole)}"
    if one is not None:
        sentence += f", the chosen layer alone {_percent(one)}"
    sentence += f"; {case.study.model.device.type}, {whole.n} repeats in turn"
    numbers: dict[str, Number] = {
        "estimate": whole.estimate,
        "low": whole.low,
        "high": whole.high,
        "level": LEVEL,
        "repeats": whole.n,
    }
    if one is not None:
        numbers |= {"one_layer": one.estimate, "one_layer_low": one.low, "one_layer_high": one.high}
    return Finding(decided_inference_cost(whole), sentence, numbers, pd.DataFrame(rows))


def _patches(case: Case) -> dict[str, Configuration]:
    """A dense map at every layer, as INCLINE has it, and what the study chose. Times know nothing of α."""
    sites = {Site(layer): case.maps[layer] for layer in range(len(case.maps))}
    found = {"all layers": Configuration.jointly("timed", sites, "add_mapped", 0.1)}
    if case.choice.layer is not None:
        found["the chosen layer"] = case.configuration(case.choice)
    return found


def _percent(one: Interval) -> str:
    return f"{signed(100 * one.estimate, 0)} % {between(100 * one.low, 100 * one.high, 0)}"


# Steering is complementary to fine-tuning: what an intervention adds to a fine-tuned model.


_KEPT = ["model", "task", "pair", "site", "layer", "method", "seed", "split", "chosen", "accuracy"]
_GAIN = ["over_own", "over_own_low", "over_own_high"]


def over_alone(rows: pd.DataFrame) -> Interval:
    """What was gained over the fine-tuned model alone: the mean over pairs.

    Its ends are the means of the lower and of the upper ends: an interval that holds however alike the pairs
    are, as they share their items.
    """
    estimate, low, high = (float(rows[name].mean()) for name in _GAIN)
    return Interval(estimate, low, high, LEVEL, int(rows.n.max()))


def decided_fine_tuning(rows: pd.DataFrame, delta: float) -> Finding:
    """The finding from a comparison's rows of interventions on top of one kind of fine-tuning.

    Where dev prefers none, the gain is 0 without a doubt, which does not show that none could be had: such
    pairs are counted and left out.
    """
    table = rows[[*_KEPT, *_GAIN, "level", "n"]].reset_index(drop=True)
    patched = rows[rows.layer.notna()]
    none = f"no patch chosen on dev in {len(rows) - len(patched)} of {len(rows)}"
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


def _judge_fine_tuning(ground: Ground, baseline: Baseline) -> Finding:
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
    return decided_fine_tuning(rows, ground.delta)


_RULE = (
    "From the table of `workbench compare`: a recipe on top of {}, over that model alone. Supported where "
    "the mean over pairs has its interval above 0; not supported where it lies below 0 or within ±δ."
)


CLAIMS = (
    Claim(
        "costs_about_12_percent",
        "The intervention costs about 12 % at inference.",
        "Time of a run with a map at the last token of every layer over that of a clean one, in turn: the "
        "median over repeats. Supported where its interval lies within 6 to 24 %; not supported where all "
        "of it lies outside.",
        "INCLINE (+12 % on one A100), arXiv:2410.12462",
        _judge_inference_cost,
        reproducible=False,
    ),
    Claim(
        "complements_fine_tuning",
        "Steering is complementary to fine-tuning: it gains on top of it.",
        _RULE.format("a model that was fine-tuned (LoRA) on all labels there are"),
        "INCLINE (SFT 66.89 → 69.24 on XCOPA), arXiv:2410.12462; arXiv:2505.12584",
        partial(_judge_fine_tuning, baseline=FINE_TUNED),
    ),
    Claim(
        "complements_few_labels",
        "Steering is complementary to fine-tuning on few labels.",
        _RULE.format("a model that was fine-tuned (LoRA) on a few labels"),
        "the same where labels are scarce",
        partial(_judge_fine_tuning, baseline=FINE_TUNED_FEW),
    ),
)
