"""The naive sweep against arithmetic done by hand, one example at a time."""

import pandas as pd
import pytest
import torch

from workbench.align import Identity, LeastSquares
from workbench.core.errors import InputError
from workbench.core.types import Site
from workbench.sweeps import COLUMNS, Configuration, read_examples, score_choices, sweep
from workbench.tasks import AnswerExample, Example


def by_hand(model, reading, site=None, change=None):
    """Σ log p of each choice's tokens, each choice run alone, the prompt's last state changed."""
    scores = []
    for choice in reading.choices:
        batch = model.batch([reading.prompt + choice])
        at = len(reading.prompt) - 1

        def hook(h, at=at):
            h = h.clone()
            h[:, at] = change(h[:, at])
            return h

        with torch.no_grad():
            logits = model.run(batch, hooks={site: hook} if site else None)
        log_p = logits[0].log_softmax(-1)
        scores.append(sum(log_p[at + i, token] for i, token in enumerate(choice)))
    return torch.stack(scores)


def a_map(width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    X, Y = (torch.randn(80, width, generator=generator) for _ in range(2))
    return LeastSquares().fit(X, X + 0.3 * Y)


@pytest.mark.parametrize("kind", ["single", "multi"])
@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_clean_scores_are_those_by_hand(tiny, request, kind, batch_size):
    readings = read_examples(tiny, request.getfixturevalue(kind))
    lengths = {len(choice) for reading in readings for choice in reading.choices}
    assert (lengths == {1}) == (kind == "single")
    for got, reading in zip(score_choices(tiny, readings, batch_size=batch_size), readings, strict=True):
        torch.testing.assert_close(got, by_hand(tiny, reading), atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["single", "multi"])
@pytest.mark.parametrize("layer", [0, 2])
def test_patched_rows_are_those_by_hand(tiny, request, kind, layer):
    examples = request.getfixturevalue(kind)
    fitted, site = a_map(tiny.info.d_model), Site(layer)
    configuration = Configuration("least_squares", site, fitted, "add_mapped", strength=0.7, seed=5)
    table = sweep(tiny, examples, [configuration], task="t", pair="sw-en", batch_size=3, way="naive")
    patched = table[table.aligner == "least_squares"].set_index("example")
    for reading in read_examples(tiny, examples):
        sizes = []

        def change(h, sizes=sizes):
            after = h + 0.7 * fitted.transform(h)
            sizes.append(float((after - h).norm() / h.norm()))
            return after

        scores, answer = by_hand(tiny, reading, site, change), reading.example.answer
        row = patched.loc[reading.example.id]
        others = [s for i, s in enumerate(scores.tolist()) if i != answer]
        assert row.margin == pytest.approx(float(scores[answer]) - max(others), abs=1e-4)
        assert row.prediction == int(scores.argmax())
        assert row.correct == (row.prediction == answer)
        assert row.patch_size == pytest.approx(sizes[0], abs=1e-4)
        assert (row.strength, row.seed, row.layer, row.site) == (0.7, 5, layer, f"resid_post.{layer}")


@pytest.mark.parametrize("kind", ["single", "multi"])
@pytest.mark.parametrize(
    ("positions", "from_clean"),
    [("last", False), ("prompt", False), ("all", False), ("last", True), ("prompt", True)],
)
def test_joint_configurations_are_those_by_hand(tiny, request, kind, positions, from_clean):
    examples, sites = request.getfixturevalue(kind), [Site(0), Site(2)]
    maps = {site: a_map(tiny.info.d_model, seed=site.layer) for site in sites}
    configuration = Configuration.jointly(
        "m", maps, "add_mapped", 0.3, positions=positions, from_clean=from_clean
    )
    table = sweep(
        tiny, examples, [configuration], task="t", pair="sw-en", batch_size=3, clean=False, way="naive"
    )
    assert set(table.site) == {"resid_post.0,2"} and set(table.layer) == {0}
    for reading, row in zip(read_examples(tiny, examples), table.itertuples(), strict=True):
        end, scores = len(reading.prompt), []
        part = {"last": slice(end - 1, end), "prompt": slice(0, end), "all": slice(0, None)}[positions]
        for choice in reading.choices:
            batch, clean = tiny.batch([reading.prompt + choice]), {}

            def keep(site, clean=clean):
                return lambda h: clean.update({site: h.clone()})

            def patch(site, clean=clean, part=part):
                def hook(h):
                    changed, of = h.clone(), clean[site] if from_clean else h
                    changed[:, part] = of[:, part] + 0.3 * maps[site].transform(of[:, part])
                    return changed

                return hook

            with torch.no_grad():
                tiny.run(batch, hooks={site: keep(site) for site in sites})
                logits = tiny.run(batch, hooks={site: patch(site) for site in sites})
            log_p = logits[0].log_softmax(-1)
            scores.append(sum(float(log_p[end - 1 + i, token]) for i, token in enumerate(choice)))
        right = scores.pop(reading.example.answer)
        assert row.score == pytest.approx(right, abs=1e-4)
        assert row.margin == pytest.approx(right - max(scores), abs=1e-4)


def test_the_table_has_its_columns_and_survives_parquet(tiny, single, tmp_path):
    configuration = Configuration(
        "identity", Site(1), Identity().fit(*[torch.eye(tiny.info.d_model)] * 2), "replace"
    )
    table = sweep(tiny, single, [configuration], task="t", pair="sw-en", way="naive")
    assert list(table) == list(COLUMNS)
    assert len(table) == 2 * len(single)
    table.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), table)


@pytest.mark.parametrize(("name", "strength"), [("replace", 1.0), ("add_mapped", 0.0)])
def test_doing_nothing_changes_no_margin(tiny, single, name, strength):
    identity = Identity().fit(*[torch.eye(tiny.info.d_model)] * 2)
    configuration = Configuration("identity", Site(1), identity, name, strength)
    table = sweep(tiny, single, [configuration], task="t", pair="sw-en", way="naive")
    clean, patched = table[table.aligner == "clean"], table[table.aligner == "identity"]
    assert patched.margin.tolist() == clean.margin.tolist()
    assert not patched.patch_size.any()


def test_progress_counts_the_runs(tiny, single):
    seen = []
    sweep(tiny, single, [], task="t", pair="sw-en", progress=lambda *args: seen.append(args), way="naive")
    assert seen == [("sweep", 0, 1), ("sweep", 1, 1)]


def test_a_choice_that_melts_into_its_prompt_is_refused(tiny):
    class Merging:
        def encode(self, texts):
            return [[1, len(text)] for text in texts]

    class Model:
        tokens = Merging()

    with pytest.raises(InputError, match="start the choices with a space"):
        read_examples(Model(), [Example("x", "ab", ("c", "d"), 0, "sw", "dev")])


def test_a_way_must_be_known_and_able(tiny):
    single = [Example("x", "a", ("b", "c"), 0, "sw", "dev")]
    with pytest.raises(InputError, match=r"unknown way 'slot': did you mean 'slots'"):
        sweep(tiny, single, [], task="t", pair="sw-en", way="slot")
    asked = [AnswerExample("x", "a", ("b",), "sw", "dev")]
    with pytest.raises(InputError, match="answers are generated naively"):
        sweep(tiny, asked, [], task="t", pair="sw-en", way="slots", scorer="exact")
    options = {"task": "t", "pair": "sw-en", "scorer": "exact", "max_new_tokens": 2}
    pd.testing.assert_frame_equal(
        sweep(tiny, asked, [], **options, way="naive"), sweep(tiny, asked, [], **options)
    )


def test_no_examples_no_sweep(tiny):
    with pytest.raises(InputError, match="no examples of t"):
        sweep(tiny, [], [], task="t", pair="sw-en", way="naive")
