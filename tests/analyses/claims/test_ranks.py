"""Over a handful of pairs: the exact p of a rank correlation, and the least that it could have been."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from workbench.analyses.claims.gains import rank_test


def naive(values, property):
    rho = spearmanr(values, property).statistic
    drawn = [abs(spearmanr(values, order).statistic) for order in permutations(property)]
    return (
        rho,
        np.mean([r >= abs(rho) - 1e-9 for r in drawn]),
        np.mean([r >= max(drawn) - 1e-9 for r in drawn]),
    )


@pytest.mark.parametrize(
    ("values", "property"),
    [
        ([0.5, 0.3, 0.2, 0.1, 0.05], [0.08, 0.08, 0.08, 0.16, 0.16]),
        ([0.9, 0.2, 0.4, 0.1], [1.0, 2.0, 3.0, 4.0]),
        ([0.1, 0.1, 0.3, 0.2, 0.5], [0.0, 0.0, 1.0, 1.0, 2.0]),
    ],
)
def test_it_is_the_share_of_all_orders(values, property):
    found = rank_test(values, property)
    assert (found.rho, found.p, found.smallest_p) == pytest.approx(naive(values, property))


def test_five_pairs_with_ties_can_decide_nothing():
    found = rank_test([0.5, 0.3, 0.2, 0.1, 0.05], [0.08, 0.08, 0.08, 0.16, 0.16])
    assert not found.decides and found.ruling.verdict == "not decidable" and found.ruling.p is None
    assert "smallest attainable p" in str(found)


def test_six_pairs_in_perfect_order_decide():
    falling = rank_test([6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6])
    assert falling.p == pytest.approx(2 / 720) and falling.ruling.verdict == "supported"
    assert rank_test([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]).ruling.verdict == "not supported"
    mixed = rank_test([1, 5, 2, 6, 3, 4], [1, 2, 3, 4, 5, 6])
    assert mixed.decides and mixed.ruling.verdict == "not decidable" and mixed.ruling.p == mixed.p


def test_of_many_pairs_orders_are_drawn():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 12))
    found = rank_test(x.tolist(), (y + x).tolist())
    reference = spearmanr(x, y + x)
    assert found.rho == pytest.approx(reference.statistic)
    assert found.p == pytest.approx(reference.pvalue, abs=0.01)
    assert found == rank_test(x.tolist(), (y + x).tolist())


@pytest.mark.parametrize(
    ("values", "property"), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [4, 4, 4])]
)
def test_what_has_no_order_has_no_test(values, property):
    assert rank_test(values, property) is None
