"""CKA against an independent implementation, its invariances, and what it says of unrelated data."""

import numpy as np
import pytest
import torch

from workbench.core.errors import InputError
from workbench.measures import debiased_linear_cka, linear_cka

BOTH = [linear_cka, debiased_linear_cka]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def reference_biased(X, Y):
    """The feature form: ‖Yᵀ X‖² / (‖Xᵀ X‖ ‖Yᵀ Y‖) of centred rows."""
    X, Y = X - X.mean(0), Y - Y.mean(0)
    cross = np.linalg.norm(Y.T @ X) ** 2
    return cross / (np.linalg.norm(X.T @ X) * np.linalg.norm(Y.T @ Y))


def reference_hsic(K, L):
    """The unbiased estimator term by term, as Song et al. (2012) print it."""
    n = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    one = np.ones(n)
    total = np.trace(K @ L) + (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
    return (total - 2 / (n - 2) * (one @ K @ L @ one)) / (n * (n - 3))


def reference_debiased(X, Y):
    K, L = X @ X.T, Y @ Y.T
    return reference_hsic(K, L) / np.sqrt(reference_hsic(K, K) * reference_hsic(L, L))


@pytest.mark.parametrize(("n", "d", "k"), [(30, 5, 9), (12, 40, 40), (5, 3, 3)])
def test_equals_an_independent_implementation(n, d, k):
    X = draw(n, d).double()
    Y = X @ draw(d, k, seed=1).double() + draw(n, k, seed=2).double() + 3
    assert linear_cka(X, Y) == pytest.approx(reference_biased(X.numpy(), Y.numpy()), abs=1e-10)
    assert debiased_linear_cka(X, Y) == pytest.approx(reference_debiased(X.numpy(), Y.numpy()), abs=1e-10)


@pytest.mark.parametrize("metric", BOTH)
def test_rotation_scale_and_shift_of_one_side_do_not_matter(metric):
    X, Y = draw(60, 16), draw(60, 16, seed=1)
    Y = X + Y
    rotation = torch.linalg.qr(draw(16, 16, seed=2))[0]
    assert metric(X, Y) == pytest.approx(metric(Y, X))
    assert metric(1e4 * X @ rotation + 7, 1e-4 * Y) == pytest.approx(metric(X, Y), abs=1e-4)


def test_unrelated_data_look_alike_only_to_the_biased_form():
    values = [
        (linear_cka(X, Y), debiased_linear_cka(X, Y))
        for seed in range(10)
        for X, Y in [(draw(100, 512, seed=seed), draw(100, 512, seed=100 + seed))]
    ]
    biased, debiased = np.mean(values, axis=0)
    assert biased > 0.8
    assert abs(debiased) < 0.02
    assert np.abs(np.array(values)[:, 1]).max() < 0.08


def test_rows_that_belong_together_matter():
    X = draw(60, 8)
    assert debiased_linear_cka(X, X) > 0.99 > 0.3 > debiased_linear_cka(X, X.roll(7, 0))


@pytest.mark.parametrize("metric", BOTH)
def test_rows_that_do_not_vary_are_refused(metric):
    with pytest.raises(InputError, match="all rows are equal"):
        metric(torch.ones(10, 4), draw(10, 4))


def test_half_precision_extremes_do_not_overflow():
    X = (draw(20, 8) * 60_000 / 5).clamp(-60_000, 60_000).to(torch.float16)
    assert debiased_linear_cka(X, X) == pytest.approx(1)
