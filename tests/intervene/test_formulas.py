"""Formulas that bring data of their own, norms that are kept, and the two readings of INCLINE."""

import pytest
import torch

from workbench.align import MeanShift
from workbench.core.errors import InputError
from workbench.intervene import (
    INCLINE,
    INTERVENTIONS,
    AddVector,
    Intervention,
    NormKept,
    ProjectOut,
    Shift,
    language_subspace,
)
from workbench.intervene.apply import no_map


def draw(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


W = draw(6, 6, seed=9)


def planted(k=2, n_languages=5, d=8):
    """States of languages whose means differ along k known directions only."""
    true = torch.linalg.qr(draw(d, k, seed=1).double())[0]
    places = draw(n_languages, k, seed=2).double() * 5
    states = []
    for language, place in enumerate(places):
        rows = draw(40, d, seed=10 + language).double()
        states.append(rows - rows.mean(0) + 3 + true @ place)
    return true, states


MADE = {
    "add_vector": AddVector(draw(6, seed=3)),
    "forward": Shift(draw(6, seed=3), draw(6, seed=4)).forward_formula,
    "inverse": Shift(draw(6, seed=3), draw(6, seed=4)).inverse,
    "project_out": ProjectOut(torch.linalg.qr(draw(6, 2))[0], draw(6, seed=5)),
}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_brings_its_own_data_keeps_the_contract(name, dtype):
    formula, h = MADE[name], draw(4, 6, dtype=dtype)
    before = h.clone()
    after = formula(h, no_map, 0.7)
    assert isinstance(formula, Intervention) and formula.uses_strength
    assert after.shape == h.shape and after.dtype == dtype
    assert torch.equal(h, before) and not torch.equal(after, h)
    zeros = torch.tensor([[-0.0, 0.0, 1e-40, 3.0, 0.0, 0.0]])
    assert torch.equal(formula(zeros, no_map, 0.0).view(torch.int32), zeros.view(torch.int32))
    with pytest.raises(InputError, match="does not fit states"):
        formula(draw(2, 5), no_map, 1.0)


def test_a_vector_is_added_and_a_mean_shift_gives_one():
    h, v = draw(4, 6), draw(6, seed=3)
    torch.testing.assert_close(AddVector(v)(h, no_map, -0.5), h - 0.5 * v)
    X, Y = draw(30, 6, seed=1), draw(30, 6, seed=2)
    shift = MeanShift().fit(X, Y).transform
    expected = AddVector(Y.mean(0) - X.mean(0))(h, no_map, 0.3)
    torch.testing.assert_close(INTERVENTIONS["add_vector"](h, shift, 0.3), expected)
    with pytest.raises(InputError, match="vector of finite numbers"):
        AddVector(v / 0)


@pytest.mark.parametrize("name", ["replace", "add_mapped", "interpolate", "add_vector"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_norms_are_kept_and_directions_taken(name, dtype):
    inner = INTERVENTIONS[name]
    # Squares of these states overflow in half precision.
    h = draw(50, 6, dtype=dtype) * 1000
    strength = 0.4 if inner.uses_strength else 1.0
    bare = inner(h, lambda x: x @ W.to(dtype), strength)
    kept = NormKept(inner)(h, lambda x: x @ W.to(dtype), strength)
    close = {"rtol": 2e-3, "atol": 0} if dtype is torch.float16 else {}
    torch.testing.assert_close(kept.double().norm(dim=1), h.double().norm(dim=1), check_dtype=False, **close)
    assert torch.cosine_similarity(bare.double(), kept.double()).min() > 1 - 1e-5


def test_where_there_is_no_direction_the_state_stays_zero():
    h = torch.cat([torch.zeros(1, 6), draw(1, 6)])
    assert torch.equal(NormKept(INTERVENTIONS["replace"])(h, torch.zeros_like, 1.0), torch.zeros(2, 6))
    assert torch.equal(NormKept(INTERVENTIONS["replace"])(h, torch.ones_like, 1.0)[0], torch.zeros(6))


@pytest.mark.parametrize("strength", [1.0, -0.3, 2.5])
def test_a_shift_and_its_inverse_leave_nothing(strength):
    shift = Shift(draw(6, seed=3) * 50, draw(6, seed=4))
    h = draw(40, 6)
    there = shift.forward_formula(h, no_map, strength)
    assert not torch.allclose(there, h, atol=0.1)
    torch.testing.assert_close(shift.inverse(there, no_map, strength), h, atol=1e-5, rtol=0)
    wide = h.double()
    back = shift.inverse(shift.forward_formula(wide, no_map, strength), no_map, strength)
    assert (back - wide).abs().max() < 1e-13
    # In numbers that floats hold exactly, back is back to the bit.
    whole = Shift(torch.tensor([3.0, 5.0]), torch.tensor([-8.0, 1.0]))
    start = torch.tensor([[7.0, -2.0]])
    assert torch.equal(whole.forward_formula(start, no_map, 1.0), torch.tensor([[-4.0, -6.0]]))
    assert torch.equal(whole.inverse(whole.forward_formula(start, no_map, 1.0), no_map, 1.0), start)
    with pytest.raises(InputError, match="two vectors of one width"):
        Shift(draw(3), draw(4))


def test_the_language_subspace_is_found_and_projected_out():
    true, states = planted()
    basis, centre = language_subspace(states, 2)
    torch.testing.assert_close(basis @ basis.mT, true @ true.mT)
    out = ProjectOut(basis, centre)
    after = [out(rows, no_map, 1.0) for rows in states]
    means = torch.stack([rows.mean(0) for rows in after])
    assert (means - means.mean(0)).abs().max() < 1e-10  # the languages lie in one place
    for rows, was in zip(after, states, strict=True):
        assert ((rows - centre) @ basis).abs().max() < 1e-10
        torch.testing.assert_close(out(rows, no_map, 1.0), rows)  # twice is once
        rest = torch.eye(len(centre)).double() - basis @ basis.mT
        torch.testing.assert_close((rows - centre) @ rest, (was - centre) @ rest)
    half = out(out(states[0], no_map, 0.5), no_map, 0.5)
    torch.testing.assert_close(half, out(states[0], no_map, 0.75))


def test_a_language_counts_once_however_many_states_it_has():
    _, states = planted()
    basis, centre = language_subspace(states, 2)
    again, there = language_subspace([states[0].repeat(7, 1), *states[1:]], 2)
    torch.testing.assert_close(again @ again.mT, basis @ basis.mT)
    torch.testing.assert_close(there, centre)


def test_a_subspace_that_is_not_one_is_refused():
    _, states = planted()
    with pytest.raises(InputError, match=r"5 languages differ in 1 … 4"):
        language_subspace(states, 5)
    with pytest.raises(InputError, match="fewer than 3"):
        language_subspace(states, 3)
    with pytest.raises(InputError, match="not orthonormal"):
        ProjectOut(draw(6, 2))
    with pytest.raises(InputError, match="not orthonormal"):
        ProjectOut(torch.full((6, 2), float("nan")))
    with pytest.raises(InputError, match="a basis is"):
        ProjectOut(draw(6))
    with pytest.raises(InputError, match="a centre"):
        ProjectOut(torch.eye(4)[:, :2], draw(5))


def test_inclines_two_readings_name_what_there_is():
    paper, released = INCLINE["paper"], INCLINE["released"]
    assert paper.formula in INTERVENTIONS and released.formula in INTERVENTIONS
    assert paper.cascade and not released.cascade
    assert paper.fit_on == "last" and released.fit_on == "mean"
    assert not paper.centre and not released.centre
