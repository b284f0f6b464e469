"""RSA against scipy, its ties, and the rank correlation under it and under confounds."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.stats import rankdata, spearmanr

from workbench.core.errors import InputError
from workbench.measures.base import confounds, ranks, spearman
from workbench.measures.similarity import rsa


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize(("n", "d"), [(3, 4), (40, 6), (30, 100), (300, 4)])
def test_equals_scipy(n, d, distance):
    X = draw(n, d).double() + 0.3
    Y = torch.cat([X, X], 1) + draw(n, 2 * d, seed=1).double()
    expected = spearmanr(pdist(X.numpy(), distance), pdist(Y.numpy(), distance)).statistic
    assert rsa(X, Y, distance) == pytest.approx(expected, abs=1e-9)


def test_unrelated_data_have_none():
    values = [rsa(draw(60, 512, seed=s), draw(60, 512, seed=100 + s)) for s in range(10)]
    assert abs(np.mean(values)) < 0.03


def test_duplicates_share_their_rank():
    X = torch.cat([draw(10, 5).repeat(3, 1), draw(5, 5, seed=1)])
    Y = X + torch.cat([draw(10, 5, seed=2).repeat(3, 1), draw(5, 5, seed=3)])
    exact = [np.round(pdist(value.double().numpy(), "cosine"), 10) for value in (X, Y)]
    assert rsa(X, Y) == pytest.approx(spearmanr(*exact).statistic, abs=1e-6)


def test_what_has_no_ranks_is_refused():
    X = draw(10, 4)
    with pytest.raises(InputError, match="equally far apart"):
        rsa(torch.eye(10), X)
    with pytest.raises(InputError, match="equally far apart"):
        rsa(torch.outer(torch.arange(1.0, 11), draw(4)), X)
    with pytest.raises(InputError, match="unknown distance"):
        rsa(X, X, "manhattan")


def test_ranks_equal_scipy():
    values = torch.randint(0, 6, (4, 50), generator=torch.Generator().manual_seed(0)).double()
    assert ranks(values).numpy() == pytest.approx(rankdata(values.numpy(), axis=1))
    expected = [spearmanr(a, b).statistic for a, b in zip(values[:2], values[2:], strict=True)]
    assert spearman(values[:2], values[2:]).numpy() == pytest.approx(expected)


def test_a_measure_that_is_only_length_shows():
    length = torch.arange(40) % 13
    scores = {"length_in_disguise": length.double().exp(), "honest": draw(40)}
    found = {
        (one.measure, one.confound): one
        for one in confounds(
            scores, {"length": length, "overlap": draw(40, seed=1), "script": torch.ones(40)}
        )
    }
    assert found["length_in_disguise", "length"].rho == pytest.approx(1)
    expected = spearmanr(scores["honest"], length).statistic
    assert found["honest", "length"].rho == pytest.approx(expected) and found["honest", "length"].n == 40
    assert found["honest", "script"].rho is None and found["honest", "script"].constant
    assert len(found) == 6 and not found["honest", "overlap"].constant


def test_confounds_refuse_columns_that_do_not_fit():
    good = draw(5)
    for scores, properties, message in (
        ({}, {"length": good}, "at least one"),
        ({"m": good}, {"length": good[:4]}, "property 'length' is .4,.: give one number for each of 5"),
        ({"m": good * float("nan")}, {"length": good}, "score 'm' holds numbers that are not finite"),
        ({"m": good[:2]}, {"length": good[:2]}, "too few"),
    ):
        with pytest.raises(InputError, match=message):
            confounds(scores, properties)
