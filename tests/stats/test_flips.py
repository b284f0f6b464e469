"""The sign-flip test against scipy's, by its size, and exact where it says so."""

import numpy as np
import pytest
from counts import count
from scipy import stats as scipy_stats

from workbench.core.errors import InputError
from workbench.stats import mcnemar_exact, sign_flip_test


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_exact_flips_are_scipys(alternative):
    x = np.random.default_rng(0).normal(0.4, 1, size=11)
    theirs = scipy_stats.permutation_test(
        (x,), np.sum, permutation_type="samples", alternative=alternative, n_resamples=2**11
    )
    assert sign_flip_test(x, alternative=alternative) == pytest.approx(theirs.pvalue, abs=1e-12)


def test_drawn_flips_approach_the_t_test():
    x = np.random.default_rng(1).normal(0.2, 1, size=150)
    theirs = scipy_stats.ttest_1samp(x, 0).pvalue
    assert sign_flip_test(x, draws=20_000) == pytest.approx(theirs, abs=0.01)


def test_on_binary_items_it_is_mcnemars_test():
    x = [1] * 9 + [-1] * 3 + [0] * 400
    assert sign_flip_test(x) == pytest.approx(mcnemar_exact(9, 3))
    drawn = sign_flip_test([1] * 30 + [-1] * 15 + [0] * 400, draws=20_000)
    assert drawn == pytest.approx(mcnemar_exact(30, 15), abs=0.006)


def test_a_group_turns_as_one():
    x = np.random.default_rng(2).normal(0.5, 1, size=8)
    copied = sign_flip_test(np.repeat(x, 20), groups=np.repeat(np.arange(8), 20).tolist())
    assert copied == sign_flip_test(x)
    assert sign_flip_test(np.repeat(x, 20)) < copied


def test_p_is_never_zero_and_one_where_nothing_changed():
    assert sign_flip_test([0.0] * 50) == 1
    assert sign_flip_test([1.0] * 14) == 2 / 2**14
    assert sign_flip_test([1.0] * 100, draws=999) == 1 / 1000
    assert sign_flip_test([-1.0] * 100, alternative="greater", draws=99) == 1


def test_it_rejects_the_null_as_often_as_it_says():
    rng = np.random.default_rng(3)
    after, before = rng.exponential(size=(2, count(400, 4000), 30))
    p = np.array([sign_flip_test(x, draws=199, seed=i) for i, x in enumerate(after - before)])
    assert 0.03 <= (p <= 0.05).mean() <= 0.075
    assert 0.42 <= (p <= 0.5).mean() <= 0.58


def test_chunks_do_not_matter(monkeypatch):
    x = np.random.default_rng(4).normal(0.1, 1, size=70)
    whole = sign_flip_test(x, draws=1000, seed=5)
    assert sign_flip_test(x, draws=1000, seed=6) != whole
    monkeypatch.setattr("workbench.stats.base.CHUNK", 72 * 77)
    assert sign_flip_test(x, draws=1000, seed=5) == whole


def test_what_makes_no_sense_is_refused():
    with pytest.raises(InputError, match="two-sided, greater, less"):
        sign_flip_test([1.0, 2.0], alternative="both")
    with pytest.raises(InputError, match="at least one draw"):
        sign_flip_test([1.0] * 20, draws=0)
