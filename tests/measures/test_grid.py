"""Grids equal a loop over pairs; a permutation null is uniform where nothing is there, and finds what is."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch

from workbench.core.errors import InputError
from workbench.measures import METRICS, debiased_linear_cka, linear_cka, retrieval, similarity
from workbench.measures.base import Metric
from workbench.measures.similarity import grid, permutation_null, procrustes_distance, rbf_cka

FAST = [linear_cka, debiased_linear_cka, rbf_cka]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def layers():
    source = draw(3, 30, 6) + 1
    return source, torch.cat([source[:2], source[:2]], -1) + draw(2, 30, 12, seed=1)


def loop(metric, source, target):
    return torch.tensor([[metric(X, Y) for Y in target] for X in source], dtype=torch.float64)


@pytest.mark.parametrize("metric", [*FAST, procrustes_distance, METRICS["cka_debiased"]])
def test_a_grid_equals_a_loop_over_pairs(metric):
    source, target = layers()
    assert torch.allclose(grid(metric, source, target), loop(metric, source, target), atol=1e-12)
    assert torch.allclose(grid(metric, source), loop(metric, source, source), atol=1e-12)
    assert torch.allclose(grid(metric, list(source), list(target)), loop(metric, source, target), atol=1e-12)


@pytest.mark.parametrize("within", [True, False])
def test_little_memory_takes_turns(monkeypatch, within):
    source, target = layers()
    monkeypatch.setattr(import_module("workbench.measures.similarity"), "GRAM_BYTES", 2 * 8 * 30 * 30)
    others = source if within else target
    found = grid(debiased_linear_cka, source, None if within else target)
    assert torch.allclose(found, loop(debiased_linear_cka, source, others), atol=1e-12)


def test_each_gram_matrix_is_computed_once(monkeypatch):
    seen, ticks = [], []
    cka = similarity.CKA[debiased_linear_cka]
    spy = {debiased_linear_cka: replace(cka, side=lambda X: seen.append(X) or cka.side(X))}
    monkeypatch.setattr(similarity, "CKA", spy)
    source, target = layers()
    grid(debiased_linear_cka, source, target, progress=lambda *tick: ticks.append(tick))
    assert len(seen) == len(source) + len(target)
    assert ticks == [("grid", done, 5) for done in range(1, 6)]
    grid(debiased_linear_cka, source)
    assert len(seen) == 2 * len(source) + len(target)


def test_a_grid_refuses_layers_that_do_not_match():
    source, target = layers()
    for call, message in (
        (lambda: grid(linear_cka, source, target[:, :20]), "same sentences at every layer"),
        (lambda: grid(linear_cka, source, []), "at least one layer"),
        (lambda: grid(linear_cka, source, torch.ones(2, 30, 4)), "all rows are equal"),
        (lambda: grid(linear_cka, source, target * float("inf")), "finite"),
    ):
        with pytest.raises(InputError, match=message):
            call()


@pytest.mark.parametrize("metric", [debiased_linear_cka, rbf_cka, retrieval])
def test_a_null_equals_shuffling_the_rows(metric):
    X, Y = draw(20, 5), draw(20, 5) + 2 * draw(20, 5, seed=1)
    found = permutation_null(metric, X, Y, draws=8, seed=3)
    generator = torch.Generator().manual_seed(3)
    expected = [metric(X, Y[torch.randperm(20, generator=generator)]) for _ in range(8)]
    assert found.value == pytest.approx(metric(X, Y))
    assert found.null.numpy() == pytest.approx(expected, abs=1e-12)
    assert found.p == (1 + sum(value >= found.value - 1e-12 for value in expected)) / 9


def test_p_is_uniform_where_nothing_is_there():
    p = [
        permutation_null(debiased_linear_cka, draw(12, 20, seed=s), draw(12, 20, seed=500 + s), draws=39).p
        for s in range(200)
    ]
    counts = np.histogram(p, bins=5, range=(0, 1))[0]
    assert ((counts - 40) ** 2 / 40).sum() < 18.5  # chi² with 4 degrees of freedom, p = 0.001
    assert 0.01 < np.mean(np.array(p) <= 0.05) < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_what_is_there_is_found_even_where_the_biased_value_is_high_for_all(seed):
    X, noise = draw(30, 400, seed=seed), draw(30, 400, seed=50 + seed)
    found = permutation_null(linear_cka, X, X + noise, draws=99, seed=seed)
    assert found.p == 0.01 and found.null.mean() > 0.8 and found.value > found.null.mean()


def test_lower_may_be_better():
    X = draw(20, 4)
    distance = Metric("distance", procrustes_distance, (0.0, 1.0), False, "0: alike")
    assert permutation_null(distance, X, X, draws=19).p == 0.05
    assert permutation_null(procrustes_distance, X, X, draws=19).p == 1
    assert permutation_null(procrustes_distance, X, X, draws=19, higher_is_better=False).p == 0.05
    with pytest.raises(InputError, match="at least 1"):
        permutation_null(distance, X, X, draws=0)
