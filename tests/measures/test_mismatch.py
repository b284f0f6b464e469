"""The mismatch against a loop that really leaves each state out, and on planted shifts."""

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf_shrinkage

from workbench.core.errors import InputError
from workbench.measures.fit import mismatch


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def skewed(n, d, seed=0):
    """Rows whose directions differ much in size, with an offset."""
    return draw(n, d, seed=seed).double() * torch.logspace(1, -1, d, dtype=torch.float64) + 5


def reference(X, new):
    X, new = X.numpy(), new.numpy()
    n, d = X.shape
    gamma = ledoit_wolf_shrinkage(X)
    scatter = np.atleast_2d(np.cov(X.T, bias=True))
    floor = gamma * np.trace(scatter) / d * np.eye(d)

    def distance(z, rows):
        S = (1 - gamma) * np.atleast_2d(np.cov(rows.T, bias=True)) + floor
        gap = z - rows.mean(0)
        return np.sqrt(gap @ np.linalg.solve(S, gap))

    fitted = [distance(X[i], np.delete(X, i, 0)) for i in range(n)]
    applied = [distance(z, X) for z in new]
    return gamma, np.sort(applied)[(len(applied) - 1) // 2] / np.sort(fitted)[(n - 1) // 2]


@pytest.mark.parametrize(("n", "d"), [(40, 6), (15, 30), (3, 5), (30, 1)])
def test_equals_leaving_out_by_hand(n, d):
    X, new = skewed(n, d), 1.5 * skewed(8, d, seed=1) - 3
    gamma, ratio = reference(X, new)
    found = mismatch(X, new)
    if d > 1:  # one dimension needs no shrinkage
        assert found.shrinkage == pytest.approx(gamma, rel=1e-6)
    assert found.ratio == pytest.approx(ratio, rel=1e-4 if d == 1 else 1e-6)


@pytest.mark.parametrize(("n", "d"), [(500, 16), (100, 400)])
def test_states_of_the_same_kind_have_ratio_one(n, d):
    everything = skewed(2 * n, d)
    found = mismatch(everything[:n], everything[n:])
    assert found.ratio == pytest.approx(1, abs=0.1)
    assert found.shift < 0.2 and found.outside == pytest.approx(found.outside_expected, rel=0.6)


def test_each_number_tells_its_kind_of_distance():
    X, like = skewed(300, 16), skewed(300, 16, seed=1)
    spread = float((X - X.mean(0)).square().sum(1).mean().sqrt())
    step = torch.zeros(16, dtype=torch.float64)
    step[0] = 3 * spread
    moved = mismatch(X, like + step)
    assert moved.shift == pytest.approx(3, abs=0.2) and moved.ratio > 1.2
    rare = torch.zeros(16, dtype=torch.float64)
    rare[15] = 3 * spread  # as far, along a direction in which nothing varied
    assert mismatch(X, like + rare).ratio > 3 * moved.ratio
    wide = mismatch(X, 10 * (like - 5) + 5)
    assert wide.outside > 0.4 and wide.shift < 1.5


def test_scale_rotation_and_shift_of_both_do_not_matter():
    X, new = skewed(50, 8), skewed(20, 8, seed=1) + 2
    rotation = torch.linalg.qr(draw(8, 8, seed=2).double())[0]
    one, other = mismatch(X, new), mismatch(1e4 * X @ rotation + 7, 1e4 * new @ rotation + 7)
    assert (one.ratio, one.shift) == pytest.approx((other.ratio, other.shift))


def test_degenerate_states_are_flagged_or_refused():
    X = draw(10, 4)
    constant = X.clone()
    constant[:, 1] = 3
    found = mismatch(constant, constant)
    assert np.isfinite([found.ratio, found.shift]).all() and found.outside == 0
    duplicates = mismatch(X[:3].repeat(5, 1), X)
    assert np.isfinite([duplicates.ratio, duplicates.shift]).all()
    half = (X * 1e4).to(torch.float16)
    assert mismatch(half, half).ratio == pytest.approx(mismatch(X, X).ratio, rel=0.01)
    for fitted, applied, message in (
        (X[0], X, "sent d"),
        (X, X[:, :3], "prompt d"),
        (X[:2], X, "too few"),
        (X, X[:0], "too few"),
        (X, X * float("inf"), "finite"),
        (torch.ones(5, 4), X, "all fitting states are equal"),
    ):
        with pytest.raises(InputError, match=message):
            mismatch(fitted, applied)
