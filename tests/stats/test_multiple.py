"""Adjusted p-values against scipy and by their definition."""

import numpy as np
import pytest

from workbench.core.errors import InputError
from workbench.stats import holm, holm_rejections


def rejected_by_holm(p, alpha):
    """Step down through the sorted p-values until one fails."""
    rejected = np.zeros(len(p), dtype=bool)
    for rank, i in enumerate(np.argsort(p)):
        if p[i] > alpha / (len(p) - rank):
            break
        rejected[i] = True
    return rejected


@pytest.mark.parametrize("seed", range(5))
def test_holm_rejects_what_stepping_down_rejects(seed):
    p = np.random.default_rng(seed).beta(0.4, 3, size=25)
    adjusted = holm(p)
    for alpha in np.linspace(0.003, 0.9, 40):
        assert ((adjusted <= alpha) == rejected_by_holm(p, alpha)).all()


def test_what_is_rejected_at_a_level_is_what_stepping_down_rejects():
    p = np.random.default_rng(7).beta(0.4, 3, size=25)
    for level in (0.5, 0.9, 0.95, 0.99):
        adjusted, rejected = holm_rejections(p, level)
        assert adjusted.tolist() == holm(p).tolist()
        assert rejected.tolist() == rejected_by_holm(p, 1 - level).tolist()
    assert all(len(one) == 0 for one in holm_rejections([]))


def test_holm_on_a_known_example():
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.7, 0.6]).tolist() == [1, 1]


def test_one_p_value_stays_and_what_is_none_is_refused():
    assert holm([0.2]).tolist() == [0.2]
    for p, message in [([1.2], "between 0 and 1"), ([np.nan], "NaN"), ([], "at least one")]:
        with pytest.raises(InputError, match=message):
            holm(p)
