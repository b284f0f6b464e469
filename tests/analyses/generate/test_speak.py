"""Texts under a patch: against a loop without a cache, whatever the batches, and resumed to the byte."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from workbench.analyses.generate import texts as room
from workbench.analyses.generate.texts import begin, beginnings, speak
from workbench.intervene import applied
from workbench.methods.recipes import RECIPES, Ingredients, turned
from workbench.stats import paired_interval
from workbench.sweeps.plan import patches_of


@pytest.fixture(scope="module")
def prompts(planted):
    return beginnings(planted.study, 80)["x-poor-far"]["test"]


@pytest.fixture(scope="module")
def push(planted):
    """A step into the main language at all tokens of one layer, fixed beforehand."""
    configurations = RECIPES["clas_bench"].configurations(Ingredients(planted.study))
    found = next(b for b in configurations if b.site.layer == 5 and b.strength == 1)
    return replace(found, aligner="clas_bench")


def texts(planted, prompts, configuration, tokens, folder, batch_size=64):
    return speak(planted.study.model, prompts, configuration, tokens, batch_size, folder)


def test_a_push_into_the_main_language_is_heard_and_one_in_a_random_direction_is_not(
    planted, prompts, push, tmp_path
):
    control = turned(replace(push, aligner="clas_bench~random"), 0)
    there = {}
    for name, configuration in {"clean": None, "pushed": push, "turned": control}.items():
        said = texts(planted, prompts, configuration, 40, tmp_path)
        languages = [guess.language for guess in planted.identifier.guess(list(said.text))]
        there[name] = [float(language == "x-main") for language in languages]
    assert sum(there["pushed"]) > 0.4 * len(prompts)
    for other in ("clean", "turned"):
        assert paired_interval(there["pushed"], there[other]).low > 0.1


@torch.no_grad()
def test_a_patched_text_is_that_of_whole_runs_without_a_cache(planted, prompts, push, tmp_path):
    model, few = planted.study.model, prompts[:3]
    found = texts(planted, few, push, 8, tmp_path)
    for prompt, said in zip(few, found.ids, strict=True):
        (ids,) = model.tokens.encode([prompt.prompt])
        for token in said:
            batch = model.batch([ids])
            with applied(model, patches_of(push), batch):
                assert int(model.run(batch)[0, -1].argmax()) == token
            ids.append(int(token))
    assert (found.patch_size > 0).all()


def test_without_strength_a_patched_text_is_the_clean_one(planted, prompts, push, tmp_path):
    nothing = replace(push, strength=0.0)
    clean, same = (texts(planted, prompts[:8], b, 20, tmp_path) for b in (None, nothing))
    assert clean.text.tolist() == same.text.tolist()
    assert texts(planted, prompts[:8], push, 20, tmp_path).text.tolist() != clean.text.tolist()


def test_batches_do_not_change_texts(planted, prompts, push, tmp_path):
    one, other = (texts(planted, prompts[:10], push, 20, tmp_path, size) for size in (10, 3))
    assert one.text.tolist() == other.text.tolist()


def test_what_was_stopped_goes_on_and_finished_batches_are_not_run_again(
    planted, prompts, push, tmp_path, monkeypatch
):
    some, whole = prompts[:10], texts(planted, prompts[:10], push, 10, tmp_path / "whole", 4)
    plain, run = room._speak, []

    def stopped(model, questions, configuration, tokens):
        run.append(len(questions))
        if len(run) == 2:
            raise KeyboardInterrupt
        return plain(model, questions, configuration, tokens)

    monkeypatch.setattr(room, "_speak", stopped)
    with pytest.raises(KeyboardInterrupt):
        texts(planted, some, push, 10, tmp_path / "part", 4)
    again = texts(planted, some, push, 10, tmp_path / "part", 4)
    assert run == [4, 4, 4, 2]
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), whole.drop(columns="seconds"))
    assert texts(planted, some, None, 10, tmp_path / "part", 4).text.tolist() != whole.text.tolist()


def test_prompts_are_beginnings_in_whole_words_that_no_half_shares(planted):
    study = planted.study
    found = beginnings(study, 60)
    held = {study.text["x-poor-far"][int(row)] for row in study.alignment.split.test}
    halves = [{p.prompt for p in found["x-poor-far"][half]} for half in ("dev", "test")]
    assert [len(half) for half in halves] == [30, 30] and not halves[0] & halves[1]
    for language in ("x-poor-far", "x-main"):
        for prompt in found[language]["test"]:
            (whole,) = prompt.answers
            assert whole == study.text[language][int(prompt.id)]
            assert whole.startswith(prompt.prompt + " ")
    assert all(p.answers[0] in held for p in found["x-poor-far"]["dev"])
    assert [p.id for p in found["x-poor-far"]["test"]] == [p.id for p in found["x-main"]["test"]]
    assert begin(study.model, "bo") is None
