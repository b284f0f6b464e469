"""P@1, MRR, CSLS, MEXA and mutual neighbours against loops over sentences, their ties and their hubs."""

from importlib import import_module

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from workbench.core.errors import InputError
from workbench.measures import neighbours
from workbench.measures.neighbours import csls, mexa, mrr, mutual_knn, precision_at_1, query_scores

SIZES = [(2, 3), (30, 5), (25, 60)]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pairs(n, d, noise=1.0):
    return draw(n, d) + 0.5, draw(n, d) + noise * draw(n, d, seed=1) - 0.2


def reference_scores(X, Y, by, k=10):
    cosine = cosine_similarity(X.double().numpy(), Y.double().numpy())
    if by == "cosine":
        return cosine
    k = min(k, len(X))
    of_x = [np.sort(row)[-k:].mean() for row in cosine]
    of_y = [np.sort(column)[-k:].mean() for column in cosine.T]
    n = len(X)
    return np.array([[2 * cosine[i, j] - of_x[i] - of_y[j] for j in range(n)] for i in range(n)])


def reference_ranks(score):
    return np.array(
        [1 + sum(score[i, j] > score[i, i] for j in range(len(score))) for i in range(len(score))]
    )


@pytest.fixture(autouse=True, params=[7, 1024])
def block(request, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", request.param)
    monkeypatch.setattr(import_module("workbench.measures.neighbours"), "BLOCK", request.param)


@pytest.mark.parametrize("by", ["cosine", "csls"])
@pytest.mark.parametrize(("n", "d"), SIZES)
def test_ranks_equal_a_loop(n, d, by):
    X, Y = pairs(n, d)
    score = reference_scores(X, Y, by)
    forward, backward = reference_ranks(score), reference_ranks(score.T)
    for direction, ranks in (("forward", [forward]), ("backward", [backward]), ("mean", [forward, backward])):
        hits = np.mean([r == 1 for r in ranks], axis=0)
        reciprocal = np.mean([1 / r for r in ranks], axis=0)
        assert precision_at_1(X, Y, by, direction) == pytest.approx(hits.mean())
        assert mrr(X, Y, by, direction) == pytest.approx(reciprocal.mean())
        assert query_scores(X, Y, "p@1", by, direction).numpy() == pytest.approx(hits)
        assert query_scores(X, Y, "mrr", by, direction).numpy() == pytest.approx(reciprocal)


@pytest.mark.parametrize(("n", "d"), SIZES)
def test_mexa_equals_a_loop(n, d):
    X, Y = pairs(n, d)
    cosine = reference_scores(X, Y, "cosine")
    found = [
        all(cosine[i, i] > max(cosine[i, j], cosine[j, i]) for j in range(n) if j != i) for i in range(n)
    ]
    assert mexa(X, Y) == pytest.approx(np.mean(found))


@pytest.mark.parametrize(("n", "d", "k"), [(30, 5, 3), (60, 90, 10), (60, 5, 10), (9, 4, 10)])
def test_mutual_neighbours_equal_a_loop(n, d, k):
    X, Y = pairs(n, d)
    used = min(k, n // 4)
    sets = []
    for rows in (X, torch.cat([Y, Y], 1)):
        cosine = reference_scores(rows, rows, "cosine")
        np.fill_diagonal(cosine, -2)
        sets.append([set(np.argsort(-row)[:used]) for row in cosine])
    shared = np.mean([len(a & b) / used for a, b in zip(*sets, strict=True)])
    assert mutual_knn(X, torch.cat([Y, Y], 1), k) == pytest.approx(shared)


def test_ties_are_shared_and_win_nothing():
    same = torch.full((30, 7), 0.1)
    assert precision_at_1(same, same) == csls(same, same) == pytest.approx(1 / 30)
    assert mrr(same, same) == pytest.approx(np.mean(1 / np.arange(1, 31)))
    assert mexa(same, same) == 0
    assert mutual_knn(same, same) == pytest.approx(7 / 29)
    twins = torch.eye(4).repeat(2, 1)
    assert mrr(twins, 5 * twins) == pytest.approx((1 + 1 / 2) / 2)
    assert mutual_knn(twins, twins, k=1) == 1


def test_chance_is_what_readings_say():
    draws = [(draw(40, 6, seed=seed), draw(40, 6, seed=1000 + seed)) for seed in range(60)]
    assert np.mean([csls(X, Y) for X, Y in draws]) == pytest.approx(1 / 40, abs=0.01)
    assert np.mean([mutual_knn(X, Y) for X, Y in draws]) == pytest.approx(10 / 39, abs=0.02)
    assert np.mean([mexa(X, Y) for X, Y in draws]) < 1 / 40


def test_csls_is_not_fooled_by_hubs():
    X = draw(200, 30)
    popular = draw(200, 1, seed=3).abs()  # how near a row is to everything
    Y = X + 0.5 * draw(200, 30, seed=1) + popular
    assert csls(X + 1, Y) > 0.95 and precision_at_1(X + 1, Y) < 0.92


def test_unknown_names_and_other_faults_are_refused():
    X = draw(9, 4)
    for call, message in (
        (lambda: precision_at_1(X, X, by="euclid"), "unknown score 'euclid'"),
        (lambda: query_scores(X, X, of="p@5"), "unknown score 'p@5'"),
        (lambda: mrr(X, X, direction="up"), "unknown direction 'up'"),
        (lambda: mrr(X, X, by="csls", k=0), "at least 1"),
        (lambda: mutual_knn(X, X, k=0), "at least 1"),
        (lambda: mutual_knn(X[:3], X[:3]), "too few"),
        (lambda: mutual_knn(X - X[2], X), r"mutual_knn needs a direction .* 1 are zero \(first: \[2\]\)"),
        (lambda: mexa(X, X[:, :3]), "equal widths; 4 and 3"),
        (lambda: precision_at_1(X * float("nan"), X), "finite"),
    ):
        with pytest.raises(InputError, match=message):
            call()
