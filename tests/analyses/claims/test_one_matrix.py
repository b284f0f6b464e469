"""One matrix against one for each cluster: planted worlds of one regime and of several."""

import pytest
from analyses.claims.planted import ground, linear_case

from workbench.analyses.claims import CLAIMS


@pytest.mark.parametrize(
    ("world", "verdict"),
    [
        ({"regimes": 1, "items": 1500}, "supported"),
        ({"regimes": 2, "items": 1500}, "not supported"),
        ({"regimes": 1, "items": 10}, "not decidable"),
        ({"regimes": 1, "sentences": 30}, "not decidable"),  # no two clusters of 20
    ],
)
def test_one_matrix(world, verdict):
    found = CLAIMS["one_matrix"].test(ground(linear_case(**{"width": 12, "noise": 1.0} | world)))
    assert found.verdict == verdict
    if world["regimes"] == 2 and verdict != "not decidable":
        assert found.table.clusters.item() >= 2 and found.numbers["estimate"] < -0.1
