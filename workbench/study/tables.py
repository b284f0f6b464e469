"""The tables of a study, one row schema each; docs/tables.md says what every column means."""

from typing import Any

import pandas as pd

from workbench.align import LayerMaps
from workbench.capture import Activations
from workbench.measure import METRICS
from workbench.study.result import Judgement
from workbench.text import Split
from workbench.types import Site

Facts = dict[str, Any]
"""The columns every table carries: model, pair and seed."""


def fit_table(
    facts: Facts, maps: dict[str, LayerMaps], source: Any, target: Any, split: Split
) -> pd.DataFrame:
    """R² on held-out sentences for each layer and method, with what qualifies it."""
    rows = []
    for method, fitted in maps.items():
        for layer, r2 in enumerate(fitted.held_out(source, target, split.test)):
            rows.append(
                facts
                | _place(Site(layer), method, "held_out")
                | {
                    "r2": r2,
                    "n_fit": len(split.fit),
                    "n_held_out": len(split.test),
                    "d_model": source.shape[-1],
                    "rank": getattr(fitted[layer], "rank_", None),
                    "condition": getattr(fitted[layer], "condition_", None),
                }
            )
    return pd.DataFrame(rows).astype({"layer": "Int64", "rank": "Int64", "condition": "Float64"})


def similarity_table(facts: Facts, states: Activations, source: str, target: str, rows: Any) -> pd.DataFrame:
    """Each metric at the embedding and at each layer, on held-out sentences."""
    table = [
        facts
        | _place(site, name, "held_out")
        | {"value": metric(states.at(site, source)[rows], states.at(site, target)[rows]), "n": len(rows)}
        for site in states.sites
        for name, metric in METRICS.items()
    ]
    return pd.DataFrame(table).astype({"layer": "Int64"})


def selection_table(facts: Facts, task: str, found: Judgement) -> pd.DataFrame:
    """One row per method: what was chosen on dev, and what it brings on test."""
    rows = []
    for outcome in (found.headline, *found.others):
        choice, gain = outcome.choice, outcome.gain
        over = found.headline_over.get(choice.method)
        rows.append(
            facts
            | _place(None if choice.layer is None else Site(choice.layer), choice.method, "test")
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
            }
        )
    return pd.DataFrame(rows).astype({"layer": "Int64", "strength": "Float64"})


def _place(site: Site | None, method: str, split: str) -> dict[str, Any]:
    """Where a row is about; the embedding has no layer, and no more has a run without a patch."""
    layer = None if site is None or site.component == "embed" else site.layer
    return {"site": None if site is None else str(site), "layer": layer, "method": method, "split": split}
