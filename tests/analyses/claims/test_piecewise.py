"""A map for each cluster finds two planted regimes where one matrix cannot."""

import torch
from analyses.claims.planted import LinearStudy

from workbench.align import LeastSquares, export, r_squared, restore
from workbench.analyses.claims.maps import Piecewise


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


def test_too_few_sentences_are_fewer_clusters():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    assert len(Piecewise(LeastSquares(), clusters=4).fit(x, x).maps_) <= 2
    assert len(Piecewise(LeastSquares(), clusters=4).fit(x[:25], x[:25]).maps_) == 1
    same = x[:1].repeat(50, 1)
    assert len(Piecewise(LeastSquares(), clusters=4).fit(same, same).maps_) == 1


def test_it_can_be_saved():
    study = LinearStudy(width=4, regimes=2)
    x, y = (study.states.by_language[code][0] for code in "ba")
    fitted = Piecewise(LeastSquares(), clusters=2).fit(x, y)
    assert torch.equal(restore(*export(fitted)).transform(x), fitted.transform(x))
