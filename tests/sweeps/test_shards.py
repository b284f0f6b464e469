"""A sweep's parts are fixed before it runs; killed and taken up again it ends in the same bytes."""

import io
import json
import random
from collections import Counter
from dataclasses import replace

import pytest
import torch
from counts import count
from sweep_grids import TASK, a_map, grid, items, joint_grid
from tiny_models import HAS_HOOKED
from tiny_models import tiny as tiny_of

from workbench.align import Identity, LeastSquares, MeanShift
from workbench.core.errors import InputError
from workbench.core.types import Site
from workbench.sweeps import Configuration, Limits, Plan, read_examples, sweep
from workbench.sweeps import run as module
from workbench.sweeps.run import Disagreement, plan_shards
from workbench.sweeps.shards import map_digest
from workbench.tasks import AnswerExample

ASKED = [
    AnswerExample(f"q{i}", prompt, ("a",), "sw", "dev")
    for i, prompt in enumerate(("the cat", "water and trees", "two", "and the house", "a mat"))
]


def as_bytes(table):
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def cases():
    llama = tiny_of("llama")
    mixed = [*grid(llama, layers=[2])[:3], *joint_grid(llama)[2:5]]
    choices = items("single") + [
        replace(e, id=f"{e.id} again", prompt=f"and {e.prompt}") for e in items("single")
    ]
    yield "choices", llama, choices, mixed, {}
    generating = {"scorer": "exact", "max_new_tokens": 4}
    yield "answers", llama, ASKED, joint_grid(llama)[:3], generating
    if HAS_HOOKED:
        yield "hooked", tiny_of("gpt2", "hooked"), choices, mixed[:5], {}


CASES = {name: rest for name, *rest in cases()}


@pytest.mark.parametrize("name", CASES)
def test_a_sweep_killed_anywhere_ends_in_the_same_bytes(name, tmp_path, monkeypatch):
    model, examples, configurations, options = CASES[name]
    options = options | TASK | {"batch_size": 2}
    expected = as_bytes(sweep(model, examples, configurations, **options))
    assert as_bytes(sweep(model, examples, configurations, **options, folder=tmp_path / "whole")) == expected
    ran = []
    real = module.run_shard
    monkeypatch.setattr(module, "run_shard", lambda plan, shard: ran.append(shard) or real(plan, shard))
    rng = random.Random(0)
    for round in range(count(3, 20)):
        folder, kills = tmp_path / str(round), 0
        ran.clear()
        while True:
            last = kills + rng.randint(1, 3 if kills else 2)

            def kill(what, done, total, last=last):
                if len(ran) == last and done < total:
                    raise KeyboardInterrupt

            try:
                table = sweep(model, examples, configurations, **options, folder=folder, progress=kill)
                break
            except KeyboardInterrupt:
                kills = len(ran)
        assert as_bytes(table) == expected
        assert kills and len(ran) == len(set(ran)), "a finished shard was run again"
        assert as_bytes(sweep(model, examples, configurations, **options, folder=folder)) == expected
        assert len(ran) == len(set(ran))


def test_an_error_in_a_shard_leaves_those_before(tmp_path, monkeypatch):
    model, examples, configurations, _ = CASES["choices"]
    options = TASK | {"batch_size": 2, "folder": tmp_path}
    whole = sweep(model, examples, configurations, **TASK, batch_size=2)
    real, ran = module.run_shard, []

    def failing(plan, shard):
        ran.append(shard)
        if len(ran) == 3:
            raise torch.cuda.OutOfMemoryError("no memory")
        return real(plan, shard)

    monkeypatch.setattr(module, "run_shard", failing)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        sweep(model, examples, configurations, **options)
    assert len(list(tmp_path.glob("*/*.parquet"))) == 2
    # Settled when it was begun: the fast ways are not checked again.
    monkeypatch.setattr(module, "check_fast", lambda *a: pytest.fail("checked again"))
    assert as_bytes(sweep(model, examples, configurations, **options)) == as_bytes(whole)
    assert ran.count(ran[0]) == 1


def test_another_sweep_never_meets_these_shards(tmp_path):
    model, examples = tiny_of("llama"), items("single")
    fitted, other = a_map(32), a_map(32, seed=1)
    base = [Configuration("m", Site(1), fitted, "add_mapped", 0.5)]
    sweeps = [
        (model, examples, base, {}),
        (model, examples[:3], base, {}),
        (model, [*examples[:3], items("multi")[3]], base, {}),
        (model, examples, [Configuration("m", Site(1), other, "add_mapped", 0.5)], {}),
        (model, examples, [Configuration("m", Site(1), fitted, "add_mapped", 0.6)], {}),
        (model, examples, [Configuration("m", Site(1), fitted, "add_mapped", 0.5, positions="all")], {}),
        (model, examples, [Configuration("m", Site(1), fitted, "add_mapped", 0.5, seed=1)], {}),
        (model, examples, base, {"clean": False}),
        (model, examples, base, {"batch_size": 3}),
        (tiny_of("qwen2"), examples, base, {}),
    ]
    expected = [as_bytes(sweep(m, e, b, **TASK, **o)) for m, e, b, o in sweeps]
    for again in (False, True):
        for (m, e, b, o), bytes in zip(sweeps, expected, strict=True):
            assert as_bytes(sweep(m, e, b, **TASK, **o, folder=tmp_path)) == bytes, (again, o)
    assert len(list(tmp_path.iterdir())) == len(sweeps)


def test_what_is_damaged_is_named_and_computed_again(tmp_path, caplog):
    model, examples, configurations, _ = CASES["choices"]

    def again():
        caplog.clear()
        table = as_bytes(sweep(model, examples, configurations, **TASK, batch_size=2, folder=tmp_path))
        assert table == whole
        assert {path.name: path.read_bytes() for path in plan.parent.iterdir()} == files
        return [record.getMessage() for record in caplog.records]

    whole = as_bytes(sweep(model, examples, configurations, **TASK, batch_size=2, folder=tmp_path))
    (plan,) = tmp_path.glob("*/plan.json")
    files = {path.name: path.read_bytes() for path in plan.parent.iterdir()}
    one, other, *_ = sorted(plan.parent.glob("*.parquet"))
    assert again() == []
    one.write_bytes(one.read_bytes()[:-20])
    assert again() == [f"{one} is damaged: computed again"]
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert again() == [f"{path} is damaged: computed again" for path in (one, other)]
    twice = one.with_name(f"{one.stem[:6]}-{'0' * 16}.parquet")
    twice.write_bytes(first)
    assert again() == [f"{path} is damaged: computed again" for path in sorted((twice, one))]
    plan.write_text(json.dumps({"plan": "another"}))
    assert again() == [f"{plan} is damaged: computed again"]


@pytest.mark.parametrize("way", ["slots", "suffix", "naive"])
@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("n", [0, 1, 90])
def test_every_configuration_meets_every_example_once(way, clean, n):
    model = tiny_of("llama")
    readings = read_examples(model, items("multi") + items("mixed"))
    configurations = (grid(model) * 4)[:n]
    ways = [way if clean else "", *[way] * n]
    shards = plan_shards(Plan(model, readings, configurations, limits=Limits(3, slots=40)), ways)
    met = Counter((i, j) for shard in shards for i in shard.rows for j in shard.configurations)
    expected = {(i, j) for i in range(len(readings)) for j in range(0 if clean else 1, n + 1)}
    assert set(met) == expected
    assert set(met.values()) <= {1}
    assert all(len(shard.rows) <= 3 for shard in shards)


def test_digests_of_maps_see_their_numbers():
    X, Y = (torch.randn(40, 8, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    maps = [
        LeastSquares().fit(X, Y),
        LeastSquares().fit(X, Y + 1e-3),
        MeanShift().fit(X, Y),
        Identity().fit(X, Y),
    ]
    digests = [map_digest(one, 8) for one in maps]
    assert len(set(digests)) == len(maps)
    assert map_digest(LeastSquares().fit(X, Y), 8) == digests[0]

    class Foreign:
        def __init__(self, factor):
            self.factor = factor

        def transform(self, h):
            return self.factor * h

    assert map_digest(Foreign(2.0), 8) == map_digest(Foreign(2.0), 8) != map_digest(Foreign(2.1), 8)


def test_nothing_to_sweep_is_said():
    with pytest.raises(InputError, match="nothing to sweep over t"):
        sweep(tiny_of("llama"), items("single"), [], **TASK, clean=False)
    with pytest.raises(InputError, match="no examples of t"):
        sweep(tiny_of("llama"), [], [], **TASK)


def test_what_a_sweep_checked_is_not_checked_by_the_next(monkeypatch):
    model, examples, configurations, _ = CASES["choices"]
    checks, real, seen = {}, module.check_fast, []
    monkeypatch.setattr(module, "check_fast", lambda way, plan: seen.append(way) or real(way, plan))
    whole = sweep(model, examples, configurations, **TASK)
    first = sweep(model, examples[:2], configurations, **TASK, checks=checks)
    checked = len(seen)
    rest = sweep(model, examples[2:], configurations[:1], **TASK, checks=checks)
    assert checked and len(seen) == checked and set(checks.values()) == {None}
    assert len(first) + len(rest) < len(whole)
    # What one found beyond tolerance holds for the next, too.
    found = Disagreement("slots", "m", None, "e", (0.0, 1.0), (0, 1), 1e-4, 1.0)
    with pytest.raises(InputError, match="disagree"):
        sweep(model, examples, configurations, **TASK, checks=dict.fromkeys(module.ENGINES, found))
