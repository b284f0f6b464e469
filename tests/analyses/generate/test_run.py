"""A run from choosing to tables: what is chosen on dev is reported on test, resumed and repeated alike."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from analyses.generate.conftest import PLAN, tiny_study
from organism_models import FAR, MAIN

from workbench.analyses.generate import Plan, generate
from workbench.analyses.generate import texts as room
from workbench.analyses.generate.run import best, harmonic
from workbench.analyses.generate.texts import repetition, speak
from workbench.core.errors import InputError
from workbench.methods.recipes import RECIPES, Ingredients
from workbench.select import Choice, freeze
from workbench.stats import mean_interval, paired_interval, wilson_interval


def summary(generated, method, prompted=FAR):
    table = generated.summary
    return table[(table.method == method) & (table.prompted == prompted)].iloc[0]


def rows(generated, method, prompted=FAR):
    table = generated.table
    return table[(table.method == method) & (table.prompted == prompted)]


def test_every_variant_has_its_rows_over_the_same_prompts(generated):
    _, found = generated
    names = [("clean", FAR), ("clean", MAIN), ("clas_bench", FAR), ("clas_bench~random", FAR)]
    assert list(zip(found.summary.method, found.summary.prompted, strict=True)) == names
    examples = [rows(found, *name).example.tolist() for name in names]
    assert all(one == examples[0] for one in examples) and len(examples[0]) == PLAN.prompts // 2
    assert list(found.skipped) == ["study"]


def test_the_configuration_is_the_best_on_dev_and_test_prompts_have_no_say(generated):
    _, found = generated
    record = json.loads(found.paths["choices"].read_text())
    assert len(record["digest"]) == 64
    for name in ("clas_bench", "clas_bench~random"):
        made = record["methods"][name]
        assert len(made["dev"]) == 3 * 5
        top = max(one["score"] for one in made["dev"])
        if made["chosen"] is None:
            assert top <= record["clean"]["score"]
            assert rows(found, name).text.tolist() == rows(found, "clean").text.tolist()
        else:
            mine = [one for one in made["dev"] if made["chosen"].items() <= one.items()]
            assert [one["score"] for one in mine] == [top] and top > record["clean"]["score"]
        for one in made["dev"]:
            fresh = 0 if one["repetition"] is None else 1 - one["repetition"]
            assert one["score"] == pytest.approx(harmonic(one["language_control"], fresh))
    asked = record["about"]["prompts"]
    assert not set(asked["dev"]) & set(asked["test"])
    assert set(found.table.example) == set(asked["test"])


def test_configurations_meet_dev_prompts_alone_and_test_prompts_come_after_the_choice(
    tiny_model, tmp_path, monkeypatch
):
    study, calls = tiny_study(tmp_path, tiny_model), []

    def watched(model, prompts, configuration, *more):
        calls.append(
            ({p.split for p in prompts}, configuration, (tmp_path / "generate" / "choices.json").exists())
        )
        return speak(model, prompts, configuration, *more)

    monkeypatch.setattr("workbench.analyses.generate.run.speak", watched)
    found = generate(study, PLAN)
    dev = [configuration for split, configuration, frozen in calls if split == {"dev"} and not frozen]
    test = [configuration for split, configuration, frozen in calls if split == {"test"} and frozen]
    assert len(dev) == 1 + 2 * 3 * 5 and len(test) == len(found.summary) == 4
    assert len(dev) + len(test) == len(calls)
    assert len({str(configuration) for configuration in dev}) == len(dev)


def test_of_equal_configurations_the_weakest_is_chosen_and_none_that_clean_equals(generated):
    study, _ = generated
    configurations = [
        replace(b, aligner="m") for b in RECIPES["clas_bench"].configurations(Ingredients(study))
    ][:3]
    scores = [0.6, 0.7, 0.7]
    assert best(configurations, scores, 0.1) == 1
    assert best(configurations[::-1], scores[::-1], 0.1) == 1
    assert best(configurations, scores, 0.7) is None


def test_summaries_are_those_of_the_rows(generated):
    _, found = generated
    clean = rows(found, "clean")
    for variant in found.summary.itertuples():
        own = rows(found, variant.method, variant.prompted)
        right = own.language == MAIN
        interval = wilson_interval(int(right.sum()), len(own))
        assert (variant.language_control, variant.language_control_low) == (interval.estimate, interval.low)
        shares = variant.language_control + variant.source_share + variant.other_share + variant.unclear_share
        assert shares == pytest.approx(1)
        repeated = mean_interval(own.repetition.astype(float))
        assert (variant.repetition, variant.repetition_high) == (repeated.estimate, repeated.high)
        if own is not clean and not own.equals(clean):
            gain = paired_interval(right.astype(float), (clean.language == MAIN).astype(float))
            assert variant.control_gain_low == gain.low
            change = paired_interval(own.repetition.astype(float), clean.repetition.astype(float))
            assert variant.repetition_change == change.estimate
    assert pd.isna(summary(found, "clean").control_gain)
    assert pd.notna(summary(found, "clas_bench").over_random)
    assert pd.isna(summary(found, "clas_bench~random").over_random)


def test_repetition_is_that_of_the_generated_tokens(generated, tiny_model):
    _, found = generated
    row = rows(found, "clean").iloc[0]
    (ids,) = tiny_model.tokens.encode([row.prompt])
    said = tiny_model.generate(tiny_model.batch([ids], "left"), PLAN.tokens)[0]
    assert row.tokens == len(said) == PLAN.tokens
    assert row.repetition == pytest.approx(repetition(said))
    assert row.text == tiny_model.tokens.decode(said).strip()


def test_stopped_and_resumed_the_tables_are_the_same_bytes(generated, tiny_model, tmp_path, monkeypatch):
    _, found = generated
    study, plain, run = tiny_study(tmp_path, tiny_model), room._speak, []

    def stopped(*arguments):
        run.append(1)
        if len(run) == 20:
            raise KeyboardInterrupt
        return plain(*arguments)

    monkeypatch.setattr(room, "_speak", stopped)
    with pytest.raises(KeyboardInterrupt):
        generate(study, PLAN)
    assert not (tmp_path / "generate" / "generation.parquet").exists()
    again = generate(study, PLAN)
    for name in ("generation", "summary", "choices"):
        assert again.paths[name].read_bytes() == found.paths[name].read_bytes()
    assert set(json.loads(again.paths["timings"].read_text())["seconds_per_token"]) >= {"clean", "clas_bench"}


def test_a_studys_own_choice_and_its_controls_are_generated_with(tiny_model, tmp_path):
    study = tiny_study(tmp_path, tiny_model)
    states = study.alignment.capture()
    where = {"site": "resid_post.1", "positions": "last", "joint": "one", "seed": 0}
    choices = {
        "ridge": Choice("ridge", "replace", 1, 1.0, 0.1, 0.1, 0.1, where),
        "mean_shift": Choice("mean_shift", "replace", 1, 1.0, 0.1, 0.1, 0.1, where),
        "shuffled_pairs": Choice("shuffled_pairs", "replace", 1, 1.0, 0.1, 0.1, 0.1, where),
        "identity": Choice("identity", None, None, None, 0.0, 0.0),
    }
    path = tmp_path / "choices.json"
    freeze(choices, path, {"states": states.digest})
    found = generate(study, Plan(methods=("study",), tokens=6, prompts=4))
    patched = found.summary[found.summary.kind == "study"]
    assert list(zip(patched.method, patched.control, strict=True)) == [
        ("ridge", False),
        ("shuffled_pairs", True),
    ]
    assert patched.positions.tolist() == ["last", "last"] and patched.layer.tolist() == [1, 1]
    assert (rows(found, "ridge").patch_size > 0).all()
    freeze(choices, path, {"states": "of other sentences"})
    with pytest.raises(InputError, match="made from other states"):
        generate(study, Plan(methods=("study",), tokens=6, prompts=4))


def test_what_cannot_be_generated_is_said(tiny_model, tmp_path):
    study = tiny_study(tmp_path, tiny_model)
    with pytest.raises(InputError, match=r"takes \d+ tokens, which leaves \d+ new ones"):
        generate(study, Plan(tokens=10_000, prompts=8))
    with pytest.raises(InputError, match="did you mean 'clas_bench'"):
        Plan(methods=("class_bench",))
    with pytest.raises(InputError, match="give 4 at least"):
        Plan(prompts=2)
    growing = generate(study, Plan(methods=("procrustes_greedy",), tokens=4, prompts=8))
    assert "grow" in growing.skipped["procrustes_greedy"]
    room_left = study.model.info.n_ctx
    whole = generate(study, Plan(methods=(), prompts=90))
    assert whole.table.tokens.max() < room_left and "not 200" in whole.notes[0]
    assert "different beginnings, not 90" in whole.notes[1]
