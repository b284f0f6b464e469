"""Optimal transport without pairs: against a plain Sinkhorn, and on a planted rotation."""

import pytest
import torch

from workbench.core.errors import NotApplicable
from workbench.methods.recipes import RECIPES
from workbench.methods.recipes.maps import transported


def two_sets(n=40, d=6):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return X, 0.7 * X + 3 + 0.05 * torch.randn(n, d, generator=generator, dtype=torch.float64)


def test_without_pot_it_says_what_to_install(given, monkeypatch):
    def refused(name):
        raise ImportError(name)

    monkeypatch.setattr("workbench.methods.recipes.maps.import_module", refused)
    with pytest.raises(NotApplicable, match=r"\[transport\]"):
        RECIPES["optimal_transport"].configurations(given)


def test_images_are_barycentres_of_sinkhorns_plan(monkeypatch):
    pytest.importorskip("ot")
    monkeypatch.setattr("workbench.methods.recipes.maps.BLUR", 0.5)  # a few rounds are enough
    X, Y = two_sets()
    A, B = X - X.mean(0), Y - Y.mean(0)
    cost = torch.cdist(A, B).square()
    kernel = (-cost / (0.5 * cost.mean())).exp()
    u, n = torch.ones(40, dtype=torch.float64), 40
    for _ in range(5000):
        v = (1 / n) / (kernel.mT @ u)
        u = (1 / n) / (kernel @ v)
    plan = u[:, None] * kernel * v
    assert torch.allclose(transported(X, Y), n * plan @ Y, atol=1e-5)


def test_a_state_far_from_all_others_is_carried_too(monkeypatch):
    """By products its row would be 0 / 0; the logarithms know no such thing."""
    ot = pytest.importorskip("ot")
    X, Y = two_sets()
    X[0] *= 60
    asked, plain = [], ot.sinkhorn
    monkeypatch.setattr(ot, "sinkhorn", lambda *a, **k: asked.append(k["method"]) or plain(*a, **k))
    assert transported(X, Y).isfinite().all() and asked == ["sinkhorn", "sinkhorn_log"]
    asked.clear()
    X, Y = two_sets()
    transported(X, Y)
    assert asked == ["sinkhorn"]


def test_it_does_not_matter_who_translates_whom(given):
    pytest.importorskip("ot")
    rows = torch.randn(5, 32, generator=torch.Generator().manual_seed(1))
    one, other = (RECIPES["optimal_transport"].configurations(g) for g in (given, given.broken()))
    assert torch.allclose(one[0].map.transform(rows), other[0].map.transform(rows), atol=1e-4)
