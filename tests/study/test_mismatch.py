"""Prompts' ends against sentence ends: the task's own last-token states, beside a reference."""

from dataclasses import replace

import pytest
import torch

from workbench.core.errors import InputError
from workbench.core.types import Site
from workbench.measures import mismatch
from workbench.tasks import ChoiceTask


def last_states(model, text, layer):
    """The state after a layer at the last token of one text, run by itself."""
    kept = []
    batch = model.batch(model.tokens.encode([text]))
    with torch.no_grad():
        model.run(batch, hooks={Site(layer): lambda h: kept.append(h[0, -1].clone())})
    return kept[0]


def test_states_are_those_at_the_ends_of_the_task_s_dev_prompts(study):
    alignment = study.alignment
    states = alignment.capture()
    table = alignment.mismatch_table(states, study.task)
    assert table.site.tolist() == [str(site) for site in states.sites]
    examples = study.task.examples(study.source, "dev")
    asked = torch.stack([last_states(study.model, example.prompt, 1) for example in examples])
    fitted = states.at("resid_post.1", study.source)[alignment.split.fit]
    found, row = mismatch(fitted, asked), table[table.site == "resid_post.1"].iloc[0]
    assert (row.ratio, row["shift"]) == pytest.approx((found.ratio, found.shift), rel=1e-3)
    assert row.outside == pytest.approx(found.outside, abs=0.01)
    held_out = states.at("resid_post.1", study.source)[alignment.split.test]
    assert row.ratio_held_out == pytest.approx(mismatch(fitted, held_out).ratio)
    assert (row.n, row.n_fit, row.task) == (len(examples), 32, study.task.name) and row.split == "dev"


def test_prompts_that_are_the_sentences_do_not_differ_and_others_do(study):
    alignment = study.alignment
    states = alignment.capture()

    def asked(prompts):
        first = study.task.examples(study.source, "dev")[0]
        items = tuple(replace(first, id=str(i), prompt=prompt) for i, prompt in enumerate(prompts))
        return alignment.mismatch_table(states, ChoiceTask("made", items)).set_index("site")

    sentences = study.text[study.source]
    same = asked([sentences[int(row)] for row in alignment.split.test])
    assert same.ratio.tolist() == pytest.approx(same.ratio_held_out.tolist(), rel=1e-3)
    other = asked([sentence.split()[0] for sentence in sentences])
    assert (other.ratio > 1.2 * same.ratio).any()


def test_a_task_that_does_not_ask_in_the_language_is_refused(study):
    states = study.alignment.capture()
    only = ChoiceTask("there", tuple(e for e in study.task.all if e.language == study.target))
    with pytest.raises(InputError, match="no dev items in"):
        study.alignment.mismatch_table(states, only)


def test_a_site_without_a_mismatch_has_its_reason(study):
    states = study.alignment.capture()
    flat = {
        code: replace(one, states={**one.states, "embed": torch.ones_like(one.states["embed"])})
        for code, one in states.captured.items()
    }
    table = study.alignment.mismatch_table(replace(states, captured=flat), study.task)
    embed = table[table.site == "embed"].iloc[0]
    assert embed.ratio != embed.ratio and "equal" in embed.note
    assert table.ratio[1:].notna().all()
