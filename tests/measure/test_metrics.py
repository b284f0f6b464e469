"""The contract that all metrics keep."""

import pytest
import torch

from workbench.errors import InputError
from workbench.measure import METRICS

every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@every_metric
def test_self_is_best_and_the_range_holds(metric):
    low, high = metric.range
    X = draw(60, 16)
    best = metric(X, X)
    assert metric.higher_is_better and best == pytest.approx(high)
    for noise in (0.5, 5, 1e6):
        value = metric(X, X + noise * draw(60, 16, seed=1))
        assert isinstance(value, float) and low <= value <= best
    assert metric(X, draw(60, 16, seed=1)) < best


@every_metric
def test_scale_and_a_rotation_of_both_sides_do_not_matter(metric):
    X = draw(60, 16)
    Y = X + 2 * draw(60, 16, seed=1)
    rotation = torch.linalg.qr(draw(16, 16, seed=2))[0]
    assert metric(1e4 * X @ rotation, 1e-4 * Y @ rotation) == pytest.approx(metric(X, Y), abs=1e-4)


@every_metric
def test_inputs_stay_as_they_were(metric):
    X, Y = draw(20, 4), draw(20, 4, seed=1)
    before = X.clone(), Y.clone()
    metric(X, Y)
    assert torch.equal(X, before[0]) and torch.equal(Y, before[1])


@every_metric
def test_rows_that_do_not_vary_never_look_alike(metric):
    same = torch.full((10, 4), 0.1)
    try:
        value = metric(same, same)
    except InputError as error:
        assert "all rows are equal" in str(error)
    else:
        assert value == pytest.approx(0.1)  # chance, among 10 sentences


@every_metric
def test_degenerate_input_is_refused(metric):
    good = draw(10, 4)
    bad = good.clone()
    bad[0, 0] = float("inf")
    for X, message in ((good[:9], "same sentences"), (good[0], "same sentences"), (bad, "finite")):
        with pytest.raises(InputError, match=message):
            metric(X, good)
    with pytest.raises(InputError, match="too few"):
        metric(good[:1], good[:1])


def test_every_metric_says_how_to_read_it():
    for name, metric in METRICS.items():
        assert metric.name == name and len(metric.reading) > 20
