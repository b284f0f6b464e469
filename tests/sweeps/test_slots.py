"""Slots against the naive sweep, on every architecture; and the sweep that checks one by the other."""

import sys

import pandas as pd
import pytest
import torch
from sweep_grids import ARCHITECTURES, TASK, a_map, close, grid, items, joint_grid, scale_of, table_by
from tiny_models import HAS_HOOKED
from tiny_models import tiny as tiny_of

from workbench.align import Identity
from workbench.core.errors import InputError
from workbench.core.types import Site
from workbench.models.bridge import TreeMasks
from workbench.sweeps import ENGINES, Configuration, read_examples, score_choices, sweep
from workbench.tasks import Example

JOINT_WAYS = ("cascade", "from_clean")


KINDS = ("single", "multi", "mixed")
ONE_OF_THREE = [
    pytest.param(architecture, kind, marks=[pytest.mark.full] if (i + j) % 3 else [])
    for i, architecture in enumerate(ARCHITECTURES)
    for j, kind in enumerate(KINDS)
]
"""Every architecture with one kind of choices, and in full with all."""


@pytest.mark.parametrize(("architecture", "kind"), ONE_OF_THREE)
def test_slots_give_the_table_of_naive(architecture, kind):
    model, examples = tiny_of(architecture), items(kind)
    configurations = grid(model)
    naive = sweep(model, examples, configurations, **TASK, way="naive")
    slots = sweep(model, examples, configurations, **TASK, way="slots")
    close(slots, naive, scale_of(model, examples), 1e-5 if kind == "single" else 1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_joint_configurations_are_slots_too(architecture):
    model, examples = tiny_of(architecture), items("multi")
    configurations = joint_grid(model, modes=[("last", False), ("last", True)])
    naive = table_by("naive", model, examples, configurations, "left")
    cascade, overwritten = (naive[(naive.joint == way) & (naive.layer == 0)].margin for way in JOINT_WAYS)
    assert abs(cascade.to_numpy() - overwritten.to_numpy()).max() > 1e-3
    close(sweep(model, examples, configurations, **TASK, way="slots"), naive, scale_of(model, examples), 1e-4)


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt2", "bloom", "falcon", "opt"])
def test_slots_through_the_wrapped_modules_are_as_good(architecture, monkeypatch):
    model, examples = tiny_of(architecture), items("multi")
    monkeypatch.setattr(model, "unwrapping_is_exact", False)
    configurations = grid(model, layers=[1])
    naive = sweep(model, examples, configurations, **TASK, way="naive")
    close(sweep(model, examples, configurations, **TASK, way="slots"), naive, scale_of(model, examples), 1e-4)


@pytest.mark.parametrize("kind", ["single", "multi"])
@pytest.mark.parametrize("limits", [{"batch_size": 1}, {"slots": 1}, {"slots": 7}, {"token_budget": 300}])
def test_packing_changes_nothing(kind, limits):
    model, examples = tiny_of("mistral"), items(kind)
    configurations = grid(model)
    whole = sweep(model, examples, configurations, **TASK, way="slots")
    close(
        table_by("slots", model, examples, configurations, **limits),
        whole,
        scale_of(model, examples),
        1e-5,
    )


@pytest.mark.parametrize("architecture", ["gpt2", "opt", "llama", "gemma2", "bloom"])
def test_rows_may_be_longer_than_the_context(architecture):
    model, examples = tiny_of(architecture), items("single")[:2]
    configurations = grid(model) * 25  # 300 blocks, where 256 tokens are the longest text
    slots = table_by("slots", model, examples, configurations, slots=400)
    naive = sweep(model, examples, configurations[:12], **TASK, way="naive")
    close(slots.iloc[: len(naive)], naive, scale_of(model, examples), 1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_doing_nothing_is_the_clean_run(architecture):
    model, examples = tiny_of(architecture), items("single")
    some, identity = a_map(model.info.d_model), Identity().fit(*[torch.eye(model.info.d_model)] * 2)
    for layer in range(model.info.n_layers):
        configurations = [
            Configuration("a", Site(layer), some, "add_mapped", 0.0),
            Configuration("b", Site(layer), some, "interpolate", 0.0),
            Configuration("c", Site(layer), identity, "replace"),
        ]
        table = sweep(model, examples, configurations, **TASK, way="slots")
        clean = table[table.aligner == "clean"]
        for _, patched in table[table.aligner != "clean"].groupby("aligner"):
            gap = abs(patched.margin.to_numpy() - clean.margin.to_numpy()).max()
            assert gap <= 1e-5 * scale_of(model, examples)
            assert not patched.patch_size.any()


def test_the_clean_run_can_be_left_out_and_can_be_all():
    model, examples = tiny_of("llama"), items("multi")
    table = sweep(model, examples, grid(model), **TASK, clean=False, way="slots")
    assert "clean" not in set(table.aligner)
    alone = sweep(model, examples, [], **TASK, way="slots")
    close(alone, sweep(model, examples, [], **TASK, way="naive"), scale_of(model, examples), 1e-4)
    with pytest.raises(InputError, match="nothing to sweep"):
        sweep(model, examples, [], **TASK, clean=False, way="slots")
    with pytest.raises(InputError, match="no examples of t"):
        sweep(model, [], [], **TASK, way="slots")


def test_a_prompt_of_one_token():
    model = tiny_of("gpt2")
    examples = [Example("x", "a", ("b", "c"), 0, "sw", "dev"), *items("single")]
    configurations = grid(model)
    naive = sweep(model, examples, configurations, **TASK, way="naive")
    close(sweep(model, examples, configurations, **TASK, way="slots"), naive, scale_of(model, examples), 1e-5)


def test_the_model_is_left_as_it_was():
    model, examples = tiny_of("gemma2"), items("single")
    readings = read_examples(model, examples)
    before = score_choices(model, readings)
    sweep(model, examples, grid(model), **TASK, way="slots")
    huge = Configuration("huge", Site(1), lambda_map(lambda h: h * float("inf")), "replace")
    with pytest.raises(InputError, match="NaN or infinity"):
        sweep(model, examples, [huge], **TASK, way="slots")
    after = score_choices(model, readings)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    blocks = [block for wrapped in model._blocks for block in (wrapped, wrapped.original_component)]
    assert not any(block._forward_pre_hooks or "forward" in vars(block) for block in blocks)


def lambda_map(function):
    """Something with a `transform`."""

    class Map:
        transform = staticmethod(function)

    return Map()


def test_what_slots_cannot_do_is_said():
    model = tiny_of("llama")
    readings = read_examples(model, items("single"))
    refusal = ENGINES["slots"].refusal
    assert refusal(model, readings, grid(model)) is None
    inside = Configuration("m", Site(1, "mlp_out"), a_map(model.info.d_model), "replace")
    assert refusal(model, readings, [inside]) == "slots patch resid_post, not mlp_out.1"
    everywhere = Configuration("m", Site(1), a_map(model.info.d_model), "replace", positions="all")
    assert (
        ENGINES["slots"].refusal(model, readings, [everywhere])
        == "slots patch the last prompt token, not 'all'"
    )
    long = read_examples(model, [Example("x", "a" * 300, ("b", "c"), 0, "sw", "dev")])
    assert "tokens, but" in refusal(model, long, [])
    with pytest.raises(InputError, match=r"slots patch resid_post, not mlp_out\.1; use way='naive'"):
        sweep(model, items("single"), [inside], **TASK, way="slots")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"architecture": "novel"}, "slots have not been tried on novel"),
        ({"attention": "flash_attention_2"}, "takes no mask of our own"),
    ],
)
def test_models_that_slots_were_not_made_for_are_refused(change, reason, monkeypatch):
    from dataclasses import replace

    model = tiny_of("llama")
    monkeypatch.setattr(model, "info", replace(model.info, **change))
    assert reason in ENGINES["slots"].refusal(model, [], [])


@pytest.mark.skipif(not HAS_HOOKED, reason="this TransformerLens has no HookedTransformer")
def test_hooked_transformer_has_no_slots():
    assert "neither position ids nor a mask" in ENGINES["slots"].refusal(tiny_of("llama", "hooked"), [], [])


@pytest.mark.parametrize("clean", [True, False])
def test_sweep_mixes_ways_and_keeps_the_order(clean):
    model, examples = tiny_of("qwen2"), items("multi")
    inside = [Configuration("m", Site(n, "mlp_out"), a_map(model.info.d_model), "replace") for n in range(2)]
    configurations = [inside[0], *grid(model, layers=[2]), inside[1], *grid(model, layers=[0])]
    naive = sweep(model, examples, configurations, **TASK, clean=clean, way="naive")
    table = sweep(model, examples, configurations, **TASK, clean=clean)
    close(table, naive, scale_of(model, examples), 1e-4)


def test_sweep_takes_the_fast_path(monkeypatch):
    model, examples = tiny_of("llama"), items("single")
    module = sys.modules["workbench.sweeps.naive"]
    monkeypatch.setattr(module, "naive_scores", lambda *a, **k: pytest.fail("went naive"))
    seen = []
    sweep(model, examples, grid(model), **TASK, progress=lambda *args: seen.append(args))
    assert seen == [("sweep", 0, 1), ("sweep", 1, 1)]


def test_a_wrong_fast_path_stops_the_sweep(monkeypatch):
    """Planted: a tree whose masks forget the sliding windows, as a 4-D mask given at the top does."""
    model, examples = tiny_of("mistral"), items("single")
    configurations = grid(model)
    naive = sweep(model, examples, configurations, **TASK, batch_size=64, way="naive")
    monkeypatch.setattr(TreeMasks, "_by_position", lambda self, own: None)
    says = r"slots and naive disagree on mistral, .* margin \S+ and \S+ \(allowed .* naive for all would take"
    with pytest.raises(InputError, match=says):
        sweep(model, examples, configurations, **TASK)
    anyway = sweep(model, examples, configurations, **TASK, allow_naive=True)
    pd.testing.assert_frame_equal(anyway, naive)


def test_half_precision_passes_for_what_it_is():
    from tiny_models import tiny_path

    from workbench.models import load_model

    model, examples = load_model(tiny_path("llama"), dtype="bfloat16"), items("multi")
    assert len(sweep(model, examples, grid(model), **TASK)) == len(examples) * (1 + len(grid(model)))
