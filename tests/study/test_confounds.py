"""What is known of sentences before any state is looked at, counted by hand."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from workbench.measure import query_scores
from workbench.study.confounds import script, text_properties


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
        assert found["same_script"][i] == (script(a) == script(b))


def test_a_sentence_s_script_is_that_of_most_letters():
    assert script("Привет, мир and") == "CYRILLIC"
    assert script("天気がいい") in ("HIRAGANA", "CJK") and script("12 …") == ""


def test_the_table_holds_rank_correlations_over_held_out_sentences(study):
    alignment = study.alignment
    states = alignment.capture()
    table = alignment.confounds_table(states)
    rows = alignment.split.test
    assert set(table.site) == {str(site) for site in states.sites} and set(table.n) == {len(rows)}
    at = table[(table.site == "resid_post.1") & (table.method == "retrieval")].set_index("confound")
    x, y = (states.at("resid_post.1", code)[rows] for code in (study.source, study.target))
    sides = ([study.text[code][int(row)] for row in rows] for code in (study.source, study.target))
    properties = text_properties(study.model.tokens, *sides)
    for name, values in properties.items():
        scores = query_scores(x, y)
        if (values == values[0]).all() or (scores == scores[0]).all():
            assert at.rho.isna()[name]
        else:
            assert float(at.rho[name]) == pytest.approx(spearmanr(scores, values).statistic)
