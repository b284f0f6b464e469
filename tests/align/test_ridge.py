"""Ridge against scikit-learn and brute force, and what its choice of strength recovers."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as TheirRidge

from workbench.align import ALIGNERS, LeastSquares, Ridge, r_squared, solve_ridge
from workbench.align.linear import PENALTIES
from workbench.core.errors import InputError

SHAPES = [(40, 6, 6), (40, 6, 3), (40, 6, 50), (9, 30, 30), (9, 30, 4), (6, 6, 6), (2, 3, 3)]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pairs(n, d, k, noise=0.5):
    X = draw(n, d) * torch.logspace(0, -1, d, dtype=torch.float64) + 3
    return X, X @ draw(d, k, seed=1) + noise * draw(n, k, seed=2) - 2


def theirs(X, Y, strength, center):
    return TheirRidge(alpha=strength, fit_intercept=center, solver="svd").fit(X.numpy(), Y.numpy())


def left_out_error(X, Y, strength, center):
    """By as many fits as there are sentences."""
    squares = []
    for i in range(len(X)):
        rest = torch.arange(len(X)) != i
        predicted = theirs(X[rest], Y[rest], strength, center).predict(X[[i]].numpy())
        squares.append(np.square(Y[i].numpy() - predicted).sum())
    return np.mean(squares)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
@pytest.mark.parametrize("penalty", [1e-4, 0.1, 100.0])
def test_equals_scikit_learn(n, d, k, center, penalty):
    X, Y = pairs(n, d, k)
    ours = Ridge(penalty, center).fit(X, Y)
    assert ours.penalty_ == penalty and not ours.at_edge_
    inputs = X - X.mean(0) if center else X
    assert ours.lambda_ == pytest.approx(penalty * float(inputs.square().sum()) / min(n, d))
    other = theirs(X, Y, ours.lambda_, center)
    np.testing.assert_allclose(ours.weight_, other.coef_.T, atol=1e-6)
    np.testing.assert_allclose(ours.transform(X), other.predict(X.numpy()).reshape(n, k), atol=1e-6)
    assert (ours.bias_ is None) is (not center)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_leave_one_out_errors_equal_those_of_refits(n, d, k, center):
    X, Y = pairs(n, d, k)
    ours = Ridge(PENALTIES[::3], center).fit(X, Y)
    strengths = [Ridge(penalty, center).fit(X, Y).lambda_ for penalty in PENALTIES[::3]]
    brute = [left_out_error(X, Y, strength, center) for strength in strengths]
    np.testing.assert_allclose(ours.loo_errors_, brute, rtol=1e-7)
    # Of two sentences each is predicted by the other, so that all strengths do equally well.
    assert ours.penalty_ == (100.0 if n == 2 and center else PENALTIES[::3][int(np.argmin(brute))])


def test_rows_that_repeat_and_columns_that_do_not_vary_change_nothing_of_that():
    X, Y = pairs(10, 4, 3)
    X, Y = torch.cat([X, X]), torch.cat([Y, draw(10, 3, seed=5)])
    X = torch.cat([X, X[:, :2], torch.ones(20, 1)], dim=1)
    ours = Ridge(0.1).fit(X, Y)
    np.testing.assert_allclose(ours.weight_, theirs(X, Y, ours.lambda_, True).coef_.T, atol=1e-9)
    np.testing.assert_allclose(ours.loo_errors_, left_out_error(X, Y, ours.lambda_, True))


@pytest.mark.parametrize(("n", "d"), [(200, 20), (60, 200)])
def test_noise_asks_for_a_strong_penalty_and_clean_data_for_a_weak_one(n, d):
    X = draw(n, 10) @ draw(10, d, seed=1)
    noise, clean = draw(n, d, seed=2), X @ draw(d, d, seed=3)
    strong, weak = Ridge().fit(X, noise), Ridge().fit(X, clean)
    assert strong.penalty_ == PENALTIES[-1] and strong.at_edge_
    assert weak.penalty_ == PENALTIES[0] and weak.at_edge_
    between = Ridge().fit(X, clean + clean.std() * noise)
    assert PENALTIES[0] < between.penalty_ < PENALTIES[-1] and not between.at_edge_


@pytest.mark.parametrize("n", [60, 200])
def test_the_chosen_map_beats_least_squares_on_rows_it_has_not_seen(n):
    X, Y = pairs(n + 100, 50, 50, noise=3)
    ours, plain = (aligner.fit(X[:n], Y[:n]) for aligner in (Ridge(), LeastSquares(center=True)))
    ours, plain = (r_squared(Y[n:], fitted.transform(X[n:])) for fitted in (ours, plain))
    assert ours > plain


@pytest.mark.parametrize(("n", "d"), [(40, 6), (9, 30)])
def test_the_unit_of_the_states_does_not_matter(n, d):
    X, Y = pairs(n, d, d)
    one, other = Ridge().fit(X, Y), Ridge().fit(1000 * X, 1000 * Y)
    assert one.penalty_ == other.penalty_
    assert other.lambda_ == pytest.approx(1e6 * one.lambda_)
    torch.testing.assert_close(other.transform(1000 * X), 1000 * one.transform(X))


def test_the_order_of_the_grid_is_kept_and_does_not_matter():
    X, Y = pairs(30, 6, 6)
    one, other = Ridge().fit(X, Y), Ridge(PENALTIES[::-1]).fit(X, Y)
    assert one.penalty_ == other.penalty_ and one.at_edge_ == other.at_edge_
    assert torch.equal(one.loo_errors_, other.loo_errors_.flip(0))


def test_states_that_do_not_vary_leave_the_mean_alone():
    X, Y = torch.full((7, 4), 0.1, dtype=torch.float64), draw(7, 3)
    fitted = Ridge().fit(X, Y)
    assert not fitted.weight_.any() and fitted.lambda_ == 0
    torch.testing.assert_close(fitted.transform(X), Y.mean(0).expand(7, 3))
    others = (Y.sum(0) - Y) / 6
    np.testing.assert_allclose(fitted.loo_errors_, (Y - others).square().sum(1).mean().expand(13))


def test_one_sentence_is_refused():
    with pytest.raises(InputError, match="at least 2"):
        Ridge().fit(draw(1, 4), draw(1, 4))


@pytest.mark.parametrize("penalties", [0, -1.0, (), (0.1, float("nan")), [1, float("inf")], "strong", None])
def test_penalties_that_are_none_are_refused(penalties):
    with pytest.raises(InputError, match="above 0"):
        Ridge(penalties).fit(draw(5, 4), draw(5, 4))


def test_ridge_comes_first_and_its_grid_cannot_be_changed():
    assert next(iter(ALIGNERS)) == "ridge"
    assert isinstance(Ridge().penalties, tuple) and len(PENALTIES) == 13


def test_the_inputs_stay_as_they_were():
    X, Y = pairs(8, 5, 5)
    before = X.clone(), Y.clone()
    solve_ridge(X, Y, torch.tensor([0.1, 1.0]))
    assert torch.equal(X, before[0]) and torch.equal(Y, before[1])
