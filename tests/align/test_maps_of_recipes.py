"""Maps that recipes need: given ones, smooth ones, networks, adaptive steps, no pairs, discriminants."""

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import pairwise_kernels

from workbench.align import (
    Adaptive,
    KernelRidge,
    Masked,
    MeanShift,
    Procrustes,
    ResidualMLP,
    Ridge,
    SelfLearning,
    discriminant_directions,
    export,
    r_squared,
    restore,
)
from workbench.core.errors import InputError


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bent(n=300, d=4, seed=0):
    """Pairs with a part that no matrix can map."""
    X = normal(n, d, seed=seed)
    return X, X @ normal(d, d, seed=7) + 2 * torch.sin(2 * X) + 0.05 * normal(n, d, seed=seed + 1)


@pytest.mark.parametrize("aligner", [KernelRidge(), ResidualMLP(hidden=64, steps=1500, patience=200)])
def test_what_is_not_linear_is_learned_better_than_by_ridge(aligner):
    X, Y = bent()
    new, truth = bent(seed=20)
    linear = r_squared(truth, Ridge().fit(X, Y).transform(new))
    assert r_squared(truth, aligner.fit(X, Y).transform(new)) > linear + 0.1


def test_nystroem_with_few_landmarks_is_the_projection_it_should_be():
    """Features Φ = K_nm K_mm^−½: their Gram matrix is K_nm K_mm⁻¹ K_mn, and ridge uses no more."""
    X, Y = bent(n=60)
    fitted = KernelRidge(landmarks=15, penalties=0.1, seed=3).fit(X, Y)
    Z, gamma = fitted.landmarks_.numpy(), 1 / (2 * fitted.scale_**2)
    assert all((X.numpy() == row).all(1).any() for row in Z) and len(np.unique(Z, axis=0)) == 15
    K_nm = pairwise_kernels(X.numpy(), Z, metric="rbf", gamma=gamma)
    K_mm = pairwise_kernels(Z, metric="rbf", gamma=gamma)
    centre = np.eye(60) - 1 / 60
    inner = K_nm @ np.linalg.inv(K_mm)
    gram = centre @ inner @ K_nm.T @ centre
    rank = min(60, 15)
    c = np.linalg.solve(gram + 0.1 * np.trace(gram) / rank * np.eye(60), Y.numpy() - Y.numpy().mean(0))
    new = normal(5, 4, seed=9)
    k = pairwise_kernels(new.numpy(), Z, metric="rbf", gamma=gamma) @ np.linalg.inv(K_mm) @ K_nm.T
    expected = (k - (inner @ K_nm.T).mean(0)) @ centre @ c + Y.numpy().mean(0)
    assert np.allclose(fitted.transform(new).numpy(), expected, atol=1e-6)


def test_the_network_stops_where_held_out_pairs_stop_confirming_it():
    """Where there is nothing beyond a line, ridge is what remains, or hardly more."""
    X = normal(200, 4)
    Y = X @ normal(4, 4, seed=7) + normal(200, 4, seed=2)
    fitted = ResidualMLP(seed=1).fit(X, Y)
    assert fitted.steps_ < 400
    new = normal(500, 4, seed=9)
    apart = (fitted.transform(new) - fitted.ridge_.transform(new)).square().mean()
    assert float(apart) < 0.15


def test_the_network_never_learns_from_the_pairs_it_watches():
    X, Y = bent(n=50)
    one = ResidualMLP(steps=1, seed=4).fit(X, Y)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(4))
    other = Y.clone()
    other[order[:10]] += 5
    assert torch.equal(one.ridge_.weight_, ResidualMLP(steps=1, seed=4).fit(X, other).ridge_.weight_)


def test_the_network_depends_on_its_seed_alone():
    X, Y = bent(n=60)
    torch.manual_seed(0)
    one = ResidualMLP(steps=30).fit(X, Y).transform(X)
    state = torch.random.get_rng_state()
    assert torch.equal(one, ResidualMLP(steps=30).fit(X, Y).transform(X))
    assert torch.equal(state, torch.random.get_rng_state())
    assert not torch.equal(one, ResidualMLP(steps=30, seed=1).fit(X, Y).transform(X))


def test_a_state_among_the_targets_is_left_where_it_is():
    X, Y = normal(80, 5), normal(80, 5, seed=1) + torch.tensor([10.0, 0, 0, 0, 0])
    fitted = Adaptive(MeanShift()).fit(X, Y)
    s, t = X.mean(0), Y.mean(0)
    rows = torch.stack([s, t, (s + t) / 2, t + (t - s), s - 3 * (t - s)])
    assert fitted.share(rows).tolist() == pytest.approx([1, 0, 0.5, 0, 2], abs=1e-9)
    moved = fitted.transform(rows) - rows
    assert torch.allclose(moved, torch.tensor([1, 0, 0.5, 0, 2]).double()[:, None] * (t - s))


def test_a_rotation_is_found_without_pairs():
    generator = torch.Generator().manual_seed(0)
    X = normal(200, 8) * torch.arange(1, 9)
    turn = torch.linalg.matrix_exp(0.05 * (lambda A: A - A.mT)(normal(8, 8, seed=3)))
    Y = X @ turn + 4 + 0.01 * normal(200, 8, seed=5)
    order = torch.randperm(200, generator=generator)
    fitted = SelfLearning().fit(X, Y[order])
    assert fitted.matched_ > 190
    paired = Procrustes().fit(X, Y)
    assert torch.allclose(fitted.transform(X), paired.transform(X), atol=0.1)
    assert r_squared(Y, fitted.transform(X)) > 0.999


def test_discriminants_span_what_scikit_learn_finds():
    groups = [normal(n, 6, seed=n) @ normal(6, 6, seed=8) + 3 * normal(6, seed=n + 1) for n in (40, 60, 80)]
    S = discriminant_directions(groups)
    labels = np.repeat([0, 1, 2], [40, 60, 80])
    known = LinearDiscriminantAnalysis(solver="svd").fit(torch.cat(groups).numpy(), labels).scalings_
    assert S.shape == (6, 2)
    projectors = [M @ np.linalg.pinv(M) for M in (S.numpy(), known)]
    assert np.allclose(*projectors, atol=1e-8)
    with pytest.raises(InputError, match="two groups"):
        discriminant_directions(groups[:1])


def test_a_mask_switches_off_what_it_names():
    off = torch.tensor([True, False, True])
    mask = Masked(off)
    assert mask.transform(torch.ones(2, 3)).tolist() == [[0, 1, 0]] * 2
    with pytest.raises(InputError, match="width 3"):
        mask.transform(torch.ones(2, 4))


@pytest.mark.parametrize(
    "aligner",
    [KernelRidge(landmarks=10), ResidualMLP(steps=20), Adaptive(Ridge()), SelfLearning()],
)
def test_all_can_be_kept_and_brought_back_to_the_bit(aligner):
    X, Y = bent(n=60)
    fitted = aligner.fit(X, Y)
    rows = normal(7, 4, seed=11).float()
    assert torch.equal(restore(*export(fitted)).transform(rows), fitted.transform(rows))
    off = Masked(torch.tensor([True, False, False, True]))
    assert torch.equal(restore(*export(off)).transform(rows), off.transform(rows))
