"""What the linear methods recover from planted truth, and how they hang together."""

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from sklearn.cross_decomposition import CCA as TheirCCA

from workbench.align import (
    CCA,
    SVCCA,
    LeastSquares,
    LowRank,
    MeanShift,
    Procrustes,
    Ridge,
    Whitened,
    WrongLanguage,
    fit_layers,
    r_squared,
)
from workbench.core.errors import InputError

LITTLE = 1e-8


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(d, k=None, seed=1):
    return torch.linalg.qr(draw(d, d, seed=seed))[0][:, :k]


AFFINE = {
    "least_squares": LeastSquares(center=True),
    "ridge": Ridge(LITTLE),
    "low_rank": LowRank(100, LITTLE),
    "low_rank_no_penalty": LowRank(100, None),
    "cca": CCA(100, LITTLE),
    "svcca": SVCCA(keep=1.0),
    "whitened": Whitened(LITTLE),
}


@pytest.mark.parametrize("name", AFFINE)
@pytest.mark.parametrize(("d", "k"), [(12, 12), (12, 7)])
def test_an_affine_truth_is_recovered(name, d, k):
    X, W = draw(400, d) * torch.arange(1, d + 1) + 3, draw(d, k, seed=1)
    fitted = AFFINE[name].fit(X, X @ W - 2)
    torch.testing.assert_close(fitted.weight_, W, atol=1e-4, rtol=0)
    torch.testing.assert_close(fitted.bias_, torch.full((k,), -2.0).double(), atol=1e-3, rtol=0)
    with_noise = AFFINE[name].fit(X, X @ W - 2 + 0.1 * draw(400, k, seed=2))
    torch.testing.assert_close(with_noise.weight_, W, atol=0.05, rtol=0)


@pytest.mark.parametrize("name", [*AFFINE, "procrustes"])
def test_a_rotation_and_a_shift_are_recovered_by_all(name):
    X, R = draw(300, 10), rotation(10)
    fitted = (AFFINE | {"procrustes": Procrustes()})[name].fit(X, X @ R + 4)
    torch.testing.assert_close(fitted.weight_, R, atol=1e-6, rtol=0)
    torch.testing.assert_close(fitted.transform(X), X @ R + 4, atol=1e-5, rtol=0)


def test_a_shift_alone_is_recovered_by_the_shift_and_the_rotation():
    X = draw(5, 40)  # fewer pairs than dimensions
    for method in (MeanShift(), Procrustes(), Procrustes(scale=True)):
        fitted = method.fit(X, X + 4)
        torch.testing.assert_close(fitted.weight_, torch.eye(40).double())
        torch.testing.assert_close(fitted.transform(draw(3, 40, seed=1)), draw(3, 40, seed=1) + 4)


@pytest.mark.parametrize(("n", "d"), [(300, 30), (25, 60)])
def test_a_map_of_low_rank_is_recovered_better_by_few_directions(n, d):
    X = draw(n + 200, 8) @ draw(8, d, seed=1) + 0.1 * draw(n + 200, d, seed=2)
    W = draw(d, 2, seed=3) @ draw(2, d, seed=4)
    Y = X @ W + 20 * draw(n + 200, d, seed=5)
    fitted = LowRank(2).fit(X[:n], Y[:n])
    assert fitted.rank_ == 2 and torch.linalg.matrix_rank(fitted.weight_) == 2
    few, all_of_them = (one.fit(X[:n], Y[:n]).transform(X[n:]) for one in (fitted, Ridge()))
    assert r_squared(X[n:] @ W, few) > r_squared(X[n:] @ W, all_of_them)
    exact = LowRank(5, LITTLE).fit(X[:n], X[:n] @ W)
    assert r_squared(X[n:] @ W, exact.transform(X[n:])) > 0.95


# How they hang together ----------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d", "k"), [(60, 12, 12), (12, 30, 30), (12, 30, 9), (60, 9, 30)])
def test_with_all_directions_they_are_ridge(n, d, k):
    X, Y = draw(n, d) + 1, draw(n, k, seed=1) - 1
    ridge = Ridge(0.3).fit(X, Y)
    for other in (LowRank(99, 0.3), CCA(99, 0.3), Whitened(0.3, reweight=1)):
        other.fit(X, Y)
        torch.testing.assert_close(other.weight_, ridge.weight_, atol=1e-9, rtol=0)
        torch.testing.assert_close(other.bias_, ridge.bias_, atol=1e-9, rtol=0)


@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_no_map_of_that_rank_has_a_smaller_objective(penalty):
    X, Y = draw(40, 8), draw(40, 8) @ draw(8, 6, seed=1) + draw(40, 6, seed=2)
    X, Y = X - X.mean(0), Y - Y.mean(0)
    best = LowRank(2, penalty).fit(X, Y)

    def cost(A, B):
        return (X @ A @ B - Y).square().sum() + best.lambda_ * (A @ B).square().sum()

    A, B = (part.clone().requires_grad_() for part in (draw(8, 2, seed=5), draw(2, 6, seed=6)))
    optimiser = torch.optim.LBFGS([A, B], max_iter=2000, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def step():
        optimiser.zero_grad()
        (loss := cost(A, B)).backward()
        return loss

    optimiser.step(step)
    ours = cost(best.weight_, torch.eye(6).double())
    assert float(ours) == pytest.approx(float(cost(A, B).detach()), rel=1e-6)


def test_canonical_correlations_are_scikit_learns():
    X = draw(200, 5)
    Y = X @ draw(5, 4, seed=1) + 2 * draw(200, 4, seed=2)
    ours = CCA(3, LITTLE).fit(X, Y)
    theirs = TheirCCA(3, max_iter=5000, tol=1e-12).fit(X.numpy(), Y.numpy())
    a, b = theirs.transform(X.numpy(), Y.numpy())
    expected = [float(np.corrcoef(a[:, i], b[:, i])[0, 1]) for i in range(3)]
    assert ours.correlations_.tolist() == pytest.approx(expected, abs=1e-5)


def test_svcca_keeps_as_many_directions_as_it_was_told():
    X = draw(100, 6) * torch.tensor([10.0, 5, 1, 0.1, 0.1, 0.1]).double()
    fitted = SVCCA(0.99).fit(X, X)
    assert fitted.kept_ == (2, 2) or fitted.kept_ == (3, 3)
    assert fitted.rank_ == fitted.kept_[0]
    torch.testing.assert_close(fitted.correlations_, torch.ones(fitted.rank_).double())
    assert SVCCA(1.0).fit(X, X).kept_ == (6, 6)


# Rotations -----------------------------------------------------------------------------------------


def test_procrustes_equals_scipys():
    X, Y = draw(50, 8), draw(50, 8, seed=1)
    R, total = orthogonal_procrustes(X.numpy(), Y.numpy())
    plain = Procrustes(center=False).fit(X, Y)
    scaled = Procrustes(center=False, scale=True).fit(X, Y)
    torch.testing.assert_close(plain.weight_, torch.from_numpy(R))
    assert scaled.scale_ == pytest.approx(total / float(X.square().sum()))
    torch.testing.assert_close(scaled.weight_, scaled.scale_ * plain.weight_)


@pytest.mark.parametrize("n", [2, 5, 15, 29, 31, 80])
def test_a_rotation_is_one_also_with_few_pairs_and_fits_no_worse_than_any(n):
    X, Y = draw(n, 30) + 1, draw(n, 30, seed=1)
    fitted = Procrustes().fit(X, Y)
    R = fitted.weight_
    torch.testing.assert_close(R @ R.mT, torch.eye(30).double())
    x, y = X - X.mean(0), Y - Y.mean(0)
    theirs = torch.from_numpy(orthogonal_procrustes(x.numpy(), y.numpy())[0])
    assert float((x @ R - y).norm()) == pytest.approx(float((x @ theirs - y).norm()))
    assert torch.trace(R) >= torch.trace(theirs) - 1e-9


def test_with_few_pairs_what_they_do_not_reach_stays():
    X, Y = draw(4, 30), draw(4, 30, seed=1)
    fitted = Procrustes(center=False).fit(X, Y)
    both = torch.linalg.qr(torch.cat([X, Y]).mT)[0]
    other = draw(1, 30, seed=3)
    other = other - other @ both @ both.mT
    torch.testing.assert_close(fitted.transform(other), other)
    assert len(fitted.map_.factors) == 2 and fitted.rank_ == 4


@pytest.mark.parametrize(("d", "k"), [(8, 12), (12, 8)])
def test_between_unequal_widths_lengths_are_kept_where_they_can_be(d, k):
    X = draw(50, min(d, k)) @ rotation(d).mT[: min(d, k)] + 2
    truth = rotation(max(d, k), min(d, k)) if d > k else rotation(k).mT[:d]
    if d > k:  # the part of X that the target can hold
        truth = rotation(d).mT[:k].mT @ rotation(k, seed=5)
    Y = (X - 2) @ truth * 3 + 1
    fitted = Procrustes(scale=True).fit(X, Y)
    assert fitted.scale_ == pytest.approx(3)
    torch.testing.assert_close(fitted.transform(X), Y)


# The control ---------------------------------------------------------------------------------------


def test_the_wrong_language_is_learned_from_the_other_one():
    X, other = draw(3, 80, 6), draw(3, 80, 6, seed=1)
    Y = other @ draw(6, 6, seed=2)
    control = fit_layers(WrongLanguage(Ridge(), other), X, Y, range(60))
    direct = fit_layers(Ridge(), other, Y, range(60))
    for layer in range(3):
        assert torch.equal(control.transform(layer, X[layer]), direct.transform(layer, X[layer]))
    assert min(control.held_out(other, Y, range(60, 80))) > 0.99
    assert max(control.held_out(X, Y, range(60, 80))) < 0
    assert control[0].n_ == 60


def test_states_of_another_language_that_do_not_match_are_refused():
    X = draw(20, 6)
    with pytest.raises(InputError, match="same sentences"):
        WrongLanguage(Ridge(), draw(19, 6)).fit(X, X)
    with pytest.raises(InputError, match="one model"):
        WrongLanguage(Ridge(), draw(20, 5)).fit(X, X)
    with pytest.raises(InputError, match=r"\[layer sent d\]"):
        fit_layers(WrongLanguage(Ridge(), draw(20, 6)), draw(2, 20, 6), draw(2, 20, 6), range(9))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (LowRank(0), "rank must be"),
        (LowRank(2, 0.0), "penalties must be"),
        (CCA(0), "k must be"),
        (CCA(penalty=0), "penalty must be"),
        (SVCCA(keep=1.5), "keep is a share"),
        (Whitened(penalty=-1), "penalty must be"),
        (Whitened(reweight=-1), "reweight must be"),
    ],
    ids=repr,
)
def test_settings_that_are_none_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong.fit(draw(9, 4), draw(9, 4))
