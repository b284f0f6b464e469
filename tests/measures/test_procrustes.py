"""Procrustes distance against scipy's best rotation."""

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes

from workbench.measures.similarity import procrustes_distance


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("n", "d"), [(50, 5), (12, 30), (20, 20)])
def test_equals_what_the_best_rotation_leaves(n, d):
    X = draw(n, d).double() + 2
    Y = X + draw(n, d, seed=1).double()
    one, other = (value - value.mean(0) for value in (X, Y))
    one, other = (value.numpy() / value.norm().item() for value in (one, other))
    rotation, _ = orthogonal_procrustes(other, one)
    expected = np.linalg.norm(one - other @ rotation) ** 2 / 2
    assert procrustes_distance(X, Y) == pytest.approx(expected, abs=1e-9)


def test_rotation_scale_and_shift_leave_nothing():
    X = draw(50, 6)
    rotation = torch.linalg.qr(draw(6, 6, seed=1))[0]
    assert procrustes_distance(X, 9 * X @ rotation + 4) == pytest.approx(0, abs=1e-6)
    assert procrustes_distance(X, draw(50, 6, seed=2)) > 0.5
    assert procrustes_distance(X, torch.cat([X, 0 * X], 1)) == pytest.approx(0, abs=1e-6)
