"""Peaks are those of the curves, and where patching helps is what dev items say."""

import pandas as pd
import pytest
from organism_models import FAR, MAIN, NEAR, TINY, tiny_organism

from workbench.analyses.organism.experiments import MAPS, NEARLY, _table, peaks
from workbench.measures import METRICS
from workbench.models import load_model


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    model = load_model(tiny_organism().folder)
    return peaks(model, TINY, tmp_path_factory.mktemp("peaks"), prompts=15, items=10)


def test_every_measure_of_every_map_is_there_at_every_layer(found):
    assert set(found.curves.pair) == {f"{NEAR}-{MAIN}", f"{FAR}-{MAIN}"}
    assert len(found.curves) == 2 * len(METRICS) * len(MAPS.aligners) * 3
    assert list(found.gains.groupby("pair").size()) == [3, 3]
    assert len(found.table) == 2 * len(METRICS)


def test_a_layer_helps_where_it_brings_nearly_as_much_as_the_best(found):
    for _, own in found.gains.groupby("pair"):
        expected = (own.gain >= NEARLY * own.gain.max()) & (own.gain > 0)
        assert (own.helps == expected).all()


def test_a_peak_is_the_best_layer_of_the_unmapped_states():
    curves = pd.DataFrame(
        [
            ("a-b", measure, name, layer, value + (name != "identity"))
            for measure, values in (("retrieval", [0.1, 0.5, 0.3]), ("procrustes", [0.4, 0.6, 0.2]))
            for name in MAPS.aligners
            for layer, value in enumerate(values)
        ],
        columns=["pair", "measure", "map", "layer", "value"],
    )
    gains = pd.DataFrame(
        {"pair": "a-b", "layer": [0, 1, 2], "gain": [0.0, 0.4, 0.1], "helps": [False, True, False]}
    )
    table = _table(curves, gains).set_index("measure")
    assert table.peak["retrieval"] == 1 and bool(table.helps["retrieval"])
    assert table.peak["procrustes"] == 2 and not table.helps["procrustes"], "the smaller distance is better"
    assert table["identity"]["retrieval"] == 0.5 and table["ridge"]["retrieval"] == 1.5
