"""The formulas, the contract all keep, and the hook that puts them in place."""

import pytest
import torch

from workbench.core.errors import InputError
from workbench.core.types import Site
from workbench.intervene import INTERVENTIONS, Intervention, Patch, Placement, patch_size


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def double_(h):
    return 2 * h


def test_the_formulas():
    h = draw(4, 6)
    torch.testing.assert_close(INTERVENTIONS["replace"](h, double_, 1.0), 2 * h)
    torch.testing.assert_close(INTERVENTIONS["add_mapped"](h, double_, -0.5), h - 0.5 * 2 * h)
    torch.testing.assert_close(INTERVENTIONS["interpolate"](h, double_, 0.25), 0.75 * h + 0.25 * 2 * h)
    torch.testing.assert_close(INTERVENTIONS["add_vector"](h, lambda x: x + 3, 0.25), h + 0.75)
    torch.testing.assert_close(INTERVENTIONS["replace_norm_kept"](h, double_, 1.0), h)
    torch.testing.assert_close(INTERVENTIONS["interpolate_norm_kept"](h, torch.neg, 0.75), -h)


@pytest.mark.parametrize("strength", [-1, 0, 0.3, 1, 2.5])
def test_interpolation_towards_the_state_itself_goes_nowhere(strength):
    h = draw(4, 6)
    torch.testing.assert_close(INTERVENTIONS["interpolate"](h, torch.clone, strength), h)


def test_interpolation_all_the_way_is_replacement_to_the_bit():
    h = torch.tensor([[float("inf"), -0.0, 3.0]])
    after = INTERVENTIONS["interpolate"](h, torch.atan, 1.0)
    assert torch.equal(after.view(torch.int32), torch.atan(h).view(torch.int32))


@pytest.mark.parametrize("name", INTERVENTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shape_precision_and_input_are_kept(name, dtype):
    intervention = INTERVENTIONS[name]
    h = draw(4, 6).to(dtype)
    before = h.clone()
    after = intervention(h, double_, 1.0)
    assert isinstance(intervention, Intervention)
    assert after.shape == h.shape and after.dtype == dtype
    assert torch.equal(h, before)


@pytest.mark.parametrize("name", [name for name, one in INTERVENTIONS.items() if one.uses_strength])
def test_no_strength_leaves_every_bit_as_it_was(name):
    h = torch.tensor([[-0.0, 0.0, 1e-40, 3.0]])
    after = INTERVENTIONS[name](h, lambda x: x * float("inf"), 0.0)
    assert torch.equal(after.view(torch.int32), h.view(torch.int32))


def test_a_strength_that_would_be_ignored_is_refused():
    for intervention in INTERVENTIONS.values():
        if not intervention.uses_strength:
            with pytest.raises(InputError, match="replace has no strength"):
                intervention(draw(2, 3), double_, 0.5)


def test_patch_size_is_relative_and_survives_a_zero_state():
    h = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    assert patch_size(h, h + torch.tensor([[0.0, 5.0], [0.0, 0.0]])).tolist() == [1.0, 0.0]


def placed(map, ends, batch, width):
    patch = Patch(Site(0), INTERVENTIONS["replace"], map)
    return Placement(patch, torch.ones(batch, width, dtype=torch.bool), torch.tensor(ends))


def test_a_patch_changes_its_positions_only():
    h, at = draw(3, 5, 4), [4, 0, 2]
    patch = placed(double_, at, 3, 5)
    changed = (patch(h) != h).any(-1)
    assert changed.sum() == 3 and changed[torch.arange(3), at].all()
    torch.testing.assert_close(patch.size, torch.ones(3, dtype=torch.float64))


def test_a_patch_that_does_not_fit_is_refused():
    h, at = draw(2, 3, 4), [0, 1]
    with pytest.raises(InputError, match="another model"):
        placed(lambda x: x[..., :2], at, 2, 3)(h)
    with pytest.raises(InputError, match="NaN or infinity"):
        placed(lambda x: x / 0, at, 2, 3)(h)
    with pytest.raises(InputError, match="a run of 3 rows inside a patch for 2"):
        placed(double_, at, 2, 3)(draw(3, 3, 4))
