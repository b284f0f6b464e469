"""The controls that move states at random: what they keep, and that the seed alone decides."""

import pytest
import torch

from workbench.align import (
    Identity,
    LeastSquares,
    MeanShift,
    RandomEqualNorm,
    RandomRotation,
    Ridge,
    r_squared,
)
from workbench.align.controls import random_orthogonal
from workbench.core.errors import InputError

RANDOM = {
    "random_rotation": RandomRotation,
    "random_equal_norm": lambda seed=0: RandomEqualNorm(LeastSquares(), seed),
}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pairs(n=50, d=6):
    X = draw(n, d) * torch.arange(1, d + 1) + 5
    return X, X @ draw(d, d, seed=1) + draw(n, d, seed=2) - 3


def sizes(fitted, X):
    """Length of the mean change, and root mean square of the change about it."""
    change = fitted.transform(X) - X
    return change.mean(0).norm(), (change - change.mean(0)).square().sum(1).mean().sqrt()


def test_a_rotation_keeps_the_mean_and_all_distances():
    X, Y = pairs()
    rotated = RandomRotation().fit(X, Y).transform(X)
    torch.testing.assert_close(rotated.mean(0), X.mean(0))
    torch.testing.assert_close(torch.pdist(rotated), torch.pdist(X))
    assert not torch.allclose(rotated, X)


def test_a_rotation_knows_nothing_of_the_target():
    X, Y = pairs()
    one, other = RandomRotation(seed=4).fit(X, Y), RandomRotation(seed=4).fit(X, 100 * Y.flip(0))
    assert torch.equal(one.weight_, other.weight_) and torch.equal(one.bias_, other.bias_)


def test_rotations_are_drawn_evenly():
    drawn = torch.stack([random_orthogonal(3, seed) for seed in range(2000)])
    torch.testing.assert_close(drawn @ drawn.mT, torch.eye(3, dtype=torch.float64).expand(2000, 3, 3))
    # Haar: every entry has mean 0 and mean square 1/d, and reflections are half of all.
    assert drawn.mean(0).abs().max() < 0.06
    assert (drawn.square().mean(0) - 1 / 3).abs().max() < 0.04
    assert abs(torch.linalg.det(drawn).mean()) < 0.1


@pytest.mark.parametrize(
    "method", [LeastSquares(), Ridge(), MeanShift(), Identity()], ids=lambda method: type(method).__name__
)
@pytest.mark.parametrize("n", [4, 50])
def test_the_random_change_is_as_large_as_the_methods(method, n):
    X, Y = pairs(n)
    control = RandomEqualNorm(method, seed=1).fit(X, Y)
    for ours, theirs in zip(sizes(control, X), sizes(control.aligner_, X), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9)


def test_the_random_change_goes_nowhere_near_the_target():
    X, Y = pairs(400)
    control = RandomEqualNorm(Ridge()).fit(X[:300], Y[:300])
    assert r_squared(Y[300:], control.aligner_.transform(X[300:])) > 0.9
    assert r_squared(Y[300:], control.transform(X[300:])) < 0.1


def test_rows_that_are_all_equal_are_only_shifted():
    X = torch.full((5, 3), 0.1, dtype=torch.float64)
    control = RandomEqualNorm(LeastSquares()).fit(X, draw(5, 3))
    assert torch.equal(control.weight_, torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(control.bias_.norm(), sizes(control.aligner_, X)[0])


def test_the_wrapped_aligner_stays_unfitted():
    method = LeastSquares()
    RandomEqualNorm(method).fit(*pairs())
    assert not hasattr(method, "weight_")


@pytest.mark.parametrize("name", RANDOM)
def test_the_seed_alone_decides(name):
    X, Y = pairs()
    torch.manual_seed(1)
    one = RANDOM[name](seed=3).fit(X, Y)
    state = torch.get_rng_state()
    torch.manual_seed(2)
    again, other = RANDOM[name](seed=3).fit(X, Y), RANDOM[name](seed=4).fit(X, Y)
    assert torch.equal(one.weight_, again.weight_) and torch.equal(one.bias_, again.bias_)
    assert not torch.allclose(one.weight_, other.weight_)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", RANDOM)
def test_unequal_widths_are_refused(name):
    with pytest.raises(InputError, match="equal widths; 6 and 5"):
        RANDOM[name]().fit(draw(9, 6), draw(9, 5))
