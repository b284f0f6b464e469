"""How alike two languages' states are: each measure at each site, with its interval, as one tidy table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from torch import Tensor

from workbench.core.errors import InputError, attempt
from workbench.core.types import Progress, Site, check_name, silent
from workbench.measures import METRICS, MORE_METRICS, Metric
from workbench.stats import Interval, accuracy, jackknife_interval, mean_interval

if TYPE_CHECKING:
    from workbench.states.activations import Activations

Groups = Sequence[str] | None
"""The document of each sentence, where the text tells."""


class SimilarityTable(pd.DataFrame):
    """A table `similarity` that draws itself; in all else a pandas table."""

    @property
    def _constructor(self) -> type["SimilarityTable"]:
        return SimilarityTable

    def plot(self, kind: str = "alignment") -> Any:  # type: ignore[override]
        """Its interactive figure (plotly): `alignment` (curves over layers) or `similarity` (pairs × layers).

        For the plots of pandas: `pandas.DataFrame(table).plot(…)`.
        """
        from workbench.figures import plot

        return plot({"similarity": pd.DataFrame(self)}, kind)


def measured_at(site: Site, measure: str, split: str) -> dict[str, Any]:
    """Where a row about a measure stands."""
    return site.columns | {"measure": measure, "split": split}


def similarity_table(
    facts: Mapping[str, Any],
    states: "Activations",
    source: str,
    target: str,
    rows: Any,
    groups: Groups = None,
    blocks: int | None = None,
    progress: Progress = silent,
    metrics: Mapping[str, Metric] | None = None,
) -> pd.DataFrame:
    """Each metric (by default those of `METRICS`) at the embedding and at each layer, on held-out sentences.

    A mean of per-query scores has an interval over these scores. With `blocks` the other measures have the
    jackknife's over that many groups of sentences, since a sentence that is drawn twice, as in a bootstrap,
    would match itself.
    """
    metrics = METRICS if metrics is None else metrics
    table, total = [], len(states.sites) * len(metrics)
    for site in states.sites:
        x, y = states.at(site, source)[rows], states.at(site, target)[rows]
        for name, metric in metrics.items():
            # One site may hold nothing to compare: sentences that all end in one token, embedded.
            value, note = attempt(metric, x, y)
            ends = {"low": float("nan"), "high": float("nan"), "interval": ""}
            if not note:
                interval, note = attempt(_interval, metric, x, y, groups, blocks)
                ends |= {} if note else interval
            row = {**facts, **measured_at(site, name, "held_out"), "value": value, **ends}
            table.append(row | {"n": len(rows), "note": note})
            progress(f"measure {facts['pair']}", len(table), total)
    return pd.DataFrame(table).astype({"layer": "Int64"})


def _interval(
    metric: Metric, x: Tensor, y: Tensor, groups: Groups, blocks: int | None
) -> dict[str, float | str]:
    """Ends and kind of the interval; empty where there is to be none."""
    if groups is not None and len(set(groups)) < 2:
        raise InputError("no interval: all held-out sentences are of one document")
    if metric.per_query is not None:
        kind, interval = "queries", _of_queries(metric, metric.per_query(x, y).cpu(), groups)
    elif blocks:
        kind = "jackknife"
        value = metric.among(x, y)
        interval = jackknife_interval(lambda rows: value(rows, rows), len(x), groups, blocks=blocks)
    else:
        return {}
    return {"low": interval.low, "high": interval.high, "interval": kind}


def _of_queries(metric: Metric, scores: Tensor, groups: Groups) -> Interval:
    """The interval of an accuracy where all scores are 0 or 1; otherwise of a mean, cut to the range."""
    if bool(((scores == 0) | (scores == 1)).all()):
        return accuracy(scores.numpy(), groups)
    found = mean_interval(scores.numpy(), groups)
    lowest, highest = metric.range
    return replace(found, low=max(found.low, lowest), high=min(found.high, highest))


def named_metric(name: str) -> Metric:
    """A metric by its name."""
    known = METRICS | MORE_METRICS
    check_name(name, known, "measure")
    return known[name]
