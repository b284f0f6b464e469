"""Metrics: how alike two languages' states are, each with its range and how to read it."""

from workbench.measure.base import Metric
from workbench.measure.cka import debiased_linear_cka, linear_cka
from workbench.measure.retrieval import centered_retrieval, retrieval

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="cka",
            function=linear_cka,
            range=(0.0, 1.0),
            higher_is_better=True,
            reading="1: sentences are arranged alike up to rotation and scale; near 1 for unrelated "
            "states too when dimensions outnumber sentences",
        ),
        Metric(
            name="cka_debiased",
            function=debiased_linear_cka,
            range=(-1.0, 1.0),
            higher_is_better=True,
            reading="1: sentences are arranged alike up to rotation and scale; about 0: not more than chance",
        ),
        Metric(
            name="retrieval",
            function=retrieval,
            range=(0.0, 1.0),
            higher_is_better=True,
            reading="1: every sentence's nearest state by cosine is its own translation; 1/n: chance, among "
            "n sentences",
        ),
        Metric(
            name="retrieval_centered",
            function=centered_retrieval,
            range=(0.0, 1.0),
            higher_is_better=True,
            reading="1: the same once each language's mean is taken out; 1/n: chance, among n sentences",
        ),
    )
}

__all__ = ["METRICS", "Metric", "centered_retrieval", "debiased_linear_cka", "linear_cka", "retrieval"]
