"""What is learned from right and wrong choices does not depend on the backend, nor on how many are wrong."""

import pytest
import torch
from tiny_models import HAS_HOOKED, tiny_path

from workbench.core.errors import NotApplicable
from workbench.methods.recipes import RECIPES, Ingredients
from workbench.methods.recipes.vectors import Contrast, heads_of, probe_accuracies
from workbench.models import load_model
from workbench.study import Study


def a_contrast(n, states):
    """`n` items of three choices, the first of them right."""
    item = torch.arange(n).repeat_interleave(3)
    right = (torch.arange(3 * n) % 3) == 0
    return Contrast(states, right, item)


def test_a_head_that_knows_is_told_from_one_that_does_not():
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(2, 300, 8, generator=generator)
    states[1, ::3, 4:] += 3  # layer 1, head 1 of 2
    accuracy = probe_accuracies(a_contrast(100, states), n_heads=2)
    assert float(accuracy[1, 1]) > 0.95
    rest = torch.cat([accuracy[0], accuracy[1, :1]])
    assert float(rest.max()) < 0.65


def test_each_item_weighs_the_same_however_many_choices_it_has():
    item = torch.tensor([0, 0, 1, 1, 1, 1])
    right = torch.tensor([True, False, True, False, False, False])
    states = torch.tensor([1.0, 0, 3, 6, 6, 9])[None, :, None]
    up, down = Contrast(states, right, item).means()
    assert up.item() == 2 and down.item() == 3.5


def test_one_item_is_not_enough_to_choose_heads_by():
    with pytest.raises(NotApplicable, match="one solved item"):
        probe_accuracies(a_contrast(1, torch.randn(1, 3, 4)), n_heads=2)


@pytest.mark.skipif(not HAS_HOOKED, reason="this TransformerLens has no HookedTransformer")
@pytest.mark.parametrize("name", ["caa", "iti", "lape"])
def test_both_backends_give_the_same_maps(name, given, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.methods.recipes.vectors.SHARE_OF_NEURONS", 0.05)
    study = given.study
    model = load_model(tiny_path("llama"), backend="hooked")
    assert heads_of(model) == heads_of(study.model) == 4
    other = Ingredients(
        Study(model, study.text, study.task, study.source, study.target, tmp_path, study.settings)
    )
    ones, others = (RECIPES[name].configurations(one) for one in (given, other))
    for one, two in zip(ones, others, strict=True):
        assert one.where == two.where
        for (_, a), (_, b) in zip(one.parts, two.parts, strict=True):
            rows = torch.ones(2, 64 if name == "lape" else 32)
            assert torch.allclose(a.transform(rows), b.transform(rows), atol=1e-4)
