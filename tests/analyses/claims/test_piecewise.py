"""A map for each cluster finds two planted regimes where one matrix cannot."""

import numpy as np
import pytest
import torch
from analyses.claims.planted import LinearStudy
from sklearn.cluster import KMeans

from workbench.align import LeastSquares, export, r_squared, restore
from workbench.analyses.claims.maps import Piecewise, k_means


def test_it_recovers_two_regimes_where_one_matrix_cannot():
    study = LinearStudy(width=8, noise=0.0, regimes=2)
    x, y = (study.states.by_language[code][0] for code in "ba")
    fit, new = study.alignment.split.fit, study.alignment.split.test
    one = LeastSquares(center=True).fit(x[fit], y[fit])
    two = Piecewise(LeastSquares(center=True), clusters=2).fit(x[fit], y[fit])
    assert r_squared(y[new], two.transform(x[new])) > 0.999
    assert r_squared(y[new], one.transform(x[new])) < 0.9


def test_rows_go_through_the_map_of_their_own_cluster():
    study = LinearStudy(width=4, regimes=2)
    x, y = (study.states.by_language[code][0] for code in "ba")
    fitted = Piecewise(LeastSquares(), clusters=2).fit(x, y)
    for row in x[:20]:
        near = int(((fitted.centres_ - row) ** 2).sum(1).argmin())
        assert torch.allclose(fitted.transform(row), fitted.maps_[near].transform(row))
    stacked = fitted.transform(x[:20].reshape(4, 5, -1))
    assert torch.equal(stacked.reshape(20, -1), fitted.transform(x[:20]))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_k_means_comes_as_near_as_scikit_learn(k):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((200, 3)) + 6 * rng.integers(0, 3, (200, 1))
    centres = k_means(torch.from_numpy(rows), k)
    within = float(torch.cdist(torch.from_numpy(rows), centres).min(1).values.square().sum())
    assert within == pytest.approx(KMeans(k, n_init=10, random_state=0).fit(rows).inertia_, rel=0.02)


def test_too_few_sentences_are_fewer_clusters():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    assert len(Piecewise(LeastSquares(), clusters=4).fit(x, x).maps_) <= 2
    assert len(Piecewise(LeastSquares(), clusters=4).fit(x[:25], x[:25]).maps_) == 1


def test_it_can_be_saved():
    study = LinearStudy(width=4, regimes=2)
    x, y = (study.states.by_language[code][0] for code in "ba")
    fitted = Piecewise(LeastSquares(), clusters=2).fit(x, y)
    assert torch.equal(restore(*export(fitted)).transform(x), fitted.transform(x))
