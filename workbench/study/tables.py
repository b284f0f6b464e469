"""The tables of a study, one row schema each; docs/tables.md says what every column means."""

from typing import Any

import pandas as pd

from workbench.align import CONTROLS, LayerMaps, fit_facts
from workbench.measure import caution, fit_quality
from workbench.study.result import Judgement
from workbench.text import Split
from workbench.types import Site

Facts = dict[str, Any]
"""The columns every table carries: model, pair and seed."""


def fit_table(
    facts: Facts, maps: dict[str, LayerMaps], source: Any, target: Any, split: Split
) -> pd.DataFrame:
    """How near maps come on held-out sentences, for each layer and method, with what qualifies it."""
    rows = []
    for layer in range(len(source)):
        x, y = source[layer][split.test], target[layer][split.test]
        predicted = {method: fitted.transform(layer, x) for method, fitted in maps.items()}
        for method, fitted in maps.items():
            # A control stands beside the other ones: its error over its own would say nothing.
            controls = {name: predicted[name] for name in predicted if name in CONTROLS and name != method}
            quality, about = fit_quality(y, predicted[method], controls), fit_facts(fitted[layer])
            rows.append(
                facts
                | place(Site(layer), method, "held_out")
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
    """One row per method: what was chosen on dev, and what it brings on test."""
    rows = []
    for outcome in (found.headline, *found.others):
        choice, gain = outcome.choice, outcome.gain
        over = found.headline_over.get(choice.method)
        rows.append(
            facts
            | place(None if choice.layer is None else Site(choice.layer), choice.method, "test")
            | {
                "task": task,
                "intervention": choice.intervention,
                "strength": choice.strength,
                "control": outcome.is_control,
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
                "verdict": outcome.verdict.kind,
                "detectable": outcome.verdict.detectable,
                "gained": outcome.verdict.gained,
                "lost": outcome.verdict.lost,
                "crossfit_gain": outcome.crossfit.gain,
                "optimism": outcome.crossfit.optimism,
                "agreement": outcome.crossfit.agreement,
            }
        )
    return pd.DataFrame(rows).astype({"layer": "Int64", "strength": "Float64"})


def place(site: Site | None, method: str, split: str) -> dict[str, Any]:
    """Where a row is about; the embedding has no layer, and no more has a run without a patch."""
    layer = None if site is None or site.component == "embed" else site.layer
    return {"site": None if site is None else str(site), "layer": layer, "method": method, "split": split}
