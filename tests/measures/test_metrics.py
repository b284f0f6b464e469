"""The contract that all metrics keep."""

import numpy as np
import pytest
import torch

from workbench.core.errors import InputError
from workbench.measures import GEOMETRY, METRICS, MORE_METRICS, Metric

ALL = METRICS | MORE_METRICS
every_metric = pytest.mark.parametrize("metric", ALL.values(), ids=ALL)
CHANCE = {"mrr": np.mean(1 / np.arange(1, 11)), "mexa": 0, "mutual_knn": 2 / 9}
"""What rows that are all alike reach, of 10; of the others, 1/10."""


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@every_metric
def test_self_is_best_and_the_range_holds(metric):
    low, high = metric.range
    X = draw(60, 16)
    best = metric(X, X)
    assert best == pytest.approx(high if metric.higher_is_better else low)
    sign = 1 if metric.higher_is_better else -1
    for noise in (0.5, 5, 1e6):
        value = metric(X, X + noise * draw(60, 16, seed=1))
        assert isinstance(value, float) and low <= value <= high and sign * value <= sign * best + 1e-9
    assert sign * metric(X, draw(60, 16, seed=1)) < sign * best - 0.1


@every_metric
def test_scale_and_a_rotation_of_both_sides_do_not_matter(metric):
    X = draw(60, 16)
    Y = X + 2 * draw(60, 16, seed=1)
    rotation = torch.linalg.qr(draw(16, 16, seed=2))[0]
    if metric.name == "pwcca":  # weighs by the dimensions as they are
        rotation = torch.eye(16)
    assert metric(1e4 * X @ rotation, 1e-4 * Y @ rotation) == pytest.approx(metric(X, Y), abs=1e-4)


@every_metric
@pytest.mark.parametrize(("n", "d"), [(60, 16), (80, 120)])
def test_the_value_among_some_rows_is_that_of_these_rows_alone(metric, n, d):
    n = 4 * d if metric.name in ("svcca", "pwcca") else n  # which refuse so few sentences
    X = draw(n, d) * torch.linspace(3, 0.1, d) + 5
    X[:4] = X[4:8]
    Y = X + draw(n, d, seed=1)
    among = metric.among(X, Y)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    for rows, others in (
        (order, order),
        (np.arange(n // 10, n), np.arange(n // 10, n)),
        (order, order.flip(0)),
    ):
        assert among(rows, others) == pytest.approx(metric(X[rows], Y[others]), abs=1e-9)


def test_rows_that_do_not_vary_are_refused_among_others_that_do():
    X = torch.cat([torch.ones(6, 4), draw(6, 4)])
    for name in ("cka", "cka_debiased", "rsa", "procrustes", "cka_rbf"):
        among = ALL[name].among(X, X.flip(1))
        with pytest.raises(InputError, match="all rows are equal"):
            among(range(6), range(6))
        with pytest.raises(InputError, match="too few"):
            among([7], [7])


@every_metric
def test_inputs_stay_as_they_were(metric):
    X, Y = draw(20, 4), draw(20, 4, seed=1)
    before = X.clone(), Y.clone()
    metric(X, Y)
    metric.among(X, Y)(range(10), range(10))
    assert torch.equal(X, before[0]) and torch.equal(Y, before[1])


@every_metric
def test_rows_that_do_not_vary_never_look_alike(metric):
    same = torch.full((10, 4), 0.1)
    try:
        value = metric(same, same)
    except InputError as error:
        assert "all rows are equal" in str(error)
    else:
        assert value == pytest.approx(CHANCE.get(metric.name, 1 / 10))


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


@every_metric
@pytest.mark.parametrize(
    "rows",
    [
        draw(8, 50),  # fewer sentences than dimensions
        draw(50, 8),
        torch.cat([draw(30, 8), torch.full((30, 2), 3.0)], 1),  # dimensions that do not vary
        draw(10, 8).repeat(3, 1),  # every sentence three times
        torch.cat([draw(1, 8), torch.ones(9, 8)]),  # one sentence that differs
        (draw(40, 8) * 2e4).clamp(-65504, 65504).half(),
        draw(40, 8) * 1e30,
        draw(40, 8).double() * 1e-200,
    ],
    ids="wide tall constant duplicates one_differs half large tiny".split(),
)
def test_degenerate_input_gives_a_number_in_range_or_a_reason(metric, rows):
    low, high = metric.range
    try:
        value = metric(rows, rows.flip(0))
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert low <= value <= high


def test_every_metric_says_how_to_read_it_and_who_described_it():
    assert not METRICS.keys() & MORE_METRICS.keys()
    for name, metric in ALL.items():
        assert metric.name == name and len(metric.reading) > 20 and len(metric.reference) > 10


def test_every_geometry_takes_as_many_languages_as_it_says():
    states = draw(30, 5), draw(30, 5, seed=1) + 1
    for name, geometry in GEOMETRY.items():
        low, high = geometry.range
        value = geometry(*states[: geometry.languages])
        assert geometry.name == name and len(geometry.reading) > 20
        assert isinstance(value, float) and low <= value <= high


@every_metric
@pytest.mark.parametrize(("n", "d", "other"), [(60, 16, 16), (70, 5, 5), (61, 20, 12)])
def test_what_sentences_add_has_the_value_as_its_mean(metric, n, d, other):
    X = draw(n, d) + 0.3
    Y = X[:, :other] + draw(n, other, seed=1) if other <= d else X
    if other != d and metric.per_query is not None and metric.name != "mutual_knn":
        Y = X + draw(n, d, seed=1)  # there is no cosine between states of different widths
    parts = metric.by_sentence(X, Y)
    assert parts.shape == (n,) and parts.std() > 0
    assert float(parts.mean()) == pytest.approx(metric(X, Y), abs=1e-9)


@every_metric
def test_what_sentences_add_follows_the_sentences(metric):
    X, Y = draw(60, 16), draw(60, 16) + draw(60, 16, seed=1)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(metric.by_sentence(X[order], Y[order]), metric.by_sentence(X, Y)[order], atol=1e-9)
    assert (metric.per_query is None) != (metric.shares is None), "either queries or a set"


@every_metric
def test_a_sentence_whose_translation_is_another_s_adds_less(metric):
    X = draw(120, 8)
    Y = X + 0.3 * draw(120, 8, seed=1)
    Y[60:] = Y[60:][torch.arange(60).roll(1)]
    parts = metric.by_sentence(X, Y) * (1 if metric.higher_is_better else -1)
    assert parts[:60].mean() > parts[60:].mean() + 0.1


def test_a_metric_that_does_not_tell_says_so():
    with pytest.raises(InputError, match="does not tell"):
        Metric("mean", lambda X, Y: 0.0, (0.0, 1.0), True, "nothing").by_sentence(draw(4, 2), draw(4, 2))
