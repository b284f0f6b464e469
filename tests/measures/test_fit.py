"""Held-out fit against scikit-learn, and the plain words about too few pairs."""

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score
from sklearn.metrics.pairwise import paired_cosine_distances

from workbench.core.errors import InputError
from workbench.measures.fit import (
    caution,
    fit_quality,
    mean_cosine,
    median_r_squared,
    ratio_to_control,
    relative_error,
    total_r_squared,
)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_equals_scikit_learn():
    Y = draw(40, 7) + 2
    predicted = Y + 0.5 * draw(40, 7, seed=1)
    y, p = Y.double().numpy(), predicted.double().numpy()
    assert total_r_squared(Y, predicted) == pytest.approx(
        r2_score(y, p, multioutput=y.var(0) / y.var(0).sum())
    )
    assert median_r_squared(Y, predicted) == pytest.approx(
        np.median(r2_score(y, p, multioutput="raw_values"))
    )
    assert relative_error(Y, predicted) == pytest.approx(np.linalg.norm(y - p) / np.linalg.norm(y))
    assert mean_cosine(Y, predicted) == pytest.approx(1 - paired_cosine_distances(y, p).mean())


def test_the_best_control_is_the_one_to_beat():
    Y = draw(40, 7) + 2
    predicted = Y + 0.5 * draw(40, 7, seed=1)
    controls = {"zero": 0 * Y, "mean": Y.mean(0).expand_as(Y), "identity": draw(40, 7, seed=2)}
    found = fit_quality(Y, predicted, controls)
    assert found.best_control == "mean"
    assert found.ratio_to_control == ratio_to_control(Y, predicted, controls["mean"])
    assert found.ratio_to_control**2 == pytest.approx(1 - found.r2)
    assert found.r2 == total_r_squared(Y, predicted) and found.cosine == mean_cosine(Y, predicted)
    alone = fit_quality(Y, predicted)
    assert alone.ratio_to_control is None and alone.best_control is None
    assert fit_quality(Y, Y).r2 == fit_quality(Y, Y).r2_median == 1


def test_a_large_dimension_cannot_hide_the_others():
    Y = draw(60, 9)
    Y[:, 0] *= 1000
    predicted = Y.mean(0).repeat(60, 1)
    predicted[:, 0] = Y[:, 0]
    found = fit_quality(Y, predicted)
    assert found.r2 > 0.99 and found.r2_median == pytest.approx(0, abs=1e-6)


def test_constant_dimensions_do_not_count_and_constant_targets_are_refused():
    Y = draw(20, 4)
    Y[:, 1] = 5
    assert median_r_squared(Y, Y) == 1
    same = torch.full((20, 4), 0.1)
    for measure in (total_r_squared, median_r_squared):
        with pytest.raises(InputError, match="all rows of the target are equal"):
            measure(same, Y)
    for call, message in (
        (lambda: relative_error(0 * Y, Y), "all of the target is zero"),
        (lambda: mean_cosine(0 * Y, Y), "some are zero"),
        (lambda: ratio_to_control(Y, Y, Y), "meets the target exactly"),
        (lambda: relative_error(Y, Y[:, :3]), "equal widths; 4 and 3"),
        (lambda: fit_quality(Y, Y * float("nan")), "finite"),
        (lambda: fit_quality(Y[:1], Y[:1]), "too few"),
    ):
        with pytest.raises(InputError, match=message):
            call()
    assert mean_cosine(Y, 0 * Y) == 0


def test_too_few_pairs_are_said_plainly():
    assert "passes through every pair" in caution(500, 4096, regularised=False)
    assert "explodes" in caution(500, 400, regularised=False)
    assert caution(500, 4096, regularised=True) is caution(500, 250, regularised=False) is None
