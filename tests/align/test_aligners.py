"""What each aligner recovers, and the contract that all of them keep."""

import pytest
import torch
from sklearn.base import clone

from workbench.align import (
    ALIGNERS,
    CONTROLS,
    Aligner,
    Identity,
    LeastSquares,
    MeanShift,
    Ridge,
    ShuffledPairs,
    r_squared,
)
from workbench.align.base import fresh
from workbench.align.controls import derangement
from workbench.core.errors import InputError

EVERY = {name: make() for name, make in ALIGNERS.items()} | {
    "least_squares_centered": LeastSquares(center=True),
    "identity": CONTROLS["identity"](),
    "ridge_one_penalty": Ridge(penalties=0.1, center=False),
    "shuffled_pairs": CONTROLS["shuffled_pairs"](LeastSquares(), seed=3),
    "random_rotation": CONTROLS["random_rotation"](seed=3),
    "random_equal_norm": CONTROLS["random_equal_norm"](LeastSquares(), seed=3),
}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_least_squares_recovers_a_planted_rotation():
    rotation = torch.linalg.qr(draw(16, 16, seed=1).double())[0]
    X = draw(200, 16)
    Y = (X.double() @ rotation).float() + 0.01 * draw(200, 16, seed=2)
    fitted = LeastSquares().fit(X, Y)
    assert (fitted.weight_ - rotation).abs().max() < 0.01
    assert fitted.rank_ == 16 and fitted.n_ == 200 and fitted.condition_ < 10


def test_centering_recovers_an_offset_that_the_uncentered_map_cannot():
    X = draw(300, 8)
    Y = X @ draw(8, 8, seed=1) + 5
    through_origin, centered = LeastSquares().fit(X, Y), LeastSquares(center=True).fit(X, Y)
    torch.testing.assert_close(centered.transform(X), Y, atol=1e-4, rtol=0)
    assert r_squared(Y, through_origin.transform(X)) < 0.9


def test_mean_shift_recovers_a_planted_shift():
    X, shift = draw(50, 6), torch.arange(6.0)
    fitted = MeanShift().fit(X, X[torch.randperm(50)] + shift)
    torch.testing.assert_close(fitted.transform(X), X + shift)


def test_identity_is_the_identity_to_the_bit():
    X = draw(5, 4)
    assert torch.equal(Identity().fit(X, draw(5, 4, seed=1)).transform(X), X)


def test_shuffled_pairs_lose_the_map_and_keep_the_mean():
    X = draw(400, 8) + 3
    Y = X @ draw(8, 8, seed=1) + 4
    fitted = ShuffledPairs(LeastSquares(center=True), seed=0).fit(X[:300], Y[:300])
    predicted = fitted.transform(X[300:])
    assert r_squared(Y[300:], predicted) < 0.05
    assert (predicted.mean(0) - Y[:300].mean(0)).abs().max() < 0.3 * Y.std()


@pytest.mark.parametrize("n", [2, 3, 100])
def test_no_row_keeps_its_place_when_shuffled(n):
    order = derangement(n, seed=1)
    assert sorted(order.tolist()) == list(range(n))
    assert not (order == torch.arange(n)).any()


# The contract ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_shapes_and_precision_are_kept(name, dtype):
    X, Y = draw(30, 6).to(dtype), draw(30, 6, seed=1).to(dtype)
    fitted = fresh(EVERY[name]).fit(X, Y)
    for rows in (X, X[:1], X.reshape(5, 6, 6)):
        mapped = fitted.transform(rows)
        assert mapped.shape == rows.shape and mapped.dtype == dtype


@pytest.mark.parametrize("name", EVERY)
def test_settings_survive_scikit_learns_clone(name):
    aligner = EVERY[name]
    assert isinstance(aligner, Aligner)
    copy = clone(aligner)
    assert type(copy) is type(aligner) and copy is not aligner
    assert repr(copy) == repr(aligner)
    assert not [key for key in vars(copy) if key.endswith("_")]


@pytest.mark.parametrize("name", EVERY)
def test_fitting_twice_gives_the_same_and_changes_no_input(name):
    X, Y, rows = draw(30, 6), draw(30, 6, seed=1), draw(4, 6, seed=2)
    before = X.clone(), Y.clone()
    aligner = fresh(EVERY[name])
    assert aligner.fit(X, Y) is aligner
    first = aligner.transform(rows)
    assert torch.equal(aligner.fit(X, Y).transform(rows), first)
    assert torch.equal(fresh(aligner).fit(X, Y).transform(rows), first)
    assert torch.equal(X, before[0]) and torch.equal(Y, before[1])


@pytest.mark.parametrize("name", EVERY)
def test_what_cannot_be_fitted_or_applied_is_refused(name):
    aligner = fresh(EVERY[name])
    with pytest.raises(InputError, match="not fitted"):
        aligner.transform(draw(2, 6))
    with pytest.raises(InputError, match="same sentences"):
        aligner.fit(draw(5, 6), draw(4, 6))
    broken = draw(5, 6)
    broken[3, 1] = float("nan")
    with pytest.raises(InputError, match=r"1 source rows hold NaN .*\[3\]"):
        aligner.fit(broken, draw(5, 6))
    with pytest.raises(InputError, match="width 6"):
        aligner.fit(draw(5, 6), draw(5, 6, seed=1)).transform(draw(2, 7))


def test_parameters_can_be_set_and_a_wrong_name_gets_a_hint():
    aligner = ShuffledPairs(LeastSquares(), seed=1).set_params(seed=2, aligner__center=True)
    assert aligner.get_params()["aligner__center"] is True and aligner.seed == 2
    with pytest.raises(InputError, match="did you mean 'center'"):
        LeastSquares().set_params(centre=True)
