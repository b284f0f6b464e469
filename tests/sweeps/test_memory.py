"""Where memory runs out, a sweep goes on in smaller parts, and its table is the same."""

import logging
from dataclasses import replace

import pandas as pd
import pytest
import torch
from sweep_grids import TASK, a_map, grid, items, joint_grid
from tiny_models import tiny as tiny_of

from workbench.analyses.generate.texts import speak
from workbench.core.errors import InputError
from workbench.core.types import Site
from workbench.models.memory import is_out_of_memory
from workbench.sweeps import Configuration, Limits, sweep
from workbench.sweeps.plan import Plan
from workbench.sweeps.run import run_shard
from workbench.sweeps.shards import Shard
from workbench.sweeps.slots import block_size
from workbench.tasks import AnswerExample

EXAMPLES = items("multi") + [replace(e, id=f"{e.id} again") for e in items("multi")]
ASKED = [
    AnswerExample(f"q{i}", prompt, ("a",), "sw", "dev")
    for i, prompt in enumerate(("the cat", "water and trees", "two", "and the house", "a mat"))
]
ERRORS = {
    "gpu": torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "cpu": RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
    "numpy": MemoryError("Unable to allocate 2.00 GiB for an array"),
    "cublas": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
}


def cases(model):
    fitted = a_map(model.info.d_model)
    last = [Configuration("m", Site(layer), fitted, "add_mapped", 0.5) for layer in (0, 0, 0, 1, 2)]
    all_positions = [replace(one, positions="all") for one in last]
    yield "slots", EXAMPLES, [*last, *joint_grid(model, modes=[("last", True)])], {}
    yield "suffix", EXAMPLES, [*all_positions, *joint_grid(model, modes=[("prompt", True)])], {}
    yield "naive", EXAMPLES, grid(model, layers=[1])[:3], {}
    yield "generated", ASKED, last[2:], {"scorer": "exact", "max_new_tokens": 4}


def limit(monkeypatch, most, error=ERRORS["gpu"]):
    """A model that cannot run more than so many tokens at once; the numbers of tokens it was asked for."""
    kind, asked = type(tiny_of("llama")), []

    def limited(name, tokens):
        real = getattr(kind, name)

        def run(self, first, *more, **named):
            asked.append(tokens(first))
            if asked[-1] > most:
                raise error
            return real(self, first, *more, **named)

        monkeypatch.setattr(kind, name, run)

    limited("run", lambda batch: batch.ids.numel())
    limited("decoder", lambda batch: batch.ids.numel())
    limited("run_forked", lambda forked: forked.prompts.ids.numel() + forked.tails.ids.numel())
    for name in ("run_tree", "remember"):
        limited(name, lambda tree: tree.ids.numel())
    return asked


def assert_same(found, expected):
    numbers = ["margin", "score", "patch_size"]
    pd.testing.assert_frame_equal(found.drop(columns=numbers), expected.drop(columns=numbers))
    for name in numbers:
        torch.testing.assert_close(
            torch.tensor(found[name]), torch.tensor(expected[name]), atol=1e-4, rtol=1e-4, equal_nan=True
        )


@pytest.mark.parametrize("error", ERRORS)
def test_the_table_is_the_same(monkeypatch, caplog, error):
    model = tiny_of("llama")
    for way, examples, configurations, more in cases(model):
        options = TASK | more
        if way == "naive":
            options["way"] = way
        expected = sweep(model, examples, configurations, **options)
        with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
            caplog.clear()
            most = 20 if way == "generated" else 170  # one row for each choice, where naive is checked
            asked = limit(patched, most, ERRORS[error])
            found = sweep(model, examples, configurations, **options)
        assert_same(found, expected)
        assert max(asked) > most, way
        assert len(caplog.records) == 1, "warned once"


def test_a_size_that_did_not_fit_is_not_tried_again(monkeypatch):
    model = tiny_of("llama")
    configurations = [Configuration("m", Site(1), a_map(32), "add_mapped", 0.5)] * 4
    plan = Plan.of(model, EXAMPLES * 4, configurations, task="t", limits=Limits())
    asked = limit(monkeypatch, 60)
    rows = tuple(range(len(plan.items)))
    for _ in range(2):
        asked.clear()
        run_shard(plan, Shard("slots", rows, (0, 1, 2, 3, 4)))
    assert max(asked) <= 60


def test_one_row_is_cut_into_fewer_slots(monkeypatch):
    model = tiny_of("llama")
    configurations = [
        Configuration("m", Site(layer), a_map(32), "add_mapped", 0.5) for layer in (1, 1, 1, 1, 2, 2)
    ]
    plan = Plan.of(model, EXAMPLES[2:3], configurations, task="t", limits=Limits())
    shard = Shard("slots", (0,), tuple(range(7)))
    expected = run_shard(plan, shard)
    tree = len(plan.items[0].prompt) - 1 + block_size(plan.items[0])
    asked = limit(monkeypatch, tree)
    found = run_shard(plan, shard)
    assert max(asked) > tree
    assert_same(found, expected)


@pytest.mark.parametrize("way", ["slots", "suffix", "naive"])
def test_a_prompt_that_does_not_fit_alone_is_one_clear_error(monkeypatch, way):
    model, configurations = tiny_of("llama"), [Configuration("m", Site(1), a_map(32), "add_mapped", 0.5)] * 3
    limit(monkeypatch, 3)
    with pytest.raises(
        InputError, match=r"memory ran out in the sweep with one prompt of .* tokens.*bfloat16"
    ):
        sweep(model, EXAMPLES, configurations, **TASK, way=way)


def test_other_errors_are_what_they_were(monkeypatch):
    limit(monkeypatch, 3, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        sweep(tiny_of("llama"), EXAMPLES, [], **TASK)
    assert not is_out_of_memory(RuntimeError("the tensor's data is not allocated yet"))


def test_generated_texts_are_the_same(monkeypatch, tmp_path):
    model = tiny_of("llama")
    expected = speak(model, ASKED, None, 4, 5, tmp_path / "whole")
    asked = limit(monkeypatch, 20)
    found = speak(model, ASKED, None, 4, 5, tmp_path / "parts")
    assert max(asked) > 20
    pd.testing.assert_frame_equal(found.drop(columns="seconds"), expected.drop(columns="seconds"))
