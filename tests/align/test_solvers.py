"""The solvers against numpy and scikit-learn, and on planted truth."""

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score

from workbench.align import r_squared, solve_least_squares


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("n", "d", "k"), [(50, 8, 8), (8, 50, 50), (20, 20, 7), (1, 5, 3)])
def test_equals_numpys_minimum_norm_solution(n, d, k):
    X, Y = draw(n, d), draw(n, k, seed=1)
    ours = solve_least_squares(X, Y)
    weight, _, rank, singular = np.linalg.lstsq(X.numpy(), Y.numpy(), rcond=None)
    assert ours.rank == rank
    assert ours.condition == pytest.approx(singular[0] / singular[rank - 1])
    np.testing.assert_allclose((ours.left @ ours.right).numpy(), weight, atol=1e-9)


def test_rank_deficient_data_gets_the_least_norm_and_its_rank():
    X = draw(40, 3) @ draw(3, 10, seed=1)
    Y = draw(40, 4, seed=2)
    ours = solve_least_squares(X, Y)
    assert ours.rank == 3
    np.testing.assert_allclose(ours.left @ ours.right, np.linalg.lstsq(X, Y, rcond=None)[0], atol=1e-9)


def test_constant_zero_data_gives_the_zero_map():
    solution = solve_least_squares(torch.zeros(5, 3), draw(5, 2))
    assert solution.rank == 0 and solution.condition == float("inf")
    assert not (solution.left @ solution.right).any()


def test_fewer_pairs_than_dimensions_fit_anything_and_predict_nothing():
    X, Y = draw(100, 300), draw(100, 300, seed=1)
    solution = solve_least_squares(X[:80], Y[:80])
    assert r_squared(Y[:80], X[:80] @ solution.left @ solution.right) == pytest.approx(1)
    assert r_squared(Y[80:], X[80:] @ solution.left @ solution.right) < 0


def test_r_squared_is_scikit_learns_weighted_by_variance():
    Y, predicted = draw(30, 5) * torch.arange(1, 6), draw(30, 5, seed=1)
    theirs = r2_score(Y, predicted, multioutput="variance_weighted")
    assert r_squared(Y, predicted) == pytest.approx(theirs)
    assert np.isnan(r_squared(torch.ones(4, 2), torch.ones(4, 2)))
