"""How alike two languages' states are: each measure at each site, with its interval, as one tidy table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import pandas as pd
from torch import Tensor

from workbench.core.errors import InputError, did_you_mean
from workbench.core.types import Progress, Site, silent
from workbench.measures import METRICS, MORE_METRICS, Metric
from workbench.stats import Interval, accuracy, jackknife_interval, mean_interval

Groups = Sequence[str] | None
"""The document of each sentence, where the text tells."""

NAN = float("nan")


class SitesByLanguage(Protocol):
    """What is asked of `Activations` here."""

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites, in order."""

    def at(self, site: Site, language: str) -> Tensor:
        """The states of a language at one site."""


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
    states: SitesByLanguage,
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
            numbers: dict[str, Any] = {"value": NAN, "low": NAN, "high": NAN, "interval": "", "n": len(rows)}
            note = ""
            try:
                numbers["value"] = metric(x, y)
                kind, found = _interval(metric, x, y, groups, blocks)
                if found:
                    numbers |= {"low": found.low, "high": found.high, "interval": kind}
            except InputError as error:
                # One site may hold nothing to compare: sentences that all end in one token, embedded.
                note = str(error)
            table.append(dict(facts) | measured_at(site, name, "held_out") | numbers | {"note": note})
            progress(f"measure {facts['pair']}", len(table), total)
    return pd.DataFrame(table).astype({"layer": "Int64"})


def _interval(
    metric: Metric, x: Tensor, y: Tensor, groups: Groups, blocks: int | None
) -> tuple[str, Interval | None]:
    """Of which kind the interval is, and the interval where there is to be one."""
    if groups is not None and len(set(groups)) < 2:
        raise InputError("no interval: all held-out sentences are of one document")
    if metric.per_query is not None:
        return "queries", _of_queries(metric, metric.per_query(x, y).cpu(), groups)
    if blocks:
        whole = jackknife_interval(lambda i: metric(x[i], y[i]), len(x), groups, blocks=blocks)
        return "jackknife", whole
    return "", None


def _of_queries(metric: Metric, scores: Tensor, groups: Groups) -> Interval:
    """That of an accuracy where all scores are 0 or 1: none found is then not none for certain."""
    if bool(((scores == 0) | (scores == 1)).all()):
        return accuracy(scores.numpy(), groups)
    found = mean_interval(scores.numpy(), groups)
    lowest, highest = metric.range
    return replace(found, low=max(found.low, lowest), high=min(found.high, highest))


def named_metric(name: str) -> Metric:
    """A metric by its name."""
    known = METRICS | MORE_METRICS
    if name not in known:
        raise InputError(f"unknown measure {name!r}: {did_you_mean(name, known)}")
    return known[name]
