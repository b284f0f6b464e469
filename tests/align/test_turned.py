"""The turned control moves every state as far as the map does, elsewhere."""

import pytest
import torch

from workbench.align import LeastSquares, MeanShift, Turned, export, restore


@pytest.fixture
def pairs():
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(80, 12, generator=generator)
    return X, X @ torch.randn(12, 12, generator=generator) + 3


@pytest.mark.parametrize("aligner", [MeanShift(), LeastSquares()])
def test_steps_are_as_long_and_point_elsewhere(aligner, pairs):
    X, Y = pairs
    turned = Turned(aligner, seed=1).fit(X, Y)
    step, other = aligner.transform(X) - X, turned.transform(X) - X
    torch.testing.assert_close(other.norm(dim=1), step.norm(dim=1))
    torch.testing.assert_close(other.sort(dim=1).values.abs().sort().values, step.abs().sort().values)
    assert torch.cosine_similarity(step, other).abs().mean() < 0.5


def test_whole_images_are_turned_for_formulas_that_add_them(pairs):
    X, Y = pairs
    aligner = LeastSquares().fit(X, Y)
    torch.testing.assert_close(
        Turned(aligner, whole=True, seed=1).transform(X).norm(dim=1), aligner.transform(X).norm(dim=1)
    )


def test_the_seed_decides(pairs):
    X, Y = pairs
    aligner = MeanShift().fit(X, Y)
    one, same, other = (Turned(aligner, seed=seed).transform(X) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_it_is_saved_and_read_back(pairs):
    X, Y = pairs
    turned = Turned(LeastSquares().fit(X, Y), seed=3)
    assert torch.equal(restore(*export(turned)).transform(X), turned.transform(X))
