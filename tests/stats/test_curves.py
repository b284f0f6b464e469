"""Curves over layers: smooth ones that have nothing to do with each other must not pass for related."""

import numpy as np
import pytest
from counts import count
from scipy import stats as scipy_stats

from workbench.core.errors import InputError
from workbench.stats import circular_shift_test, rank_correlation

LAYERS = 32
RAGGED = [[1, 2, 3], [4, 2, 3, 4]]


def smooth(rng, curves, layers=LAYERS, width=3.0):
    """Unrelated curves whose neighbouring points are alike."""
    at = np.arange(layers)
    likeness = np.exp(-((at[:, None] - at) ** 2) / (2 * width**2)) + 1e-9 * np.eye(layers)
    return rng.normal(size=(curves, layers)) @ np.linalg.cholesky(likeness).T


def test_naive_test_passes_unrelated_curves_and_shifting_does_not():
    rng = np.random.default_rng(0)
    rounds = count(400, 4000)
    a, b = smooth(rng, rounds), smooth(rng, rounds)
    naive = scipy_stats.pearsonr(a, b, axis=1).pvalue
    assert (naive <= 0.05).mean() == pytest.approx(0.41, abs=0.07)
    shifted = np.array([circular_shift_test(x, y) for x, y in zip(a, b, strict=True)])
    assert (shifted <= 0.05).mean() == pytest.approx(0.05, abs=count(0.03, 0.02))
    plain = np.array([circular_shift_test(x, y, reversal=False) for x, y in zip(a, b, strict=True)])
    assert (plain <= 0.05).mean() <= 0.07


def test_several_pairs_are_tested_together():
    rng = np.random.default_rng(1)
    rounds = count(200, 2000)
    p = [circular_shift_test(smooth(rng, 6), smooth(rng, 6), draws=300, seed=i) for i in range(rounds)]
    assert (np.array(p) <= 0.05).mean() == pytest.approx(0.05, abs=count(0.045, 0.02))


def test_curves_of_one_model_are_shifted_together():
    rng = np.random.default_rng(2)
    a, b = smooth(rng, 1), smooth(rng, 1)
    one = circular_shift_test(a[0], b[0])
    copies = circular_shift_test(np.repeat(a, 5, axis=0), np.repeat(b, 5, axis=0), groups=["m"] * 5)
    assert copies == one
    assert circular_shift_test(a, b) == one


def test_related_curves_are_found_alone_and_together():
    rng = np.random.default_rng(3)
    a = smooth(rng, 4)
    assert circular_shift_test(a[0], a[0] + 0.3 * smooth(rng, 1)[0]) == 1 / 64
    assert circular_shift_test(a[0], -a[0], alternative="greater") > 0.5
    b = a + 1.5 * smooth(rng, 4)
    alone = [circular_shift_test(x, y) for x, y in zip(a, b, strict=True)]
    assert circular_shift_test(a, b) < min(alone)


def test_models_of_different_depth_go_together():
    rng = np.random.default_rng(4)
    a = [smooth(rng, 1, layers)[0] for layers in (12, 24)]
    b = [x + 0.2 * rng.normal(size=len(x)) for x in a]
    assert circular_shift_test(a, b) == pytest.approx(1 / (24 * 48), abs=0.003)


def test_by_definition():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 9))
    correlations = [np.corrcoef(a, np.roll(c, k))[0, 1] for c in (b, b[::-1]) for k in range(9)]
    observed = abs(np.corrcoef(a, b)[0, 1])
    expected = (np.abs(correlations) >= observed - 1e-12).mean()
    assert circular_shift_test(a, b) == expected


def test_draws_are_seeded():
    a, b = (smooth(np.random.default_rng(seed), 5) for seed in (6, 8))
    one, same, other = (circular_shift_test(a, b, draws=200, seed=s) for s in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize("seed", range(4))
def test_ranks_are_scipys(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 6, size=(2, 20))
    assert rank_correlation(a, b) == pytest.approx(scipy_stats.spearmanr(a, b).statistic, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: circular_shift_test([1, 2, 3], [1, 2, 3, 4]), "layer by layer"),
        (lambda: circular_shift_test([1, 1, 1], [1, 2, 3]), "constant"),
        (lambda: circular_shift_test([1, 2], [1, 2]), "fewer than 3"),
        (
            lambda: circular_shift_test([[1, 2, 3], [1, 2, 3, 4]], [[1, 2, 3], [4, 2, 3, 4]], ["m", "m"]),
            "same",
        ),
        (lambda: circular_shift_test([], []), "at least one"),
        (lambda: rank_correlation([1, 2, 3], [1, 2]), "two values per item"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
