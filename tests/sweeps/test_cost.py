"""What a sweep was said to cost is what passes through the model."""

from dataclasses import replace

import pytest
import torch
from tiny_models import sentences, tiny, tiny_path

from workbench.align import Identity
from workbench.core.types import Site
from workbench.models.outline import outline
from workbench.sweeps import Configuration, sweep
from workbench.sweeps.cost import sweep_cost, sweep_memory
from workbench.tasks import Example


def examples(choices):
    prompts = sentences(30, 9, seed=3)
    return [Example(f"{i}", p, choices, 0, "en", "dev") for i, p in enumerate(prompts)]


SHORT, LONG = (" a", " b"), (" one two three", " four")
FULL_ONLY = pytest.param(300, LONG, marks=pytest.mark.full)


@pytest.mark.parametrize(
    ("n_configurations", "choices"),
    [(1, SHORT), (7, SHORT), (300, SHORT), (1, LONG), (7, LONG), FULL_ONLY],
)
def test_the_tokens_are_those_that_are_run(monkeypatch, n_configurations, choices):
    model, ran = tiny("llama"), {"remember": 0, "run_tree": 0}

    def count(name):
        untouched = getattr(model, name)

        def counted(tree, *more, **named):
            ran[name] += tree.ids.numel()
            return untouched(tree, *more, **named)

        monkeypatch.setattr(model, name, counted)

    for name in ran:
        count(name)
    identity = Identity().fit(torch.randn(4, model.info.d_model), torch.randn(4, model.info.d_model))
    configurations = [
        Configuration("identity", Site(i % 2), identity, "interpolate", 0.5) for i in range(n_configurations)
    ]
    items = examples(choices)
    sweep(model, items, configurations, task="t", pair="a-b", batch_size=8, way="slots")
    cost = sweep_cost(outline(str(tiny_path("llama"))), items, n_configurations, batch_size=8)
    assert (cost.prompt_tokens, cost.block_tokens) == (ran["remember"], ran["run_tree"])
    shape = outline(str(tiny_path("llama")))
    assert shape.body + 2 * shape.unembedding == shape.parameters
    whole, above = ran["remember"] + ran["run_tree"] / 2, ran["run_tree"]
    assert cost.examples == 30 and cost.flops == 2.0 * (shape.body * whole + shape.unembedding * above)


def test_many_configurations_cost_far_less_than_one_by_one():
    cost = sweep_cost(outline(str(tiny_path("llama"))), examples((" a", " b")), 200)
    assert cost.prompt_tokens + cost.block_tokens < 0.5 * cost.one_by_one


def test_the_memory_of_keys_and_values_is_that_of_the_largest_run(monkeypatch):
    model, shape, held = tiny("llama"), outline(str(tiny_path("llama"))), []
    untouched = model.remember

    def remember(tree, *more):
        h, past = untouched(tree, *more)
        parts = [*past.keys, *past.values]
        held.append(sum(part.untyped_storage().nbytes() for part in parts))
        return h, past

    monkeypatch.setattr(model, "remember", remember)
    identity = Identity().fit(torch.randn(4, model.info.d_model), torch.randn(4, model.info.d_model))
    configurations = [Configuration("identity", Site(1), identity, "interpolate", 0.5)] * 3
    items = examples(LONG)
    sweep(model, items, configurations, task="t", pair="a-b", batch_size=8, way="slots")
    planned = sweep_memory(shape, 4, items, 3, batch_size=8)
    assert 0.8 * max(held) <= planned.keys_values <= 1.2 * max(held)
    assert sweep_memory(shape, 2, items, 3, batch_size=8).keys_values == planned.keys_values / 2
    assert sweep_memory(shape, 4, items, 3, batch_size=1).total < planned.total


def test_logits_are_planned_in_pieces():
    shape = replace(outline(str(tiny_path("llama"))), unembedding=32 * 200_000)
    assert sweep_memory(shape, 4, examples(SHORT), 300).logits <= 8 * 2**25
