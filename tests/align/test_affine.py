"""Maps in factors: the same map at a fraction of the room; and any decomposition that it comes from."""

import pytest
import torch

from workbench.align import Affine, LeastSquares, LowRank, Ridge, solve_least_squares
from workbench.align.solvers import SAFE, LeastSquaresSystem, centered, leading, spectrum
from workbench.core.errors import InputError


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("method", [LeastSquares(), LeastSquares(center=True), Ridge(), LowRank(5)], ids=repr)
def test_few_pairs_make_a_map_in_factors_that_equals_its_product(method):
    X, Y = draw(10, 60) + 1, draw(10, 50, seed=1)
    fitted = method.fit(X, Y)
    left, right = fitted.map_.factors
    assert left.shape[1] == right.shape[0] <= 10
    numbers = left.numel() + right.numel() + (0 if fitted.bias_ is None else fitted.bias_.numel())
    assert numbers <= 10 * (60 + 50) + 50 < 60 * 50 and left.element_size() == 8
    rows = draw(4, 60, seed=2)
    expected = rows @ fitted.weight_ + (0 if fitted.bias_ is None else fitted.bias_)
    torch.testing.assert_close(fitted.transform(rows), expected)
    assert fitted.weight_.shape == (60, 50)


def test_where_factors_would_take_more_room_the_map_is_one_matrix():
    fitted = Ridge().fit(draw(40, 60), draw(40, 60, seed=1))
    assert [factor.shape for factor in fitted.map_.factors] == [(60, 60)]


def test_factors_lose_no_digits_in_float32():
    X = draw(50, 300) * torch.logspace(2, -2, 300, dtype=torch.float64)
    fitted = Ridge(1e-4).fit(X, X @ draw(300, 300, seed=1))
    exact, rounded = fitted.transform(X), fitted.transform(X.float())
    assert float((rounded - exact).norm() / exact.norm()) < 1e-5


@pytest.mark.parametrize("skip", [0.0, 1.0, 2.5])
def test_an_affine_map_is_its_matrix(skip):
    X, b = draw(7, 9), draw(9, seed=4)
    maps = [
        Affine.of(draw(9, 2, seed=1), draw(2, 9, seed=2), b, skip),
        Affine.of(draw(9, 8, seed=1), draw(8, 9, seed=2), b, skip),
        Affine((), b, skip),
        Affine((draw(9, 9, seed=3),), b, skip),
    ]
    assert [len(one.factors) for one in maps] == [2, 1, 0, 1]
    for one in maps:
        torch.testing.assert_close(one(X), X @ one.weight + b)
        torch.testing.assert_close(one.weight, one.weight)


def test_a_weight_can_be_changed_without_changing_the_map():
    one = Affine((torch.eye(3),), None, skip=1.0)
    one.weight.zero_()
    torch.testing.assert_close(one(torch.ones(1, 3)), torch.full((1, 3), 2.0))


def test_an_image_out_of_range_is_refused():
    with pytest.raises(InputError, match="range of float16"):
        Affine((torch.full((1, 1), 1e4),))(torch.full((1, 1), 1e3).half())


# Decompositions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(6, 20), (20, 6), (9, 9), (2, 3), (1, 4), (5, 1)])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("spread", [0, -3, -7])
def test_the_spectrum_is_a_singular_value_decomposition(n, d, center, spread):
    X = draw(n, d) * torch.logspace(0, spread, d, dtype=torch.float64)
    X = centered(X) if center else X
    found = spectrum(X, center)
    rank = min(n - center, d)
    assert len(found.S) == rank
    torch.testing.assert_close(found.U * found.S @ found.V.mT, X, atol=1e-12, rtol=0)
    torch.testing.assert_close(found.U.mT @ found.U, torch.eye(rank).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.V.mT @ found.V, torch.eye(rank).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.S, torch.linalg.svdvals(X)[:rank], atol=0, rtol=1e-6)
    assert found.complete is (rank == n - center and rank > 0)
    if center and rank:
        assert found.U.sum(0).abs().max() < 1e-7


def test_what_the_gram_matrix_cannot_tell_goes_to_the_svd():
    X = torch.zeros(20, 50).double()
    X[:, :10] = draw(20, 10) * torch.logspace(0, -6, 10, dtype=torch.float64)
    found, values = spectrum(X), torch.linalg.svdvals(X)[:10]
    assert values[-1] ** 2 < SAFE * values[0] ** 2
    torch.testing.assert_close(found.S, values, atol=0, rtol=1e-6)
    # Beside a penalty the small ones do not matter, and none is dropped.
    beside = spectrum(X, floor=1e-4)
    assert len(beside.S) == 20
    shrunk = [s.U * (s.S.square() / (s.S.square() + 1e-4)) @ s.U.mT for s in (found, beside)]
    torch.testing.assert_close(*shrunk, atol=1e-9, rtol=0)


def test_leading_directions_are_those_of_the_svd():
    for shape in ((30, 8), (8, 30)):
        C = draw(*shape) * torch.arange(1, shape[1] + 1)
        expected = torch.linalg.svd(C)[2][:3].mT
        torch.testing.assert_close(leading(C, 3).abs(), expected.abs())
    assert leading(draw(9, 2) @ draw(2, 7), 5).shape == (7, 2)
    assert leading(torch.zeros(4, 6).double(), 3).shape == (6, 0)


def test_one_system_serves_many_targets():
    X = draw(30, 50)
    system = LeastSquaresSystem(X)
    for seed in (1, 2):
        Y = draw(30, 5, seed=seed)
        one, alone = system.solve(Y), solve_least_squares(X, Y)
        torch.testing.assert_close(one.left @ one.right, alone.left @ alone.right)
