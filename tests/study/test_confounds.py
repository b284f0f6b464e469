"""What is known of sentences before any state is looked at, counted by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from organism_models import NEAR, tiny_organism
from scipy.stats import spearmanr

from workbench.core.languages import main_script
from workbench.measures import METRICS
from workbench.study.similarity import text_properties


def test_properties_are_what_the_tokens_say(study):
    tokens = study.model.tokens
    source, target = (study.text[code][:12] for code in (study.source, study.target))
    found = text_properties(tokens, source, target)
    for i, (a, b) in enumerate(zip(source, target, strict=True)):
        here, there = (ids[len(tokens.prefix) :] for ids in tokens.encode([a, b]))
        assert found["length"][i] == len(here)
        assert found["length_ratio"][i] == pytest.approx(abs(np.log(len(here) / len(there))))
        per_word = (len(here) / len(a.split())) / (len(there) / len(b.split()))
        assert found["fertility"][i] == pytest.approx(per_word)
        assert found["shared_tokens"][i] == pytest.approx(len(set(here) & set(there)) / len(set(here)))
        assert found["same_script"][i] == (main_script(a) == main_script(b))


def test_the_table_holds_rank_correlations_over_held_out_sentences(study):
    # Of a pair with cognates: elsewhere in so small a world nothing varies from sentence to sentence.
    alignment = replace(study.alignment, text=tiny_organism().text(), source=NEAR)
    states = alignment.capture()
    table = alignment.confounds_table(states)
    rows = alignment.split.test
    assert set(table.site) == {str(site) for site in states.sites} and set(table.n) == {len(rows)}
    assert table.groupby(["site", "measure"]).size().to_dict() == {
        (str(site), measure): 5 for site in states.sites for measure in METRICS
    }
    x, y = (states.at("resid_post.1", code)[rows] for code in (alignment.source, alignment.target))
    sides = (
        [alignment.text[code][int(row)] for row in rows] for code in (alignment.source, alignment.target)
    )
    properties = text_properties(study.model.tokens, *sides)
    found = table[table.site == "resid_post.1"].set_index(["measure", "confound"])
    for measure, metric in METRICS.items():
        scores = metric.by_sentence(x, y) * (1 if metric.higher_is_better else -1)
        for name, values in properties.items():
            row = found.loc[(measure, name)]
            if (values == values[0]).all() or (scores == scores[0]).all():
                assert row.isna().rho and "constant" in row.note
            else:
                assert float(row.rho) == pytest.approx(spearmanr(scores, values).statistic)
                assert row.low < row.rho < row.high and row.note == ""
    assert found.rho.notna()["procrustes", "shared_tokens"]


def test_a_site_with_nothing_to_compare_has_its_reason(study):
    states = study.alignment.capture()
    flat = {
        code: replace(one, states={**one.states, "embed": torch.ones_like(one.states["embed"])})
        for code, one in states.captured.items()
    }
    table = study.alignment.confounds_table(replace(states, captured=flat))
    embed = table[(table.site == "embed") & (table.measure == "cka")]
    assert len(embed) == 5 and embed.rho.isna().all() and embed.note.str.contains("equal").all()
    assert len(table) == len(states.sites) * len(METRICS) * 5
