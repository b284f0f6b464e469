"""Canonical correlations against scikit-learn and planted relations, and their refusal to count to 1."""

import numpy as np
import pytest
import torch

from workbench.core.errors import InputError
from workbench.measures.similarity import pwcca, svcca


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("metric", [svcca, pwcca])
def test_linearly_related_data_are_the_same(metric):
    X = draw(100, 6)
    rotation = torch.linalg.qr(draw(6, 6, seed=1))[0]
    assert metric(X, 3 * X @ rotation + 5) == pytest.approx(1)
    assert metric(X, X @ draw(6, 9, seed=1) - 2) == pytest.approx(1, abs=0.02 if metric is svcca else 1e-6)


def reference_rho(X, Y):
    """Eigenvalues of Sxx⁻¹ Sxy Syy⁻¹ Syx are ρ²."""
    X, Y = X - X.mean(0), Y - Y.mean(0)
    product = np.linalg.inv(X.T @ X) @ X.T @ Y @ np.linalg.inv(Y.T @ Y) @ Y.T @ X
    values, vectors = np.linalg.eig(product)
    order = np.argsort(-values.real)
    return np.sqrt(values.real[order]), X @ vectors.real[:, order], X


def test_equals_an_independent_implementation():
    X, Y = draw(80, 5).double(), draw(80, 7, seed=1).double()
    Y[:, :3] += 2 * X[:, :3]
    rho, variates, centred = reference_rho(X.numpy(), Y.numpy())
    assert svcca(X, Y, variance=1) == pytest.approx(rho.mean(), abs=1e-9)
    alpha = np.abs((variates / np.linalg.norm(variates, axis=0)).T @ centred).sum(1)
    assert pwcca(X, Y) == pytest.approx((alpha * rho).sum() / alpha.sum(), abs=1e-9)


def test_principal_components_are_counted_by_their_variance():
    X = draw(100, 3) * torch.tensor([10.0, 1.0, 0.01])
    Y = X.clone()
    Y[:, 2] = draw(100, seed=1)[:] * 0.01  # what is left out may differ
    assert svcca(X, Y) == pytest.approx(1, abs=1e-4)
    assert svcca(X, Y, variance=1) < 0.8


def test_weights_favour_what_is_large_in_the_first():
    X, Y = draw(200, 4), draw(200, 4, seed=1)
    Y[:, 0] = X[:, 0]
    assert pwcca(X * torch.tensor([100.0, 1, 1, 1]), Y) > 0.9
    assert pwcca(X * torch.tensor([0.01, 1, 1, 1]), Y) < 0.5


@pytest.mark.parametrize("metric", [svcca, pwcca])
def test_too_few_sentences_are_refused_rather_than_perfect(metric):
    with pytest.raises(InputError, match="correlate perfectly whatever the states are"):
        metric(draw(50, 200), draw(50, 200, seed=1))
    with pytest.raises(InputError, match="correlate perfectly"):
        metric(draw(50, 30), draw(50, 30, seed=1))
    with pytest.raises(InputError, match="share to keep"):
        metric(draw(50, 3), draw(50, 3, seed=1), variance=0)
    assert metric(draw(500, 4), draw(500, 4, seed=1)) < 0.15
