"""One matrix serves every input: against a matrix for each cluster of inputs."""

import pandas as pd

from workbench.align import LayerMaps
from workbench.claims.base import Case, Claim, Finding, Ground, undecided
from workbench.claims.piecewise import Piecewise
from workbench.claims.rule import Part, alone, difference, does_as_well, table_of
from workbench.select import choose, rows_of
from workbench.study.estimators import estimators

CLUSTERS = 4


def _judge(ground: Ground) -> Finding:
    found = [part for case in ground.cases if (part := _part(case)) is not None]
    if not found:
        return undecided("no pair with a patch that dev prefers, and sentences enough for two clusters")
    pooled = difference(found, ground.delta)
    ruling = does_as_well(pooled)
    table = table_of(found, "accuracy_one", "accuracy_by_cluster", ground.delta, does_as_well)
    sentence = f"one map less a map for each of {CLUSTERS} clusters of source states: {pooled}{alone(table)}"
    return Finding(ruling.verdict, sentence, pooled.numbers, table, ruling.p)


def _part(case: Case) -> Part | None:
    study, name = case.study, f"{case.aligner}_by_cluster"
    aligner = estimators(study.settings)[case.aligner]
    maps = case.fitted(Piecewise(aligner, CLUSTERS, study.settings.seed))
    branches = [one for one in study.branches({name: maps}) if one.joint == "one"]
    dev = study.sweep("dev", branches, folder="claims/one-matrix")
    choice = choose(dev[dev.language == study.source], name)
    if (choice.layer is None and case.choice.layer is None) or _clusters(maps, choice.layer) < 2:
        return None
    clustered = [study.branch({name: maps}, choice)] if choice.layer is not None else []
    rows: pd.DataFrame = case.on_test([*case.branches(case.choice), *clustered], "one-matrix")
    about = case.facts | {
        "aligner": case.aligner,
        "layer": case.choice.layer,
        "strength": case.choice.strength,
        "clusters": _clusters(maps, choice.layer),
        "clustered_layer": choice.layer,
        "clustered_strength": choice.strength,
    }
    return Part(about, rows_of(rows, case.choice), rows_of(rows, choice))


def _clusters(maps: LayerMaps, layer: int | None) -> int:
    """How many there are at the layer that was chosen; at most, where none was."""
    counts = [len(one.maps_) for one in maps.aligners if isinstance(one, Piecewise)]
    return max(counts) if layer is None else counts[layer]


CLAIMS = (
    Claim(
        "one_matrix",
        "One matrix serves every input.",
        f"One map against a map for each of {CLUSTERS} clusters of source states (k-means), each at its "
        "own layer and strength of dev. Supported where one map is shown to lose less than δ on test; not "
        "supported where it is not and the interval of the difference lies below 0.",
        "INCLINE fits one matrix for each layer and language, arXiv:2410.12462",
        _judge,
    ),
)
