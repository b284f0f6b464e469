"""Generated answers against a loop without cache that runs one example at a time."""

import pandas as pd
import pytest
import torch
from sweep_grids import TASK, joint_grid
from tiny_models import CELLS
from tiny_models import tiny as tiny_of

from workbench.core.errors import InputError
from workbench.core.types import Site
from workbench.intervene import applied
from workbench.sweeps import Configuration, sweep
from workbench.sweeps.plan import patches_of
from workbench.sweeps.score import Generation
from workbench.tasks import AnswerExample, Example

PROMPTS = ("the cat", "a much longer sentence than that one, with water and trees", "two birds", "mti")


def asked(*answers):
    return [
        AnswerExample(f"q{i}", prompt, answers or ("nobody says this",), "sw", "dev", f"g{i % 2}")
        for i, prompt in enumerate(PROMPTS)
    ]


@torch.no_grad()
def by_hand(model, prompt, configuration, n):
    """The likeliest tokens, each from a whole run without cache."""
    (ids,) = model.tokens.encode([prompt])
    said = []
    for _ in range(n):
        batch = model.batch([ids + said])
        if configuration is None:
            logits = model.run(batch)
        else:
            ends, from_clean = torch.tensor([len(ids) - 1]), configuration.joint == "from_clean"
            with applied(model, patches_of(configuration), batch, ends=ends, from_clean=from_clean):
                logits = model.run(batch)
        token = int(logits[0, -1].argmax())
        if token in model.ends:
            break
        said.append(token)
    return model.tokens.decode(said)


@pytest.mark.parametrize(("architecture", "backend"), CELLS)
def test_answers_are_those_by_hand(architecture, backend):
    model = tiny_of(architecture, backend)
    configurations = joint_grid(model, layers=[(0, 2)], strength=-2.0)
    table = sweep(
        model, asked(), configurations, **TASK, scorer="exact", max_new_tokens=5, until=None, batch_size=3
    )
    assert len(table) == len(PROMPTS) * (1 + len(configurations))
    runs = [table[i : i + len(PROMPTS)] for i in range(0, len(table), len(PROMPTS))]
    for configuration, rows in zip([None, *configurations], runs, strict=True):
        for prompt, row in zip(PROMPTS, rows.itertuples(), strict=True):
            assert row.generated == by_hand(model, prompt, configuration, 5).strip()
    assert len({tuple(rows.generated) for rows in runs}) > 1  # patches change what is said


def test_scores_are_the_scorers(monkeypatch):
    model = tiny_of("llama")
    said = ["  blue\nQuestion: what now", "The blue!", "blue sky", ""]
    decode = model.tokens.decode
    monkeypatch.setattr(
        type(model), "generate", lambda self, batch, n, enough: [[i] for i in range(len(batch))]
    )
    by_length = sorted(range(4), key=lambda i: len(model.tokens.encode([PROMPTS[i]])[0]))
    monkeypatch.setattr(
        model.tokens, "decode", lambda ids: said[by_length[ids[0]]] if len(ids) == 1 else decode(ids)
    )
    rows = {scorer: sweep(model, asked("blue"), [], **TASK, scorer=scorer) for scorer in ("exact", "f1")}
    assert rows["exact"].generated.tolist() == ["blue", "The blue!", "blue sky", ""]
    assert rows["exact"].score.tolist() == [1, 0, 0, 0]
    assert rows["f1"].score.tolist() == [1, pytest.approx(2 / 3), pytest.approx(2 / 3), 0]
    for table in rows.values():
        assert table.correct.tolist() == [True, False, False, False]
        assert table.margin.isna().all() and table.prediction.isna().all()


def test_an_answer_ends_where_it_is_told_to():
    model = tiny_of("llama")
    long = sweep(model, asked(), [], **TASK, scorer="exact", max_new_tokens=8, until=None).generated[0]
    stop = long[len(long) // 2]
    calls = []
    handle = model.point(Site(0)).register_forward_hook(lambda *a: calls.append(1))
    short = sweep(model, asked()[:1], [], **TASK, scorer="exact", max_new_tokens=8, until=stop).generated[0]
    handle.remove()
    assert short == long.partition(stop)[0].strip()
    assert len(calls) < 8  # it went no further than needed
    assert Generation("exact").answer("\n 18 \n\nQuestion: 3") == "18"


def test_choices_have_scores_but_answers_no_margins(tmp_path):
    model = tiny_of("llama")
    configuration = Configuration.jointly(
        "m", {b.site: b.map for b in joint_grid(model)[:1]}, "add_mapped", 0.5
    )
    table = sweep(model, asked(), [configuration], **TASK, scorer="exact", max_new_tokens=3)
    assert (table[table.aligner == "m"].patch_size > 0.01).all()
    table.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), table)


def test_what_cannot_be_generated_is_said():
    model, one = tiny_of("llama"), Example("x", "a", ("b", "c"), 0, "sw", "dev")
    refused = [
        (asked(), {}, "pass scorer=task.scorer"),
        (asked(), {"scorer": "exakt"}, "did you mean 'exact'"),
        (asked(), {"scorer": "exact", "max_new_tokens": 0}, "at least one token"),
        (asked(), {"scorer": "exact", "max_new_tokens": 300}, "ask for fewer tokens"),
        ([*asked(), one], {"scorer": "exact"}, "sweep over each kind alone"),
    ]
    for examples, options, says in refused:
        with pytest.raises(InputError, match=says):
            sweep(model, examples, [], **TASK, **options)
