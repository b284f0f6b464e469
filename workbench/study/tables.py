"""The tables of a study, one row schema each; docs/tables.md says what every column means."""

from typing import Any

import pandas as pd

from workbench.align import CONTROLS, LayerMaps, fit_facts
from workbench.measure import METRICS, caution, fit_quality
from workbench.select import predicts
from workbench.study.result import Judgement, Outcome
from workbench.text import Split
from workbench.types import Site

Facts = dict[str, Any]
"""The columns every table carries: model, pair and seed."""


def fit_table(
    facts: Facts, maps: dict[str, LayerMaps], source: Any, target: Any, split: Split
) -> pd.DataFrame:
    """How near maps come on held-out sentences, for each layer and aligner, with what qualifies it."""
    rows = []
    for layer in range(len(source)):
        x, y = source[layer][split.test], target[layer][split.test]
        predicted = {aligner: fitted.transform(layer, x) for aligner, fitted in maps.items()}
        for aligner, fitted in maps.items():
            # A control stands beside the other ones: its error over its own would say nothing.
            controls = {name: predicted[name] for name in predicted if name in CONTROLS and name != aligner}
            quality, about = fit_quality(y, predicted[aligner], controls), fit_facts(fitted[layer])
            rows.append(
                facts
                | fitted_at(Site(layer), aligner, "held_out")
                | vars(quality)
                | {
                    "n_fit": about.n,
                    "n_held_out": len(split.test),
                    "d_model": source.shape[-1],
                    "rank": about.rank,
                    "condition": about.condition,
                    "penalty": getattr(fitted[layer], "penalty_", None),
                    "at_edge": getattr(fitted[layer], "at_edge_", None),
                    "warning": caution(about.n or 0, source.shape[-1], about.regularized) or "",
                }
            )
    numbers = ("condition", "ratio_to_control", "penalty")
    kinds = {"layer": "Int64", "rank": "Int64", "at_edge": "boolean"} | dict.fromkeys(numbers, "Float64")
    return pd.DataFrame(rows).astype(kinds)


def selection_table(facts: Facts, task: str, found: Judgement) -> pd.DataFrame:
    """One row per aligner: what was chosen on dev, and what it brings on test."""
    rows = [facts | _chosen(outcome, found) | {"task": task} for outcome in found.outcomes]
    numbers = ("strength", "regret", "refit_sd", "refit_low", "refit_high", "retention", "retention_low")
    kinds = {"layer": "Int64", "refits": "Int64", "noninferior": "boolean"}
    return pd.DataFrame(rows).astype(kinds | dict.fromkeys(numbers, "Float64"))


def _chosen(outcome: Outcome, found: Judgement) -> dict[str, Any]:
    choice, gain, verdict = outcome.choice, outcome.gain, outcome.verdict
    over = found.headline_over.get(choice.aligner)
    nowhere = choice.layer is None
    return {
        "site": None if nowhere else choice.also.get("site", str(Site(choice.layer or 0))),
        "layer": choice.layer,
        "aligner": choice.aligner,
        "split": "test",
        "intervention": choice.intervention,
        "positions": choice.also.get("positions"),
        "joint": choice.also.get("joint"),
        "strength": choice.strength,
        "control": outcome.is_control,
        "headline": outcome is found.headline,
        "dev_margin_gain": choice.margin_gain,
        "dev_gain": choice.accuracy_gain,
        "accuracy": outcome.accuracy.estimate,
        "gain": gain.estimate,
        "gain_low": gain.low,
        "gain_high": gain.high,
        "headline_over": over.estimate if over else None,
        "headline_over_low": over.low if over else None,
        "headline_over_high": over.high if over else None,
        "level": gain.level,
        "n": gain.n,
        "verdict": verdict.kind,
        "p": verdict.p,
        "detectable": verdict.detectable,
        "gained": verdict.gained,
        "lost": verdict.lost,
        "crossfit_gain": outcome.crossfit.gain,
        "optimism": outcome.crossfit.optimism,
        "regret": outcome.crossfit.regret,
        "agreement": outcome.crossfit.agreement,
    } | (_headline(found) if outcome is found.headline else dict.fromkeys(_HEADLINE))


_HEADLINE = ("refits", "refit_sd", "refit_low", "refit_high", "retention", "retention_low", "noninferior")


def _headline(found: Judgement) -> dict[str, Any]:
    """What only the patch that the study is about is asked."""
    fits, kept = found.refits, found.retained
    return dict.fromkeys(_HEADLINE) | {
        **({"refits": fits.n, "refit_sd": fits.sd} if fits else {}),
        **({"refit_low": fits.smallest, "refit_high": fits.largest} if fits else {}),
        **({"retention": kept.interval.estimate, "retention_low": kept.interval.low} if kept else {}),
        **({"noninferior": kept.holds} if kept else {}),
    }


def predictors_table(
    similarity: pd.DataFrame, exploration: pd.DataFrame, selection: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Which measure's curve over layers goes along with what the headline's patch brings there on dev.

    `exploration` and `selection` hold the headline's rows alone.
    """
    gains = exploration[exploration.joint == "one"]
    lower = tuple(name for name, metric in METRICS.items() if not metric.higher_is_better)
    table = predicts(similarity, gains, selection, lower, seed=seed)
    return table.assign(site=None, layer=pd.array([None] * len(table), "Int64"), seed=seed, split="dev")


def fitted_at(site: Site, aligner: str, split: str) -> dict[str, Any]:
    """Where a row about a fitted aligner stands."""
    return _at(site) | {"aligner": aligner, "split": split}


def measured_at(site: Site, measure: str, split: str) -> dict[str, Any]:
    """Where a row about a measure stands."""
    return _at(site) | {"measure": measure, "split": split}


def _at(site: Site) -> dict[str, Any]:
    """The embedding has no layer."""
    return {"site": str(site), "layer": None if site.component == "embed" else site.layer}
