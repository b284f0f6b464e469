"""Retrieval against scikit-learn, its ties, and what an offset between languages does to it."""

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from workbench.core.errors import InputError
from workbench.measures import METRICS, centered_retrieval, retrieval
from workbench.measures.neighbours import BLOCK

BOTH = [retrieval, centered_retrieval]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def reference(X, Y):
    nearest = cosine_similarity(X.numpy(), Y.numpy()).argmax(1)
    return np.mean(nearest == np.arange(len(X)))


@pytest.mark.parametrize(("n", "d"), [(2, 3), (50, 5), (40, 200), (BLOCK, 4), (2 * BLOCK + 7, 4)])
def test_equals_scikit_learn(n, d):
    X = draw(n, d) + 1
    Y = X + np.sqrt(d) / 2 * draw(n, d, seed=1) - 2
    assert retrieval(X, Y) == pytest.approx(reference(X, Y))
    assert centered_retrieval(X, Y) == pytest.approx(reference(X - X.mean(0), Y - Y.mean(0)))
    if n > 2:
        assert 0 < retrieval(X, Y) < 1 and 0 < centered_retrieval(X, Y) < 1


def test_the_search_goes_from_source_to_target():
    X = torch.tensor([[1.0, 0.0], [1.0, 0.2], [0.0, 1.0]])
    Y = torch.tensor([[1.0, 0.1], [-1.0, 0.0], [0.0, 1.0]])
    # From X, rows 0 and 1 both find row 0; from Y, rows 0 and 1 both find another's row.
    assert retrieval(X, Y) == pytest.approx(2 / 3)
    assert retrieval(X, X[[1, 1, 2]]) == pytest.approx((0 + 1 / 2 + 1) / 3 + 1 / 6)


def test_ties_are_shared():
    same = torch.full((3000, 7), 0.1)
    assert retrieval(same, same) == pytest.approx(1 / 3000)
    pairs_of_twins = torch.eye(4).repeat(2, 1)
    assert retrieval(pairs_of_twins, 5 * pairs_of_twins) == pytest.approx(1 / 2)


def test_unrelated_states_are_found_by_chance():
    values = [retrieval(draw(50, 8, seed=seed), draw(50, 8, seed=1000 + seed)) for seed in range(40)]
    assert np.mean(values) == pytest.approx(1 / 50, abs=0.01)


def test_an_offset_between_the_languages_matters_only_to_the_form_that_keeps_it():
    X = draw(200, 16)
    Y = X + 0.1 * draw(200, 16, seed=1)
    offset = torch.zeros(16)
    offset[0] = 100
    assert retrieval(X, Y) > 0.95
    assert retrieval(X - offset, Y + offset) < 0.5
    assert centered_retrieval(X - offset, Y + offset) > 0.95


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_extremes_do_not_overflow(scale):
    X = draw(20, 8).double()
    assert retrieval(scale * X, X) == centered_retrieval(scale * X, X) == 1


def test_every_reading_names_chance():
    assert all("1/n: chance" in METRICS[name].reading for name in ("retrieval", "retrieval_centered"))


@pytest.mark.parametrize("metric", BOTH)
def test_rows_without_a_direction_and_unequal_widths_are_refused(metric):
    X = draw(5, 4)
    zero = X - X[2] if metric is retrieval else torch.tensor([[1.0], [-1.0], [0.0], [2.0], [-2.0]])
    with pytest.raises(InputError, match=r"1 are zero \(first: \[2\]\)"):
        metric(zero, draw(5, zero.shape[1], seed=1))
    with pytest.raises(InputError, match="equal widths; 4 and 3"):
        metric(X, X[:, :3])


def test_the_centered_form_is_not_defined_where_no_row_differs():
    with pytest.raises(InputError, match="all rows are equal"):
        centered_retrieval(torch.full((10, 4), 0.1), draw(10, 4))
