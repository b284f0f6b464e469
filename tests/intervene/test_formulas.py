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


def test_inclines_two_readings_name_what_there_is():
    paper, released = INCLINE["paper"], INCLINE["released"]
    assert paper.formula in INTERVENTIONS and released.formula in INTERVENTIONS
    assert paper.cascade and not released.cascade
    assert paper.fit_on == "last" and released.fit_on == "mean"
    assert not paper.centre and not released.centre
