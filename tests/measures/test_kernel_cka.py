"""RBF CKA against term-by-term implementations, and what they say of unrelated data."""

import numpy as np
import pytest
import torch

from workbench.core.errors import InputError
from workbench.measures import debiased_linear_cka, linear_cka
from workbench.measures.similarity import inner_products, rbf_cka, squared_distances


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def related(n=40, d=6, k=9):
    X = draw(n, d).double()
    return X, X @ draw(d, k, seed=1).double() + draw(n, k, seed=2).double() + 3


def hsic(K, L):
    """The unbiased estimator term by term, as Song et al. (2012) print it."""
    n = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    one = np.ones(n)
    total = np.trace(K @ L) + (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
    return (total - 2 / (n - 2) * (one @ K @ L @ one)) / (n * (n - 3))


def rbf_kernel(X, fraction):
    distances = np.array([[np.linalg.norm(a - b) for b in X] for a in X])
    apart = np.sort(distances[np.triu_indices(len(X), 1)])
    width = fraction * apart[(len(apart) - 1) // 2]
    return np.exp(-(distances**2) / (2 * width**2))


@pytest.mark.parametrize("fraction", [0.5, 1.0, 2.0])
def test_rbf_equals_an_independent_implementation(fraction):
    X, Y = related()
    K, L = rbf_kernel(X.numpy(), fraction), rbf_kernel(Y.numpy(), fraction)
    expected = hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L))
    assert rbf_cka(X, Y, fraction) == pytest.approx(expected, abs=1e-9)
    H = np.eye(len(X)) - 1 / len(X)
    K, L = H @ K @ H, H @ L @ H
    expected = (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())
    assert rbf_cka(X, Y, fraction, debiased=False) == pytest.approx(expected, abs=1e-9)


def test_rbf_has_its_invariances():
    X, Y = related()
    rotation = torch.linalg.qr(draw(6, 6, seed=3).double())[0]
    assert rbf_cka(1e4 * X @ rotation + 7, 1e-4 * Y) == pytest.approx(rbf_cka(X, Y), abs=1e-9)
    assert rbf_cka(X, Y) == pytest.approx(rbf_cka(Y, X))
    assert rbf_cka(X, X) == pytest.approx(1)


def test_unrelated_data_look_alike_only_to_the_biased_forms():
    draws = [(draw(100, 4096, seed=seed), draw(100, 4096, seed=100 + seed)) for seed in range(10)]
    for metric in (debiased_linear_cka, rbf_cka):
        values = np.array([metric(X, Y) for X, Y in draws])
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert abs(values.mean()) < max(3 * error, 0.01) and np.abs(values).max() < 0.06
    assert min(linear_cka(X, Y) for X, Y in draws) > 0.9
    assert min(rbf_cka(X, Y, debiased=False) for X, Y in draws) > 0.9


def test_duplicates_do_not_empty_the_bandwidth():
    X = draw(4, 5).repeat(10, 1)
    assert rbf_cka(X, X + 0) == pytest.approx(1)
    with pytest.raises(InputError, match="more than 0"):
        rbf_cka(X, X, fraction=0)


def test_blocks_make_the_same_gram_matrix():
    X = draw(700, 5).double()
    assert torch.allclose(inner_products(X), X @ X.mT, atol=1e-12)
    assert torch.allclose(inner_products(X), inner_products(X).mT, atol=1e-12)
    centred = X - X.mean(0)
    assert torch.allclose(squared_distances(centred), torch.cdist(X, X).square(), atol=1e-9)
    assert (squared_distances(centred[[0] * 5 + [1]])[:5, :5] == 0).all()


def test_what_is_only_rounding_is_no_similarity():
    one_differs = torch.zeros(10, 4)
    one_differs[0] = draw(4)
    for metric in (debiased_linear_cka, rbf_cka):
        with pytest.raises(InputError, match="not defined"):
            metric(one_differs + 0.1, draw(10, 4))
