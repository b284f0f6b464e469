"""Claims about costs and gains: inference time, on top of fine-tuning, by resources and morphology."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, rankdata, zscore

from workbench.analyses.claims.base import (
    LEVEL,
    Case,
    Finding,
    Ground,
    Number,
    Ruling,
    Verdict,
    in_numbers,
    undecided,
)
from workbench.core.numbers import between, estimated, signed
from workbench.core.types import Site
from workbench.intervene import Patch, applied
from workbench.models import Batch, LanguageModel
from workbench.results import bounds
from workbench.stats import Interval, rank_correlation
from workbench.sweeps import Configuration
from workbench.sweeps.plan import patches_of

ABOUT = (0.06, 0.24)
"""About 12 %: between half and twice as much."""
ITEMS, WARM_UP, REPEATS = 16, 3, 60
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

    Its interval runs between two of the repeats (binomial), so that one disturbed repeat stretches it little.
    """
    ratios = np.sort(np.asarray(patched, dtype=float) / np.asarray(clean, dtype=float)) - 1
    n = len(ratios)
    inside = int(binom.ppf((1 - LEVEL) / 2, n, 0.5))  # P(fewer than so many lie below) < 2.5 %
    low, high = (float(ratios[inside - 1]), float(ratios[n - inside])) if inside else (-np.inf, np.inf)
    return Interval(float(np.median(ratios)), low, high, LEVEL, n)


def in_turn(
    model: LanguageModel, batch: Batch, configuration: Configuration, repeats: int = REPEATS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds of clean and patched runs to the next token's logits, in turn, each first every other time."""
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
        h = model.run(batch, head=False)
        logits = model.unembed(model.final_norm(h[torch.arange(len(h)), batch.last][:, None]))
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
        rows += [
            {"where": where, "repeat": repeat, "clean": before, "patched": after}
            for repeat, (before, after) in enumerate(zip(clean, patched, strict=True))
        ]
    whole, chosen = slowdowns["all layers"], slowdowns.get("the chosen layer")
    sentence = f"time added to a run of {len(items)} prompts: all layers patched {_percent(whole)}"
    numbers = in_numbers(whole) | {"repeats": whole.n}
    if chosen is not None:
        sentence += f", the chosen layer alone {_percent(chosen)}"
        numbers |= bounds("one_layer", chosen)
    sentence += f"; {model.device.type}, {whole.n} repeats in turn"
    return Finding(decided_inference_cost(whole), sentence, numbers, pd.DataFrame(rows))


def _percent(slowdown: Interval) -> str:
    return f"{signed(100 * slowdown.estimate, 0)} % {between(100 * slowdown.low, 100 * slowdown.high, 0)}"


# Steering is complementary to fine-tuning: what an intervention adds to a fine-tuned model.


def decided_fine_tuning(rows: pd.DataFrame, delta: float) -> Finding:
    """The finding from a comparison's rows of interventions on top of one kind of fine-tuning.

    Pairs where dev prefers none are counted and left out: their gain of 0 does not show that none can be had.
    """
    columns = "model task pair site layer method seed split chosen accuracy {0} {0}_low {0}_high level n"
    table = rows[columns.format("over_own").split()].reset_index(drop=True)
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
    numbers = in_numbers(over) | {"pairs": int(patched.pair.nunique()), "items": over.n}
    what = "an intervention on top of fine-tuning, over fine-tuning alone"
    return Finding(verdict, f"{what}: {estimated(over)} ({methods}); {none}", numbers, table)


def complements(ground: Ground, baseline: str) -> Finding:
    """What an intervention adds to a fine-tuned model."""
    table = ground.comparison
    if table is None:
        return undecided(f"no comparison in {ground.folder}: `{ground.compare}` makes one")
    asked = {(case.facts["pair"], case.facts["task"]) for case in ground.cases}
    rows = table[table.method.str.startswith(f"{baseline}+") & table.over_own.notna()]
    rows = rows[[pair in asked for pair in zip(rows.pair, rows.task, strict=True)]]
    if rows.empty:
        return undecided(
            f"the comparison in {ground.folder} has nothing on top of {baseline} for these pairs: "
            f"`{ground.compare}` with {baseline} among its --methods, and a recipe, makes it"
        )
    return decided_fine_tuning(rows, ground.delta)


# Resources and distance in morphology: pairs of languages are the units, and they are few.


FEWEST_PAIRS = 3
DRAWS = 20_000
_EXACT = 8
"""Up to so many languages all orders are gone through; of more, some are drawn."""


@dataclass(frozen=True)
class RankTest:
    """A rank correlation over languages, with a permutation test."""

    rho: float
    p: float
    """Two-sided: the share of permutations with a correlation at least as far from 0."""
    smallest_p: float
    """The smallest attainable p with this number of languages and these ties."""
    n: int

    @property
    def decides(self) -> bool:
        """Whether any order could have had a p of 0.05 or less."""
        return self.smallest_p <= 1 - LEVEL + 1e-12

    @property
    def ruling(self) -> Ruling:
        """For claims that the one falls as the other rises."""
        p = self.p if self.decides else None
        if self.p > 1 - LEVEL + 1e-12:
            return Ruling("not decidable", p)
        return Ruling("supported" if self.rho < 0 else "not supported", p)

    def __str__(self) -> str:
        words = f"ρ = {signed(self.rho, 2)} over {self.n} pairs, p = {self.p:.2g}"
        if not self.decides:
            words += f", where the smallest attainable p, with these ties, is {self.smallest_p:.2g}"
        return words


def rank_test(values: Sequence[float], property: Sequence[float], seed: int = 0) -> RankTest | None:
    """Spearman's ρ, with the exact p over all orders; None where one of the two is constant, or too few."""
    n = len(values)
    if n < FEWEST_PAIRS or len(set(values)) == 1 or len(set(property)) == 1:
        return None
    x, y = (zscore(rankdata(side)) for side in (values, property))
    if n <= _EXACT:
        orders = np.array(list(permutations(y)))
    else:
        orders = np.random.default_rng(seed).permuted(np.tile(y, (DRAWS, 1)), axis=1)
    sizes, extra = np.abs(orders @ x / n), 0 if n <= _EXACT else 1
    rho = rank_correlation(values, property)
    # The likest and the unlikest order that ranks with these ties can have: sorted the same way, and against.
    most = max(abs(float(np.sort(x) @ side) / n) for side in (np.sort(y), -np.sort(-y)))
    p, smallest_p = (
        (int((sizes >= size - 1e-9).sum()) + extra) / (len(sizes) + extra) for size in (abs(rho), most)
    )
    return RankTest(rho, p, smallest_p, n)


def low_resource_gains_most(ground: Ground) -> Finding:
    """The gain on test against how much of a language was read; where unknown, against accuracy on dev."""
    scale = ground.resources
    rows = [
        {
            **_row(case),
            "resource": result.facts.baseline.estimate if scale is None else scale.of(result.source),
            "gap": result.gap and result.gap.estimate,
            "share_of_gap": result.share_of_gap,
        }
        for case in ground.cases
        for result in [case.result]
    ]
    what = "unpatched accuracy on dev" if scale is None else scale.what
    return decided_resource(pd.DataFrame(rows), what, ground.seed)


def distant_morphology(ground: Ground) -> Finding:
    """The share of the gap closed against a language's distance, known or by its share of own tokens."""
    scale = ground.distances
    rows = [
        {
            **_row(case),
            "distance": _not_shared(case) if scale is None else scale.of(case.result.source),
            "share_of_gap": case.result.share_of_gap,
            "r2": _fit(case),
        }
        for case in ground.cases
    ]
    kinds = {"layer": "Int64"} | dict.fromkeys(("share_of_gap", "r2", "distance"), "Float64")
    what = "share of tokens not shared" if scale is None else scale.what
    return decided_morphology(pd.DataFrame(rows).astype(kinds), what, ground.seed)


def _by_rank(
    table: pd.DataFrame, what: str, seed: int = 0, *, value: str, property: str, words: str, none: str
) -> Finding:
    """Whether a value falls as a property of languages rises, from one row per pair and task."""
    columns = [name for name in (value, property, "r2") if name in table]
    pairs = table[table[value].notna()].groupby("pair", sort=False)[columns].mean()
    test = rank_test(pairs[value].tolist(), pairs[property].tolist(), seed)
    if test is None:
        return undecided(
            f"{len(pairs)} pair{'s' * (len(pairs) != 1)}{none} {what}: no order to be seen", table
        )
    sentence = f"{words.format(what)}: {test}"
    numbers: dict[str, Number] = {
        "estimate": test.rho,
        "pairs": test.n,
        "rank_p": test.p,
        "smallest_p": test.smallest_p,
        property: what,
    }
    if "r2" in columns:
        fits = rank_test(pairs.r2.tolist(), pairs[property].tolist(), seed)
        numbers["r2_rho"] = None if fits is None else fits.rho
        sentence += "" if fits is None else f"; held-out R² at the layer: ρ = {signed(fits.rho, 2)}"
    return Finding(test.ruling.verdict, sentence, numbers, table, test.ruling.p)


decided_resource = partial(
    _by_rank,
    value="gain",
    property="resource",
    words="gain on test by {}",
    none=", or all alike in gain or",
)
"""The finding from rows with `pair`, `gain` and `resource`."""
decided_morphology = partial(
    _by_rank,
    value="share_of_gap",
    property="distance",
    words="share of the gap closed by distance ({})",
    none=" with a gap that is shown, or all alike in what is closed of it or in",
)
"""The finding from rows with `pair`, `share_of_gap`, `r2` and `distance`."""


def _row(case: Case) -> dict[str, Any]:
    gain = case.result.headline.gain
    where = {"aligner": case.aligner, "layer": case.choice.layer, "split": "test", "gain": gain.estimate}
    return case.facts | where | {"low": gain.low, "high": gain.high, "level": gain.level, "n": gain.n}


def _fit(case: Case) -> float | None:
    """Held-out R² of the map that was chosen; where none was, of the aligner's best layer."""
    fit = case.result.tables["fit"]
    rows = fit[fit.aligner == case.aligner]
    chosen = rows[rows.layer == case.choice.layer] if case.choice.layer is not None else rows
    return float(chosen.r2.max()) if len(chosen) else None


def _not_shared(case: Case) -> float:
    confounds = case.result.tables["confounds"]
    return 1 - float(confounds[confounds.confound == "shared_tokens"]["mean"].iloc[0])
