"""How many threads a model runs on: as asked, as in the run, or the fastest number."""

from argparse import Namespace

import pytest
import torch
from tiny_models import tiny

from workbench.cli import inputs
from workbench.cli.inputs import fastest_threads, threads_of
from workbench.core.store import write_json


@pytest.mark.parametrize(
    ("seconds", "most", "chosen", "tried"),
    [
        ({1: 1.0, 2: 0.6}, 2, 2, [1, 2]),
        ({1: 1.0, 2: 3.0}, 2, 1, [1, 2]),  # a busy machine
        ({1: 1.0, 2: 0.95}, 2, 1, [1, 2]),  # hardly faster
        ({1: 1.0, 4: 0.9}, 4, 4, [1, 4]),
        ({1: 1.0, 4: 0.5, 8: 0.3}, 8, 8, [1, 4, 8]),
        ({1: 1.0, 4: 0.5, 8: 0.48}, 8, 4, [1, 4, 8]),
        ({1: 1.0, 3: 1.2, 6: 0.7}, 6, 6, [1, 3, 6]),
    ],
)
def test_more_threads_must_be_a_tenth_faster(seconds, most, chosen, tried):
    asked = []
    assert fastest_threads(lambda n: asked.append(n) or seconds[n], most) == chosen
    assert asked == tried


@pytest.fixture
def two_threads():
    """Two threads for torch, put back after."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_model_that_is_not_small_is_timed(monkeypatch, tmp_path, capsys, two_threads):
    monkeypatch.setattr(inputs, "SMALL", 0)
    monkeypatch.setattr(inputs, "_seconds_on", lambda threads, model: {1: 1.0, 2: 4.0}[threads])
    assert threads_of(Namespace(threads=None, jobs=1, out=tmp_path), tiny("llama")) == 1
    assert capsys.readouterr().out == "threads: 1 of 2 (measured)\n"
    assert torch.get_num_threads() == 2


def test_nothing_is_timed_where_the_number_is_known(monkeypatch, tmp_path, capsys, two_threads):
    monkeypatch.setattr(inputs, "_seconds_on", lambda *a: pytest.fail("timed"))
    assert threads_of(Namespace(threads=None, jobs=1, out=tmp_path), tiny("llama")) == 1, "a small model"
    monkeypatch.setattr(inputs, "SMALL", 0)
    assert threads_of(Namespace(threads=3, jobs=1, out=tmp_path), tiny("llama")) == 3
    write_json(tmp_path / "specification.json", {"threads": 5})
    assert threads_of(Namespace(threads=None, jobs=1, out=tmp_path), tiny("llama")) == 5
    assert capsys.readouterr().out == ""


def test_the_pass_runs_on_the_threads_asked_for(monkeypatch, two_threads):
    model, used = tiny("gpt2"), []
    real = type(model).run
    monkeypatch.setattr(
        type(model), "run", lambda *a, **k: used.append(torch.get_num_threads()) or real(*a, **k)
    )
    assert inputs._seconds_on(1, model) > 0
    assert set(used) == {1}
