"""The joint plane is scikit-learn's, and tells a shift of the means from everything else."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from workbench.align import ALIGNERS
from workbench.core.errors import InputError
from workbench.measures import joint_plane


def clouds(n=40, d=12, shift=3.0):
    """Two clouds of one shape, the second moved along a known direction."""
    generator = torch.Generator().manual_seed(1)
    spread = torch.linspace(1.5, 0.1, d)
    X = torch.randn(n, d, generator=generator) * spread
    Y = torch.randn(n, d, generator=generator) * spread
    moved = torch.zeros(d)
    moved[-1] = shift
    return X + 100.0, Y + moved + 100.0


@pytest.mark.parametrize(("n", "d"), [(40, 12), (9, 50), (200, 2)])
def test_places_and_shares_are_scikit_learn_s_up_to_the_sign(n, d):
    X, Y = clouds(n, d)
    both = torch.cat([X, Y]).double().numpy()
    reference = PCA(n_components=2, svd_solver="full").fit(both)
    plane = joint_plane(X, Y)
    assert plane.shares == pytest.approx(reference.explained_variance_ratio_, rel=1e-9)
    places = np.concatenate([plane.project(one).numpy() for one in (X, Y)])
    expected = reference.transform(both)
    for component in range(2):
        sign = np.sign(places[:, component] @ expected[:, component])
        assert np.allclose(places[:, component], sign * expected[:, component], atol=1e-9)


def test_states_it_was_not_fitted_on_go_where_scikit_learn_puts_them():
    X, Y = clouds()
    other = torch.randn(7, 12, generator=torch.Generator().manual_seed(5))
    reference = PCA(n_components=2, svd_solver="full").fit(torch.cat([X, Y]).double().numpy())
    found = joint_plane(X, Y).project(other).numpy()
    assert np.allclose(np.abs(found), np.abs(reference.transform(other.double().numpy())), atol=1e-9)


def test_the_target_lies_to_the_right_of_the_source_and_a_mean_shift_brings_them_together():
    X, Y = clouds(shift=9.0)
    plane = joint_plane(X, Y)
    here, there = (plane.project(one).mean(0) for one in (X, Y))
    assert (there - here > 0).all() and there[0] - here[0] == pytest.approx(9.0, rel=0.05)
    mapped = ALIGNERS["mean_shift"]().fit(X, Y).transform(X)
    assert torch.allclose(plane.project(mapped).mean(0), there, atol=1e-4)
    swapped = joint_plane(Y, X)
    assert torch.allclose(swapped.axes, -plane.axes, atol=1e-9), "the sign follows the languages"


def test_states_on_a_line_have_no_second_component():
    line = torch.arange(6.0)[:, None] * torch.tensor([3.0, 4.0, 0.0])
    plane = joint_plane(line, line + torch.tensor([3.0, 4.0, 0.0]))
    assert plane.shares == pytest.approx((1.0, 0.0)) and not plane.axes[1].any()
    assert plane.project(line)[:, 0].diff().tolist() == pytest.approx([5.0] * 5)
    one = joint_plane(torch.arange(3.0)[:, None], torch.arange(4.0)[:, None] + 1)
    assert one.axes.shape == (2, 1) and one.project(torch.ones(2, 1)).shape == (2, 2)


def test_what_spans_no_plane_is_refused():
    X, Y = clouds()
    same = torch.full((5, 3), 0.1)
    for given, said in (
        ((same, same), "all rows of both languages are equal"),
        ((X, Y[:, :5]), "equal widths"),
        ((X, Y[:1]), "1 sentences are too few"),
        ((X, Y * torch.nan), "finite"),
    ):
        with pytest.raises(InputError, match=said):
            joint_plane(*given)
    with pytest.raises(InputError, match=r"\[sent 12\]"):
        joint_plane(X, Y).project(X[:, :3])
