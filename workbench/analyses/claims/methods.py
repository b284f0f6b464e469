"""Claims about cost and other methods: inference cost, fine-tuning."""

import time
from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from workbench.analyses.claims.base import LEVEL, Finding, Ground, Number, Verdict, undecided
from workbench.core.numbers import between, estimated, signed
from workbench.core.types import Site
from workbench.intervene import Patch, applied
from workbench.methods.base import bounds
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
    patches, times = patches_of(configuration), []
    start = time.perf_counter()
    for repeat in range(-WARM_UP, repeats):
        if repeat >= FEWEST and time.perf_counter() - start > SECONDS:
            break
        first, second = (None, patches) if repeat % 2 else (patches, None)
        pair = _seconds(model, batch, first), _seconds(model, batch, second)
        times.append(pair if repeat % 2 else pair[::-1])
    clean, patched = np.array(times[WARM_UP:]).T
    return clean, patched


@torch.no_grad()
def _seconds(model: LanguageModel, batch: Batch, patches: Sequence[Patch] | None) -> float:
    start = time.perf_counter()
    with applied(model, patches, batch) if patches else nullcontext():
        logits = model.run(batch)
    float(logits[0, 0, 0])  # a GPU answers when it is done
    return time.perf_counter() - start


def inference_cost(ground: Ground) -> Finding:
    """Runs with a dense map at every layer, as INCLINE has it, and with what the study chose."""
    if not ground.cases:
        return undecided("no study, no model to time")
    case = ground.cases[0]
    study, model = case.study, case.study.model
    items = study.items(study.source, "dev")[:ITEMS]
    batch = model.batch(model.tokens.encode([item.prompt for item in items]))
    sites = {Site(layer): case.maps[layer] for layer in range(len(case.maps))}
    # Times know nothing of α.
    patches = {"all layers": Configuration.jointly("timed", sites, "add_mapped", 0.1)}
    if case.choice.layer is not None:
        patches["the chosen layer"] = case.configuration(case.choice)
    slowdowns, rows = {}, []
    for where, configuration in patches.items():
        clean, patched = in_turn(model, batch, configuration)
        slowdowns[where] = slowdown(clean, patched)
        for repeat, (before, after) in enumerate(zip(clean, patched, strict=True)):
            rows.append({"where": where, "repeat": repeat, "clean": before, "patched": after})
    whole, chosen = slowdowns["all layers"], slowdowns.get("the chosen layer")
    sentence = f"time added to a run of {len(items)} prompts: all layers patched {_percent(whole)}"
    numbers: dict[str, Number] = {
        "estimate": whole.estimate,
        "low": whole.low,
        "high": whole.high,
        "level": LEVEL,
        "repeats": whole.n,
    }
    if chosen is not None:
        sentence += f", the chosen layer alone {_percent(chosen)}"
        numbers |= bounds("one_layer", chosen)
    sentence += f"; {model.device.type}, {whole.n} repeats in turn"
    return Finding(decided_inference_cost(whole), sentence, numbers, pd.DataFrame(rows))


def _percent(slowdown: Interval) -> str:
    return f"{signed(100 * slowdown.estimate, 0)} % {between(100 * slowdown.low, 100 * slowdown.high, 0)}"


# Steering is complementary to fine-tuning: what an intervention adds to a fine-tuned model.


_KEPT = (
    "model task pair site layer method seed split chosen accuracy over_own over_own_low over_own_high level n"
)


def decided_fine_tuning(rows: pd.DataFrame, delta: float) -> Finding:
    """The finding from a comparison's rows of interventions on top of one kind of fine-tuning.

    Where dev prefers none, the gain is 0 without a doubt, which does not show that none could be had: such
    pairs are counted and left out.
    """
    table = rows[_KEPT.split()].reset_index(drop=True)
    patched = rows[rows.layer.notna()]
    none = f"no patch chosen on dev in {len(rows) - len(patched)} of {len(rows)}"
    if patched.empty:
        return undecided(f"{none} (accuracy {float(rows.accuracy.mean()):.3f} in mean)", table)
    # Means of the ends, too: an interval that holds however alike the pairs are, as they share their items.
    estimate, low, high = (float(patched[f"over_own{end}"].mean()) for end in ("", "_low", "_high"))
    over = Interval(estimate, low, high, LEVEL, int(patched.n.max()))
    verdict: Verdict = "not decidable"
    if over.low > 0:
        verdict = "supported"
    elif over.high < 0 or (-delta < over.low and over.high < delta):
        verdict = "not supported"
    methods = ", ".join(dict.fromkeys(patched.method))
    sentence = "an intervention on top of fine-tuning, over fine-tuning alone: "
    sentence += f"{estimated(over)} ({methods}); {none}"
    numbers: dict[str, Number] = {
        "estimate": over.estimate,
        "low": over.low,
        "high": over.high,
        "level": LEVEL,
        "pairs": int(patched.pair.nunique()),
        "items": over.n,
    }
    return Finding(verdict, sentence, numbers, table)


def complements(ground: Ground, baseline: str) -> Finding:
    """What an intervention adds to a fine-tuned model."""
    table = ground.comparison
    if table is None:
        return undecided(f"no comparison in {ground.folder}: `{ground.compare}` makes one")
    asked = {(case.facts["pair"], case.facts["task"]) for case in ground.cases}
    own = [pair in asked for pair in zip(table.pair, table.task, strict=True)]
    on_top = table.method.str.startswith(f"{baseline}+")
    rows = table[on_top & table.over_own.notna() & pd.Series(own, index=table.index)]
    if rows.empty:
        return undecided(
            f"the comparison in {ground.folder} has nothing on top of {baseline} for these pairs: "
            f"`{ground.compare}` with {baseline} among its --methods, and a recipe, makes it"
        )
    return decided_fine_tuning(rows, ground.delta)
