"""Measures of states: similarity of two languages, geometry, and interpretation.

`METRICS` are cheap enough for every layer of every study; `MORE_METRICS` cost more, or refuse where
sentences are few. `GEOMETRY` tells of one language's states, or of two that need not be parallel.
"""

from functools import partial
from typing import TypeVar

from workbench.core.bundled import Registry
from workbench.measures.base import Geometry, Metric, confounds
from workbench.measures.fit import caution, fit_quality, mismatch
from workbench.measures.geometry import (
    anisotropy,
    effective_rank,
    entropy,
    flatness,
    joint_plane,
    language_probe,
    language_share,
    lens,
    mean_distance,
    mean_share,
    neuron_rank_correlation,
    norm_profile,
    read_lens,
    sparsity,
)
from workbench.measures.neighbours import (
    MUTUAL_KNN,
    centered_retrieval,
    centered_retrieval_scores,
    csls,
    mexa,
    mexa_scores,
    mrr,
    mutual_knn,
    mutual_knn_scores,
    precision_at_1,
    query_scores,
    retrieval,
    retrieval_scores,
)
from workbench.measures.similarity import (
    CKA,
    PROCRUSTES,
    RSA,
    cka_shares,
    debiased_linear_cka,
    grid,
    linear_cka,
    permutation_null,
    procrustes_distance,
    procrustes_shares,
    pwcca,
    pwcca_shares,
    rbf_cka,
    rsa,
    rsa_shares,
    svcca,
    svcca_shares,
)

_Measure = TypeVar("_Measure", Metric, Geometry)


def _by_name(*measures: _Measure) -> dict[str, _Measure]:
    return {measure.name: measure for measure in measures}


METRICS: Registry[Metric] = Registry(
    "measures",
    _by_name(
        Metric(
            "cka",
            linear_cka,
            shares=partial(cka_shares, linear_cka),
            sides=CKA[linear_cka],
            reading="1: sentences are arranged alike up to rotation and scale; near 1 for unrelated "
            "states too when dimensions outnumber sentences",
            reference="Kornblith et al. 2019, arXiv:1905.00414",
        ),
        Metric(
            "cka_debiased",
            debiased_linear_cka,
            shares=partial(cka_shares, debiased_linear_cka),
            sides=CKA[debiased_linear_cka],
            range=(-1.0, 1.0),
            reading="1: sentences are arranged alike up to rotation and scale; about 0: not more than chance",
            reference="Song et al. 2012, Journal of Machine Learning Research 13; Nguyen et al. 2021, "
            "arXiv:2010.15327",
        ),
        Metric(
            "retrieval",
            retrieval,
            per_query=retrieval_scores,
            reading="1: every sentence's nearest state by cosine is its own translation; 1/n: chance, among "
            "n sentences",
            reference="Artetxe & Schwenk 2019, arXiv:1812.10464",
        ),
        Metric(
            "retrieval_centered",
            centered_retrieval,
            per_query=centered_retrieval_scores,
            reading="1: the same once each language's mean is taken out; 1/n: chance, among n sentences",
            reference="Libovický et al. 2020, arXiv:2004.05160",
        ),
        Metric(
            "csls",
            csls,
            per_query=partial(query_scores, by="csls"),
            reading="1: every sentence finds its translation, in both directions, once states that are near "
            "to everything are discounted; 1/n: chance, among n sentences",
            reference="Conneau et al. 2018, arXiv:1710.04087",
        ),
        Metric(
            "mexa",
            mexa,
            per_query=mexa_scores,
            reading="1: every sentence is nearer to its translation than to any other, from both sides; "
            "below 1/n: chance, among n sentences",
            reference="Kargaran et al. 2024, arXiv:2410.05873",
        ),
        Metric(
            "mutual_knn",
            mutual_knn,
            shares=mutual_knn_scores,
            sides=MUTUAL_KNN,
            reading="1: a sentence has the same 10 neighbours in both languages; 10/(n−1): chance, among n "
            "sentences (of fewer than 40, a quarter are neighbours)",
            reference="Huh et al. 2024, arXiv:2405.07987",
        ),
        Metric(
            "rsa",
            rsa,
            shares=rsa_shares,
            sides=RSA["cosine"],
            range=(-1.0, 1.0),
            reading="1: pairs of sentences rank alike by distance in both languages; about 0: chance",
            reference="Kriegeskorte et al. 2008, doi:10.3389/neuro.06.004.2008",
        ),
        Metric(
            "procrustes",
            procrustes_distance,
            shares=procrustes_shares,
            sides=PROCRUSTES,
            higher_is_better=False,
            reading="0: a rotation takes one language's states to the other's; 1: nothing in common; small "
            "for unrelated states too when dimensions outnumber sentences",
            reference="Ding et al. 2021, arXiv:2108.01661",
        ),
    ),
)
"""Run at every layer of each study: a few milliseconds for 500 sentences of 128 dimensions."""

MORE_METRICS: dict[str, Metric] = _by_name(
    Metric(
        "cka_rbf",
        rbf_cka,
        shares=partial(cka_shares, rbf_cka),
        sides=CKA[rbf_cka],
        range=(-1.0, 1.0),
        reading="1: sentences have the same neighbourhoods up to rotation and scale; about 0: not more "
        "than chance",
        reference="Kornblith et al. 2019, arXiv:1905.00414",
    ),
    Metric(
        "mrr",
        mrr,
        per_query=partial(query_scores, of="mrr"),
        reading="1: every translation ranks first by cosine, in both directions; 1/2: second on the "
        "whole; about ln(n)/n: chance, among n sentences",
        reference="Voorhees 1999, TREC-8",
    ),
    Metric(
        "svcca",
        svcca,
        shares=svcca_shares,
        reading="1: the main directions of both languages carry the same signals, however mixed; high "
        "for unrelated states unless sentences far outnumber directions",
        reference="Raghu et al. 2017, arXiv:1706.05806",
    ),
    Metric(
        "pwcca",
        pwcca,
        shares=pwcca_shares,
        reading="as svcca, but directions count by their weight in the first language",
        reference="Morcos et al. 2018, arXiv:1806.05759",
    ),
)
"""On request: `svcca` and `pwcca` decompose both sides, and refuse where sentences are too few to tell."""

GEOMETRY: dict[str, Geometry] = _by_name(
    Geometry(
        "mean_distance",
        mean_distance,
        2,
        range=(0.0, float("inf")),
        reading="how far the languages' means lie apart, in the units of the states",
        reference="Libovický et al. 2020, arXiv:2004.05160",
    ),
    Geometry(
        "mean_share",
        mean_share,
        2,
        reading="0: the languages share their mean; 1: all variance is between the languages",
        reference="Libovický et al. 2020, arXiv:2004.05160",
    ),
    Geometry(
        "language_probe",
        lambda X, Y: language_probe({"source": X, "target": Y}).accuracy,
        2,
        reading="1: a linear probe always tells the language of a state; 1/2: chance; parallel rows",
        reference="Alain & Bengio 2016, arXiv:1610.01644",
    ),
    Geometry(
        "effective_rank",
        effective_rank,
        1,
        range=(1.0, float("inf")),
        reading="how many directions the states use: 1: a line; at most min(n − 1, d)",
        reference="Roy & Vetterli 2007, EUSIPCO",
    ),
    Geometry(
        "anisotropy",
        anisotropy,
        1,
        range=(-1.0, 1.0),
        reading="about 0: states point everywhere; near 1: any two sentences look alike by cosine",
        reference="Ethayarajh 2019, arXiv:1909.00512",
    ),
    Geometry(
        "median_norm",
        lambda X: norm_profile(X).median,
        1,
        range=(0.0, float("inf")),
        reading="the length of a typical state; languages or layers that differ in it differ in scale",
    ),
    Geometry(
        "top_dimension_share",
        lambda X: norm_profile(X).top_share,
        1,
        reading="1/d: dimensions are of one size; near 1: a single one decides cosines and distances",
        reference="Sun et al. 2024, arXiv:2402.17762",
    ),
)

__all__ = [
    "GEOMETRY",
    "METRICS",
    "MORE_METRICS",
    "Geometry",
    "Metric",
    "anisotropy",
    "caution",
    "centered_retrieval",
    "confounds",
    "csls",
    "debiased_linear_cka",
    "effective_rank",
    "entropy",
    "fit_quality",
    "flatness",
    "grid",
    "joint_plane",
    "language_probe",
    "language_share",
    "lens",
    "linear_cka",
    "mean_distance",
    "mean_share",
    "mexa",
    "mismatch",
    "mrr",
    "mutual_knn",
    "neuron_rank_correlation",
    "norm_profile",
    "permutation_null",
    "precision_at_1",
    "procrustes_distance",
    "pwcca",
    "query_scores",
    "rbf_cka",
    "read_lens",
    "retrieval",
    "rsa",
    "sparsity",
    "svcca",
]
